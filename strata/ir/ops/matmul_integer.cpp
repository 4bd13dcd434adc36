#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/matrix_product.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/ir/ops/quantized_product.hpp"

namespace strata::ir {
namespace {

// Operands of MatMulInteger.
enum { a_at, b_at, a_zero_at, b_zero_at };

ValueId input_or_none(const Node& node, std::size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : no_value;
}

void infer(InferContext& context) {
  expect_byte(context, a_at, "A");
  expect_byte(context, b_at, "B");
  SymbolicShape shape = infer_product(context);
  if (context.has_input(a_zero_at)) {
    context.expect_same_dtype(a_at, a_zero_at);
    expect_per_row(context, a_zero_at, "a_zero_point", a_at);
  }
  if (context.has_input(b_zero_at)) {
    context.expect_same_dtype(b_at, b_zero_at);
    expect_per_column(context, b_zero_at, "b_zero_point", b_at);
  }
  context.set_output(0, {DType::i32, std::move(shape)});
}

Replacement decompose(Builder& builder, const Node& node) {
  ValueId a_zero = input_or_none(node, a_zero_at);
  if (a_zero != no_value) a_zero = as_column(builder, a_zero);
  const ValueId a = centered(builder, node.inputs[a_at], a_zero, DType::i32);
  const ValueId b =
      centered(builder, node.inputs[b_at], input_or_none(node, b_zero_at), DType::i32);
  return {{builder.op("MatMul", {a, b})}};
}

Cost cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto a = [] { return input(DType::u8, {3, 4}); };
  const auto b = [] { return values<std::int8_t>({4, 2}, {-128, 127, 1, 0, -5, 77, 33, -34}); };
  return {{"plain", {a(), b()}},
          {"tensor", {a(), b(), scalar<std::uint8_t>(3), scalar<std::int8_t>(-4)}},
          {"rows_and_columns",
           {a(), b(), values<std::uint8_t>({3}, {1, 2, 255}), values<std::int8_t>({2}, {-128, 5})}},
          {"stacked",
           {input(DType::i8, {2, 3, 4}), b(), values<std::int8_t>({2, 3, 1}, {1, 2, 3, 4, 5, 6})}},
          {"symbolic",
           {input(DType::u8, {Dim::symbol("N"), 4}), b(), omitted(), scalar<std::int8_t>(1)}}};
}

}  // namespace

extern const OpDef matmul_integer_op;

constinit const OpDef matmul_integer_op = {.name = "MatMulInteger",
                                           .inputs = {2, 4},
                                           .infer = infer,
                                           .cost = cost,
                                           .decompose = decompose,
                                           .cases = cases};

}  // namespace strata::ir
