#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/matrix_product.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const DType type = context.input(0).dtype;
  if (!is_float(type) && size_of(type) < 4) {
    fail(ErrorCode::model, "A has element type {}; accepted: float, i32, i64, u32, u64",
         to_string(type));
  }
  context.expect_same_dtype(0, 1);
  context.set_output(0, {type, infer_product(context)});
}

/// The axes in front of the matrix.
Shape batch_of(const Shape& shape) {
  return Shape(shape.dims().first(std::size_t(std::max(shape.rank() - 2, 0))));
}

Status reference(const EvalArgs& args) {
  const Tensor absent;
  const Tensor& a = args.inputs[0];
  const Tensor& b = args.inputs[1];
  const std::int64_t m = a.shape().rank() > 1 ? a.shape()[-2] : 1;
  const std::int64_t n = b.shape().rank() > 1 ? b.shape()[-1] : 1;
  const std::int64_t k = a.shape()[-1];
  const Shape batch = broadcast(batch_of(a.shape()), batch_of(b.shape()));
  const BroadcastWalk walk(batch, {batch_of(a.shape()), batch_of(b.shape())});
  walk.rows([&](std::int64_t start, const auto& offsets) {
    for (std::int64_t i = 0; i < walk.row(); ++i) {
      const std::int64_t at_a = (offsets[0] + i * walk.step(0)) * m * k;
      const std::int64_t at_b = (offsets[1] + i * walk.step(1)) * k * n;
      multiply({.m = m,
                .n = n,
                .k = k,
                .a = {a, at_a, k, 1},
                .b = {b, at_b, n, 1},
                .c = {absent, 0, 0, 0}},
               args.outputs[0], (start + i) * m * n);
    }
  });
  return {};
}

Cost cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"matrices", {f32({3, 5}), f32({5, 4})}},
          {"weights", {f32({7, 33}), weight({33, 18})}},
          {"batched", {f32({2, 3, 5}), f32({2, 5, 4})}},
          {"shared_right", {f32({2, 3, 5}), weight({5, 4})}},
          {"broadcast_both", {f32({2, 1, 3, 5}), f32({4, 5, 2})}},
          {"vector_left", {f32({5}), f32({2, 5, 4})}},
          {"vector_right", {f32({2, 3, 5}), f32({5})}},
          {"dot", {f32({5}), f32({5})}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 5}), f32({Dim::symbol("N"), 5, 2})}},
          {"empty_sum", {f32({2, 0}), f32({0, 3})}},
          {"i64", {values<std::int64_t>({2, 2}, {1, 2, 3, 4}), i64({5, -6})}},
          {"f64", {input(DType::f64, {3, 5}), input(DType::f64, {5, 4})}}};
}

}  // namespace

extern const OpDef matmul_op;
constinit const OpDef matmul_op = {.name = "MatMul",
                                   .inputs = {2, 2},
                                   .infer = infer,
                                   .reference = reference,
                                   .cost = cost,
                                   .cases = cases};

}  // namespace strata::ir
