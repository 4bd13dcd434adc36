#include "strata/ir/ops/quantized_product.hpp"

#include "strata/ir/ops/decomposition.hpp"

namespace strata::ir {
namespace {

/// Axes in front of the matrix: those of the factor, or 1 each.
void expect_batches(const SymbolicShape& shape, std::string_view what,
                    const SymbolicShape& factor) {
  bool single = true;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) single = single && shape[i] == Dim(1);
  for (std::size_t i = 0; i + 2 < shape.size() && !single; ++i) {
    expect_extent(fmt::format("extent {} of {}", i, what), shape[i], factor[i]);
  }
}

}  // namespace

void expect_per_row(const InferContext& context, int i, std::string_view what, int a) {
  if (is_single(context, i)) return;
  const SymbolicShape& shape = context.input(i).shape;
  const SymbolicShape& rows = context.input(a).shape;
  if (rows.size() < 2) expect_single(context, i, what);
  if (shape.size() == 1) {
    expect_extent(fmt::format("length of {}", what), shape[0], rows[rows.size() - 2]);
    return;
  }
  context.expect_rank(i, what, int(rows.size()));
  expect_batches(shape, what, rows);
  expect_extent(fmt::format("last extent of {}", what), shape.back(), 1);
  expect_extent(fmt::format("rows of {}", what), shape[shape.size() - 2], rows[rows.size() - 2]);
}
void expect_per_column(const InferContext& context, int i, std::string_view what, int b) {
  if (is_single(context, i)) return;
  const SymbolicShape& shape = context.input(i).shape;
  const SymbolicShape& columns = context.input(b).shape;
  if (columns.size() < 2) expect_single(context, i, what);
  if (shape.size() != 1) {
    context.expect_rank(i, what, int(columns.size()));
    expect_batches(shape, what, columns);
    expect_extent(fmt::format("rows of {}", what), shape[shape.size() - 2], 1);
  }
  expect_extent(fmt::format("columns of {}", what), shape.back(), columns.back());
}

ValueId as_column(Builder& builder, ValueId quantity) {
  const SymbolicShape& shape = type_of(builder, quantity).shape;
  if (shape.size() != 1 || shape[0] == Dim(1)) return quantity;
  return builder.op("Unsqueeze", {quantity, builder.integers({1})});
}

}  // namespace strata::ir
