#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/runtime/apart.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/target.hpp"

namespace strata::runtime {

class Binding;

/// Why a row was not taken: it refused, or another costs less.
struct Rejection {
  std::string_view row;
  std::string reason;
  bool slower = false;  ///< it could run the node, and costs more by the model
};

/// A buffer as the program sees it: a value in one layout. Sizes come with a binding.
struct Buffer {
  /// known: small integers that follow from the sizes alone; a binding computes them.
  enum class Kind : std::uint8_t { arena, input, output, constant, state, known };
  ir::ValueId value = ir::no_value;
  kernels::Layout layout;
  Kind kind = Kind::arena;
  int index = 0;     ///< of the graph input, output or state
  int view_of = -1;  ///< shares the bytes of this buffer
  Tensor data;       ///< of a constant
};

/// One kernel call of the plan, before sizes are known.
struct Step {
  std::string name;  ///< of the node; "NODE: reorder to LAYOUT" for what the planner inserts
  std::string op;
  ir::NodeId node = ir::no_node;  ///< no_node: a reorder or a copy
  const kernels::Row* row = nullptr;
  const Lowering* how = nullptr;  ///< null: the reference
  kernels::OperandLayouts layouts;
  std::vector<int> in;  ///< buffers
  std::vector<int> out;
  Packed packed;
  std::size_t packed_bytes = 0;
  std::uint64_t packed_form = 0;
  std::vector<ConstantOperand> packed_from;
  std::string weights;  ///< encoding of the packed weights, empty if none
  double estimate = 0;  ///< seconds, modelled
  std::vector<Rejection> rejections;
};

/// A graph with its kernels chosen and its weights packed, for any sizes. Immutable; shared by
/// bindings. Keeps the graph.
class Program {
 public:
  /// Chooses rows and layouts by modelled cost, packs constant weights. The graph is verified and
  /// typed. Throws usage for pins that cannot be honoured, unsupported for ops without any row.
  static std::shared_ptr<const Program> compile(ir::Graph graph, const Target& target);

  const ir::Graph& graph() const { return graph_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }
  const Target& target() const { return target_; }
  /// What a pass had joined and choice took apart.
  const std::vector<Apart>& apart() const { return apart_; }
  /// The buffer of each graph output, and of each state's written value.
  const std::vector<int>& outputs() const { return outputs_; }
  const std::vector<int>& written_states() const { return written_states_; }

 private:
  friend class ProgramBuilder;
  Program() = default;
  ir::Graph graph_;
  Target target_;
  std::vector<Step> steps_;
  std::vector<Buffer> buffers_;
  std::vector<int> outputs_, written_states_;
  std::vector<Apart> apart_;
};

/// The program's packed weights by the names of their constants, for a file of its graph. Those of
/// few bytes are left out: packing them takes no time.
ir::PackedSet packed_weights(const Program& program);

}  // namespace strata::runtime
