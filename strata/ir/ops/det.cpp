#include <algorithm>
#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  TensorType type = context.input(0);
  if (type.shape.size() < 2) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 2", type.shape.size());
  }
  expect_extent("number of rows of X", type.shape[type.shape.size() - 2], type.shape.back());
  type.shape.resize(type.shape.size() - 2);
  context.set_output(0, std::move(type));
}

/// By Gaussian elimination with partial pivoting, which destroys the matrix.
double determinant(double* a, std::int64_t n) {
  double result = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    }
    if (pivot != k) {
      std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
      result = -result;
    }
    result *= a[k * n + k];
    if (a[k * n + k] == 0) break;
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (std::int64_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return result;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const std::int64_t n = x.shape()[-1];
  if (x.shape()[-2] != n) return {"the matrices are not square"};
  auto* matrix = reinterpret_cast<double*>(args.scratch);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    load(x, i * n * n, 1, n * n, matrix);
    store_one(determinant(matrix, n), args.outputs[0], i);
  }
  return {};
}

std::size_t scratch_bytes(const CostArgs& args) {
  return std::size_t(args.inputs[0][-2] * args.inputs[0][-1]) * sizeof(double);
}

Cost cost(const CostArgs& args) {
  return {.flops = args.inputs[0].elements() * args.inputs[0][-1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"one", {f32({4, 4})}},
          {"swaps", {values<float>({2, 2}, {0, 2, 3, 4})}},
          {"singular", {values<float>({2, 2}, {0, 1, 0, 4})}},
          {"batch", {f32({2, 3, 3, 3})}},
          {"f16", {input(DType::f16, {2, 2})}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 3})}},
          {"of_nothing", {f32({2, 0, 0})}},
          {"empty", {f32({0, 2, 2})}}};
}

}  // namespace

extern const OpDef det_op;
constinit const OpDef det_op = {.name = "Det",
                                .infer = infer,
                                .reference = reference,
                                .scratch_bytes = scratch_bytes,
                                .cost = cost,
                                .cases = cases};

}  // namespace strata::ir
