#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::formats::tflite {

/// Which numbers the integers of a value stand for: (q - zero_point) * scale, for the tensor or for
/// each entry of one axis of the value.
struct Grid {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  int axis = 0;
  bool operator==(const Grid&) const = default;
};

/// The grids of a graph's integer values. In the graph they are operands of the ops that use a
/// value, in the file they are part of it: all its uses must say the same.
class Grids {
 public:
  /// Throws unsupported naming the value that two nodes read differently.
  explicit Grids(const ir::Graph& graph);
  /// Null: plain integers or floats.
  const Grid* find(ir::ValueId value) const;

 private:
  void note(ir::ValueId value, const Grid& grid);
  void note_node(const ir::Node& node);
  bool pass_on(const ir::Node& node);
  Grid read(ir::ValueId scale, ir::ValueId zero_point, int axis = 0) const;

  const ir::Graph& graph_;
  std::unordered_map<std::uint32_t, Grid> grids_;
};

/// Whether the op only moves elements (or picks among them), so that its result has its operand's
/// grid.
bool keeps_grid(const ir::Node& node);

}  // namespace strata::formats::tflite
