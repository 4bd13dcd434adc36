#pragma once

#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {

/// Shape rules of functions of one tensor: same type as X, which must be float / any number /
/// signed.
void infer_float_unary(InferContext& context);
void infer_number_unary(InferContext& context);
void infer_signed_unary(InferContext& context);

/// A float matrix with odd sizes, in [-3, 3].
std::vector<OpCase> unary_cases();
/// The same in [low, high].
std::vector<OpCase> unary_cases_within(double low, double high);
/// In [0.1, 3], for functions that need positive numbers.
std::vector<OpCase> positive_unary_cases();

}  // namespace strata::ir
