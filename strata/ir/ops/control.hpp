#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "strata/ir/op.hpp"

namespace strata::ir {

/// The op's subgraph typed for these inputs, which may also have known elements. Throws model
/// unless there are as many as it takes.
Graph typed_body(const InferContext& context, std::string_view attribute,
                 std::span<const Value> inputs);
/// What operand i is for a subgraph that reads it as it is.
Value captured_operand(const InferContext& context, int i);

/// The output's type with every extent that depends on symbols of the subgraph alone made open.
TensorType visible_type(InferContext& context, int output, const TensorType& inner);

/// The first element of a bool or integer tensor; throws model if it has none.
std::int64_t first_element(const Tensor& tensor);

/// Part i of a tensor along an axis, without that axis.
Tensor take_slice(const Tensor& tensor, int axis, std::int64_t i);
/// Slices side by side along a new axis; in reverse order if asked. `otherwise` is the type of a
/// slice if there is none. Throws model if they differ in shape.
Tensor stack_slices(std::span<const Tensor> slices, int axis, bool reversed,
                    const TensorType& otherwise);

}  // namespace strata::ir
