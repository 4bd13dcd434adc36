#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/matrix_product.hpp"
#include "strata/ir/ops/quantized.hpp"

namespace strata::ir {
namespace {

// Operands of MatMulInteger.
enum { a_at, b_at, a_zero_at, b_zero_at };

/// A quantity of A's rows: one element, a vector of one per row, or an axis of extent 1 beneath
/// the rows. The same of B's columns, whose last axis they line up with anyway.
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
    expect_extent(fmt::format("rows of {}", what), shape[shape.size() - 2], 1);
  }
  expect_extent(fmt::format("columns of {}", what), shape.back(), columns.back());
}

/// A vector of one number per row becomes a column.
ValueId as_column(Builder& builder, ValueId quantity) {
  const SymbolicShape& shape = type_of(builder, quantity).shape;
  if (shape.size() != 1 || shape[0] == Dim(1)) return quantity;
  return builder.op("Unsqueeze", {quantity, builder.integers({1})});
}

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

// Operands of QLinearMatMul.
enum {
  a_scale_at = 1,
  linear_a_zero_at,
  linear_b_at,
  b_scale_at,
  linear_b_zero_at,
  y_scale_at,
  y_zero_at
};

void expect_code(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (type == DType::f8e4m3fn || type == DType::f8e4m3fnuz || type == DType::f8e5m2 ||
      type == DType::f8e5m2fnuz || type == DType::i8 || type == DType::u8) {
    return;
  }
  fail(ErrorCode::model,
       "{} has element type {}; accepted: i8, u8, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz", what,
       to_string(type));
}

void infer_linear(InferContext& context) {
  expect_code(context, a_at, "a");
  expect_code(context, linear_b_at, "b");
  expect_code(context, y_zero_at, "y_zero_point");
  context.expect_same_dtype(a_at, linear_a_zero_at);
  context.expect_same_dtype(linear_b_at, linear_b_zero_at);
  expect_float(context, a_scale_at, "a_scale");
  context.expect_same_dtype(a_scale_at, b_scale_at);
  context.expect_same_dtype(a_scale_at, y_scale_at);
  SymbolicShape shape = infer_product(context, a_at, linear_b_at);
  expect_per_row(context, a_scale_at, "a_scale", a_at);
  expect_per_row(context, linear_a_zero_at, "a_zero_point", a_at);
  expect_per_column(context, b_scale_at, "b_scale", linear_b_at);
  expect_per_column(context, linear_b_zero_at, "b_zero_point", linear_b_at);
  expect_single(context, y_scale_at, "y_scale");
  expect_single(context, y_zero_at, "y_zero_point");
  context.set_output(0, {context.input(y_zero_at).dtype, std::move(shape)});
}

/// 8-bit floats are multiplied as numbers.
ValueId float_product(Builder& builder, const Node& node, ValueId a_scale, ValueId b_scale,
                      ValueId y_scale) {
  const auto& in = node.inputs;
  const ValueId a = builder.op(
      "Mul",
      {centered(builder, in[a_at], as_column(builder, in[linear_a_zero_at]), DType::f32), a_scale});
  const ValueId b = builder.op(
      "Mul", {centered(builder, in[linear_b_at], in[linear_b_zero_at], DType::f32), b_scale});
  return builder.op("QuantizeLinear", {builder.op("MatMul", {a, b}), y_scale, in[y_zero_at]});
}

Replacement decompose_linear(Builder& builder, const Node& node) {
  const auto& in = node.inputs;
  const ValueId a_scale = as_column(builder, as_f32(builder, in[a_scale_at]));
  const ValueId b_scale = as_f32(builder, in[b_scale_at]);
  const ValueId y_scale = as_f32(builder, in[y_scale_at]);
  for (const int i : {int(a_at), int(linear_b_at), int(y_zero_at)}) {
    if (is_narrow(type_of(builder, in[std::size_t(i)]).dtype)) {
      return {{float_product(builder, node, a_scale, b_scale, y_scale)}};
    }
  }
  const ValueId sum = builder.op(
      "MatMulInteger", {in[a_at], in[linear_b_at], in[linear_a_zero_at], in[linear_b_zero_at]});
  const ValueId scale = requantize_scale(builder, a_scale, b_scale, y_scale);
  return {{builder.op("strata.Requantize", {sum, scale, in[y_zero_at]})}};
}

std::vector<OpCase> linear_cases() {
  using namespace example;
  const auto a = [] { return input(DType::u8, {3, 4}); };
  const auto b = [] { return values<std::int8_t>({4, 2}, {-128, 127, 1, 0, -5, 77, 33, -34}); };
  return {{"tensor",
           {a(), scalar(0.1f), scalar<std::uint8_t>(3), b(), scalar(0.2f), scalar<std::int8_t>(-4),
            scalar(0.5f), scalar<std::uint8_t>(100)}},
          {"rows_and_columns",
           {a(), values<float>({3}, {0.1f, 2, 0.5f}), values<std::uint8_t>({3}, {1, 2, 255}), b(),
            values<float>({2}, {0.3f, 0.7f}), values<std::int8_t>({2}, {-128, 5}), scalar(4.0f),
            scalar<std::uint8_t>(128)}},
          {"stacked",
           {input(DType::i8, {2, 3, 4}), scalar(0.1f), scalar<std::int8_t>(3), b(), scalar(0.2f),
            scalar<std::int8_t>(-4), scalar(0.5f), scalar<std::int8_t>(1)}}};
}

}  // namespace

extern const OpDef matmul_integer_op, q_linear_matmul_op;

constinit const OpDef matmul_integer_op = {.name = "MatMulInteger",
                                           .inputs = {2, 4},
                                           .infer = infer,
                                           .cost = cost,
                                           .decompose = decompose,
                                           .cases = cases};
constinit const OpDef q_linear_matmul_op = {.name = "QLinearMatMul",
                                            .inputs = {8, 8},
                                            .infer = infer_linear,
                                            .cost = cost,
                                            .decompose = decompose_linear,
                                            .cases = linear_cases};

}  // namespace strata::ir
