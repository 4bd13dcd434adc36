#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strata/compress/quantize/grid.hpp"
#include "strata/ir/graph.hpp"

namespace strata::compress {

/// What an op demands of the grids of its operands, were it to compute on integers.
enum class UnitKind {
  weighted,  ///< Conv, ConvTranspose, Gemm, MatMul with constant weights
  free,      ///< any grid on each side: Add, Mul, AveragePool, GlobalAveragePool, LeakyRelu
  shared,    ///< moves or selects elements, so that both sides have one grid
  fixed      ///< the grid of the result follows from the function: Sigmoid
};

/// Nodes that become one op on integers: a float op and the bound (Relu, Clip) that alone reads it.
struct Unit {
  ir::NodeId main = ir::no_node;
  ir::NodeId activation = ir::no_node;
  UnitKind kind = UnitKind::free;
  std::string name;                   ///< of the user's node
  std::vector<std::size_t> inputs;    ///< operands of `main` that are quantized, constant or not
  ir::ValueId output = ir::no_value;  ///< of the activation, if there is one
  int channel_axis = 0;               ///< of the weight of a weighted unit, its operand 1

  bool weighted() const { return kind == UnitKind::weighted; }
};

/// What the unit's Relu or Clip lets pass: everything where it has none.
Interval activation_bound(const ir::Graph& graph, const Unit& unit);

/// Every unit of a typed graph whose passes ran without fusing, in order. `keep`: patterns (* and
/// ?) of names of the user's nodes that stay float. Throws usage for a pattern that fits no node.
std::vector<Unit> find_units(const ir::Graph& graph, const std::vector<std::string>& keep = {});

/// Whether the pattern, with * and ?, fits the name.
bool fits(const std::string& pattern, const std::string& name);

/// Values that get a grid: what units read and write, each with the one that it shares with others.
/// Groups that no unit but moving ones touches are left out, and such units with them.
struct SharedGrids {
  std::vector<Unit> units;
  /// By value: the group it is in, or -1.
  std::vector<int> group;
  int groups = 0;
  std::vector<ir::ValueId> members(int of) const;
};
SharedGrids share_grids(const ir::Graph& graph, std::vector<Unit> units);

/// The grid that the function of a fixed unit has, as TensorFlow Lite fixes it.
Grid fixed_grid(const ir::Graph& graph, const Unit& unit);

}  // namespace strata::compress
