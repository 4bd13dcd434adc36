#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/matrix_product.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void expect_matrix_type(const InferContext& context) {
  const DType type = context.input(0).dtype;
  if (is_float(type) || size_of(type) >= 4) return;
  fail(ErrorCode::model, "A has element type {}; accepted: float, i32, i64, u32, u64",
       to_string(type));
}

void infer(InferContext& context) {
  expect_matrix_type(context);
  context.expect_same_dtype(0, 1);
  context.expect_rank(0, "A", 2);
  context.expect_rank(1, "B", 2);
  const Attributes& attributes = context.attributes();
  expect_between("transA", attributes.integer("transA", 0), 0, 1);
  expect_between("transB", attributes.integer("transB", 0), 0, 1);
  const bool turn_a = attributes.integer("transA", 0) != 0;
  const bool turn_b = attributes.integer("transB", 0) != 0;
  const SymbolicShape& a = context.input(0).shape;
  const SymbolicShape& b = context.input(1).shape;
  expect_extent("inner extent of B", b[turn_b ? 1 : 0], a[turn_a ? 0 : 1]);
  const SymbolicShape shape{a[turn_a ? 1 : 0], b[turn_b ? 0 : 1]};
  if (!is_float(context.input(0).dtype) &&
      (attributes.real("alpha", 1) != 1 || attributes.real("beta", 1) != 1)) {
    fail(ErrorCode::unsupported, "alpha {} and beta {} with integers; accepted: 1",
         attributes.real("alpha", 1), attributes.real("beta", 1));
  }
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    const SymbolicShape& c = context.input(2).shape;
    if (broadcast(c, shape).size() != 2) {
      fail(ErrorCode::model, "C {} does not broadcast to the result {}", to_string(c),
           to_string(shape));
    }
    for (std::size_t i = 0; i < c.size(); ++i) {
      if (c[i] != Dim(1)) expect_extent("extent of C", c[i], shape[i + 2 - c.size()]);
    }
  }
  context.set_output(0, {context.input(0).dtype, shape});
}

/// C broadcast to the rank-2 result.
MatrixView broadcast_bias(const Tensor& c) {
  const Shape& shape = c.shape();
  const std::int64_t columns = shape.rank() > 0 ? shape[-1] : 1;
  const std::int64_t rows = shape.rank() > 1 ? shape[0] : 1;
  return {c, 0, rows == 1 ? 0 : columns, columns == 1 ? 0 : 1};
}

Status reference(const EvalArgs& args) {
  const Tensor absent;
  const Tensor& a = args.inputs[0];
  const Tensor& b = args.inputs[1];
  const bool turn_a = args.attributes().integer("transA", 0) != 0;
  const bool turn_b = args.attributes().integer("transB", 0) != 0;
  const std::int64_t width_a = a.shape()[1];
  const std::int64_t width_b = b.shape()[1];
  const MatrixProduct product = {
      .m = args.outputs[0].shape()[0],
      .n = args.outputs[0].shape()[1],
      .k = a.shape()[turn_a ? 0 : 1],
      .a = {a, 0, turn_a ? 1 : width_a, turn_a ? width_a : 1},
      .b = {b, 0, turn_b ? 1 : width_b, turn_b ? width_b : 1},
      .c = args.has_input(2) ? broadcast_bias(args.inputs[2]) : MatrixView{absent, 0, 0, 0},
      .alpha = args.attributes().real("alpha", 1),
      .beta = args.attributes().real("beta", 1)};
  multiply(product, args.outputs[0], 0);
  return {};
}

Cost cost(const CostArgs& args) {
  const bool turn_a = args.node.attributes.integer("transA", 0) != 0;
  const std::int64_t outputs = args.outputs[0].elements();
  const bool biased = args.inputs.size() > 2 && args.node.inputs[2] != no_value;
  return {.macs = outputs * args.inputs[0][turn_a ? 0 : 1], .flops = biased ? outputs : 0};
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {
      {"plain", {f32({3, 5}), weight({5, 4}), weight({4})}},
      {"turned_b", {f32({2, 6}), weight({7, 6}), weight({7})}, {{"transB", one}}},
      {"turned_a", {f32({6, 3}), f32({6, 4})}, {{"transA", one}}},
      {"turned_both", {f32({6, 3}), f32({4, 6}), f32({3, 1})}, {{"transA", one}, {"transB", one}}},
      {"scaled", {f32({3, 5}), f32({5, 2}), f32({3, 2})}, {{"alpha", 0.5f}, {"beta", 0.25f}}},
      {"scalar_bias", {f32({3, 5}), f32({5, 2}), f32({})}},
      {"row_bias", {f32({3, 5}), f32({5, 2}), f32({1, 2})}},
      {"one_row", {f32({1, 64}), weight({64, 33}), weight({33})}},
      {"symbolic", {f32({Dim::symbol("N"), 5}), weight({5, 2}), weight({2})}},
      {"empty_sum", {f32({2, 0}), f32({0, 3}), f32({3})}},
      {"i32", {values<std::int32_t>({1, 2}, {3, -4}), values<std::int32_t>({2, 1}, {5, 6})}},
      {"f16", {input(DType::f16, {3, 9}), input(DType::f16, {9, 2})}}};
}

constexpr AttributeDef attributes[] = {{"alpha", AttributeKind::real},
                                       {"beta", AttributeKind::real},
                                       {"transA", AttributeKind::integer},
                                       {"transB", AttributeKind::integer}};

}  // namespace

extern const OpDef gemm_op;
constinit const OpDef gemm_op = {.name = "Gemm",
                                 .inputs = {2, 3},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .cost = cost,
                                 .cases = cases};

}  // namespace strata::ir
