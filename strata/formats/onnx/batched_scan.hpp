#pragma once

#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// The Scan of opset 8 runs for each entry of a batch: all operands but the captures carry it as
/// their axis 0, and the body does not know of it. Its attributes as those of today's Scan over
/// the batch, whose body holds a Scan over the sequence (axis 1 of the operand).
/// `operands`: types of the operands, without the lengths, captures last; `name`: of the node.
ir::Attributes over_batch(const ir::Attributes& attributes,
                          const std::vector<ir::TensorType>& operands, std::string_view name);

}  // namespace strata::formats::onnx
