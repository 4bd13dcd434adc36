#pragma once

#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {

/// The shape that operands [0, count) broadcast to; complains naming two that do not.
SymbolicShape broadcast_operands(const InferContext& context, int count);

/// Combines the known elements of two broadcast operands, if `f` finds a result for each pair.
using DimFunction = std::optional<Dim> (*)(const Dim& a, const Dim& b);
void set_combined_elements(InferContext& context, DimFunction f);

/// Shape rule of a function of two numbers (not bool) of one type.
void infer_binary(InferContext& context);

/// Broadcasting in its forms, in [low, high]; the second operand never near zero if low > 0.
std::vector<OpCase> binary_cases(DType type, double low, double high);
std::vector<OpCase> float_binary_cases();  ///< [-2, 2]

}  // namespace strata::ir
