#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "strata/kernels/epilogue.hpp"
#include "strata/runtime/lowering.hpp"

namespace strata::runtime {

bool is_fused(const ir::Node& node);

/// The graph with the bodies of its fused nodes in their place, but for those that ir::has_parts.
ir::Graph flattened(const ir::Graph& graph);

/// A head node with what follows it in a strata.Fused body: head [bias] [residual] [activation];
/// MatMul also [transposes] head [factor].
/// A node that is not fused is a region of its own. Values are those of the outer graph.
struct Region {
  const ir::Node* head = nullptr;   ///< for its attributes
  std::vector<ir::ValueId> inputs;  ///< of the head; no_value: omitted
  kernels::Epilogue epilogue;       ///< residual and activation; the bias is the lowering's
  /// Of a MatMul: how each input is transposed before it is multiplied; empty where it is not.
  std::vector<std::int64_t> transposed[2];
  float factor = 1;                 ///< of a MatMul, of the product
  ir::ValueId bias = ir::no_value;  ///< of a MatMul, a constant number for each column
  ir::ValueId residual = ir::no_value;
  ir::ValueId output = ir::no_value;

  bool has_input(std::size_t i) const { return i < inputs.size() && inputs[i] != ir::no_value; }
};

/// The region of this node if its head is an `op`; nothing if the body holds anything else.
std::optional<Region> match_region(const LowerContext& context, std::string_view op);

/// How a constant f32 weight is stored, and its parts for packing: {weights, scales}. The channel
/// axis of per-channel scales must be `channel_axis`, else the weight is decoded.
struct WeightOperands {
  kernels::WeightType type = kernels::WeightType::f32;
  ConstantOperand weights, scales;
};
WeightOperands weight_operands(const LowerContext& context, ir::ValueId weight, int channel_axis);

}  // namespace strata::runtime
