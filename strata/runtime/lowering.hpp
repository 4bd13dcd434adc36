#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/kernels/row.hpp"
#include "strata/runtime/packing.hpp"

namespace strata::runtime {

/// A constant that a kernel packs: one part of its encoding as it lies in memory, or the decoded
/// elements.
struct ConstantOperand {
  ir::ValueId value = ir::no_value;  ///< no_value: the kernel gets a null pointer
  int part = PackSource::decoded;
};

/// Which values of the graph a Problem's operands are.
struct Operands {
  std::vector<ir::ValueId> in;
  std::vector<ir::ValueId> out;
  std::vector<ConstantOperand> constants;
};

/// A node and the sizes of everything around it.
class LowerContext {
 public:
  LowerContext(const ir::Graph& graph, const ir::Node& node, std::span<const Shape> shapes)
      : graph_(graph), node_(node), shapes_(shapes) {}

  const ir::Graph& graph() const { return graph_; }
  const ir::Node& node() const { return node_; }
  bool has_input(std::size_t i) const {
    return i < node_.inputs.size() && node_.inputs[i] != ir::no_value;
  }
  ir::ValueId input(std::size_t i) const { return node_.inputs[i]; }
  ir::ValueId output(std::size_t i = 0) const { return node_.outputs[i]; }
  const Shape& shape(ir::ValueId id) const { return shapes_[ir::index(id)]; }
  DType dtype(ir::ValueId id) const { return graph_.value(id).type.dtype; }
  bool is_constant(ir::ValueId id) const { return graph_.is_constant(id); }
  /// Elements of an input that is a constant of integers; else nothing.
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;
  /// All inputs and outputs of the node are f32.
  bool all_f32() const;

 private:
  const ir::Graph& graph_;
  const ir::Node& node_;
  std::span<const Shape> shapes_;  // by value id
};

/// What only the runtime knows of an op: how its nodes become problems. Null: not this way.
struct Lowering {
  std::string_view op;  ///< qualified name
  std::unique_ptr<kernels::Problem> (*lower)(const LowerContext& context, Operands& operands);
};

/// One way to see a node as a kernel's problem, with all sizes known.
struct Lowered {
  const Lowering* how = nullptr;  ///< null: by the op's reference implementation
  std::unique_ptr<kernels::Problem> problem;
  Operands operands;
};

/// The ways to see this node as a problem, best first, the reference last.
std::vector<Lowered> lower(const LowerContext& context);
/// One of them again, for other sizes; the problem is null if these sizes rule it out.
Lowered lower_as(const LowerContext& context, const Lowering* how);

/// Tables, one per file under lowering/.
std::span<const Lowering> conv_lowerings();
std::span<const Lowering> conv_transpose_lowerings();
std::span<const Lowering> gemm_lowerings();
std::span<const Lowering> attention_lowerings();
std::span<const Lowering> pool_lowerings();
std::span<const Lowering> elementwise_lowerings();
std::span<const Lowering> reduce_lowerings();
std::span<const Lowering> movement_lowerings();
std::span<const Lowering> integer_lowerings();
std::span<const Lowering> dynamic_lowerings();
std::span<const Lowering> recurrent_lowerings();
std::span<const Lowering> byte_lowerings();

/// Whether the first output is the first input under another shape: no kernel runs, the buffer is
/// shared.
bool is_view(const ir::Node& node);

}  // namespace strata::runtime
