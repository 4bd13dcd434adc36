#pragma once

#include "strata/ir/op.hpp"
#include "strata/ir/ops/compute.hpp"

namespace strata::ir {

/// A matrix in memory: element (i, j) lies at offset + i * row + j * column of its tensor.
struct MatrixView {
  const Tensor& tensor;
  std::int64_t offset, row, column;
};

/// y[m, n] = alpha * sum over k of a[m, k] * b[k, n] + beta * c[m, n], stored row-major from
/// `offset` of y. Float sums in double, integer ones modulo 2^64 (then alpha and beta are 1). A
/// `c` whose tensor is absent counts as zero.
struct MatrixProduct {
  std::int64_t m, n, k;
  MatrixView a, b, c;
  double alpha = 1, beta = 1;
};
void multiply(const MatrixProduct& product, Tensor& y, std::int64_t offset);

/// Shape of numpy's matmul of two operands (A and B); complains if they do not fit.
SymbolicShape infer_product(const InferContext& context, int left = 0, int right = 1);

}  // namespace strata::ir
