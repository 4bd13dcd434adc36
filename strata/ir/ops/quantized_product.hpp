#pragma once

#include "strata/ir/ops/quantized.hpp"

namespace strata::ir {

/// Complain unless operand i is a quantity of A's rows: one element, a vector of one per row, or an
/// axis of extent 1 beneath the rows, with A's axes in front of the matrix or 1 for each of them.
/// The same of B's columns, whose last axis they line up with.
void expect_per_row(const InferContext& context, int i, std::string_view what, int a);
void expect_per_column(const InferContext& context, int i, std::string_view what, int b);

/// A vector of one number per row becomes a column.
ValueId as_column(Builder& builder, ValueId quantity);

}  // namespace strata::ir
