// Sums, differences and products of quantized numbers of different scales, broadcast as numpy does.
#include <algorithm>

#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

// Scales and zero points are single; every tensor but its scales has the type of a.
enum { a_at, a_scale_at, a_zero_at, b_at, b_scale_at, b_zero_at, y_scale_at, y_zero_at };

void infer(InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, a_at, "a");
  context.expect_same_dtype(a_at, b_at);
  context.expect_same_dtype(a_at, y_zero_at);
  expect_grid(context, {a_at, a_scale_at, a_zero_at}, "a");
  expect_grid(context, {b_at, b_scale_at, b_zero_at}, "b");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  context.set_output(0, {context.input(a_at).dtype,
                         broadcast(context.input(a_at).shape, context.input(b_at).shape)});
}

struct Grids {
  QuantizedOperand a, b, y;
  explicit Grids(const EvalArgs& args)
      : a(grid(args, a_scale_at, a_zero_at)),
        b(grid(args, b_scale_at, b_zero_at)),
        y(grid(args, y_scale_at, y_zero_at)) {}
};

/// y = f(code of a, code of b).
template <class F>
Status combine_codes(const EvalArgs& args, F f) {
  const Tensor& a = args.inputs[a_at];
  const Tensor& b = args.inputs[b_at];
  dispatch_code(a.dtype(), [&]<class T>() {
    const BroadcastWalk walk(args.outputs[0].shape(), {a.shape(), b.shape()});
    const T* left = a.data<T>().data();
    const T* right = b.data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    walk.rows([&](std::int64_t start, const auto& offsets) {
      for (std::int64_t i = 0; i < walk.row(); ++i) {
        y[start + i] = T(f(std::int32_t(left[offsets[0] + i * walk.step(0)]),
                           std::int32_t(right[offsets[1] + i * walk.step(1)])));
      }
    });
  });
  return {};
}

template <int sign>
Status add(const EvalArgs& args) {
  const Grids grids(args);
  const DType type = args.outputs[0].dtype();
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  if (arithmetic != Arithmetic::onnx) {
    return combine_codes(args, sum_of(arithmetic, grids.a, grids.b, sign, grids.y, type));
  }
  const auto ratios =
      onnx_arithmetic::add_ratios(grids.a, {sign * grids.b.scale, grids.b.zero_point}, grids.y);
  const QuantizedRange range = *quantized_range(type);
  return combine_codes(args, [&](std::int32_t a, std::int32_t b) {
    return onnx_arithmetic::add(a, b, ratios, range);
  });
}

Status multiply(const EvalArgs& args) {
  const auto [a, b, y] = Grids(args);
  const QuantizedRange range = *quantized_range(args.outputs[0].dtype());
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  const auto product = [a_zero = a.zero_point, b_zero = b.zero_point](std::int32_t left,
                                                                      std::int32_t right) {
    return std::int32_t(std::uint32_t(left - a_zero) * std::uint32_t(right - b_zero));
  };
  if (arithmetic != Arithmetic::onnx) {
    const Rescale rescale = product_of(arithmetic, a, b, y, range);
    return combine_codes(
        args, [&](std::int32_t left, std::int32_t right) { return rescale(product(left, right)); });
  }
  const float scale = onnx_arithmetic::requantize_scale(a.scale, b.scale, y.scale);
  return combine_codes(args, [&, zero = y.zero_point](std::int32_t left, std::int32_t right) {
    return onnx_arithmetic::multiply(product(left, right), scale, zero, range);
  });
}

// A fused multiply-add in f64 and one rounding: the product of 8 and 24 bits is exact there.
ValueId fused_multiply_add(Builder& builder, ValueId a, ValueId b, ValueId c) {
  const auto wide = [&](ValueId x) { return builder.op("Cast", {x}, {{"to", DType::f64}}); };
  const ValueId product = builder.op("Mul", {wide(a), wide(b)});
  return as_f32(builder, builder.op("Add", {product, wide(c)}));
}

template <int sign>
Replacement decompose_add(Builder& builder, const Node& node) {
  if (arithmetic_of(node.attributes) != Arithmetic::onnx) return std::nullopt;
  const auto& in = node.inputs;
  const auto f32_zero = [&](std::size_t i) { return as_f32(builder, in[i]); };
  const ValueId ra = builder.op("Div", {in[a_scale_at], in[y_scale_at]});
  ValueId rb = builder.op("Div", {in[b_scale_at], in[y_scale_at]});
  if (sign < 0) rb = builder.op("Neg", {rb});
  const ValueId from_b = builder.op("Mul", {rb, f32_zero(b_zero_at)});
  const ValueId from_both = fused_multiply_add(builder, f32_zero(a_zero_at), ra, from_b);
  const ValueId constant = builder.op("Sub", {f32_zero(y_zero_at), from_both});
  const ValueId inner = fused_multiply_add(builder, in[b_at], rb, constant);
  const ValueId sum = fused_multiply_add(builder, in[a_at], ra, inner);
  return {{round_to(builder, sum, type_of(builder, in[a_at]).dtype)}};
}

Replacement decompose_multiply(Builder& builder, const Node& node) {
  if (arithmetic_of(node.attributes) != Arithmetic::onnx) return std::nullopt;
  const auto& in = node.inputs;
  const ValueId product =
      builder.op("Mul", {centered(builder, in[a_at], in[a_zero_at], DType::f32),
                         centered(builder, in[b_at], in[b_zero_at], DType::f32)});
  const ValueId scale = requantize_scale(builder, in[a_scale_at], in[b_scale_at], in[y_scale_at]);
  const ValueId shifted =
      builder.op("Add", {builder.op("Mul", {product, scale}), as_f32(builder, in[y_zero_at])});
  return {{round_to(builder, shifted, type_of(builder, in[a_at]).dtype)}};
}

Cost cost(const CostArgs& args) { return {.flops = 4 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const auto u8 = [](int value) { return scalar<std::uint8_t>(std::uint8_t(value)); };
  const auto signed_numbers = [] { return values<std::int8_t>({2, 3}, {-128, 127, 5, -7, 0, 99}); };
  return {
      {"u8",
       {input(DType::u8, {2, 3}), scalar(0.1f), u8(3), input(DType::u8, {2, 3}), scalar(0.25f),
        u8(7), scalar(0.2f), u8(101)}},
      {"ties",
       {input(DType::u8, {4, 5}), scalar(0.5f), u8(0), input(DType::u8, {5}), scalar(1.0f), u8(1),
        scalar(1.0f), u8(3)}},
      {"signed",
       {signed_numbers(), scalar(0.1f), scalar<std::int8_t>(-3), signed_numbers(), scalar(0.07f),
        scalar<std::int8_t>(2), scalar(0.15f), scalar<std::int8_t>(-1)}},
      {"symbolic",
       {input(DType::u8, {Dim::symbol("N"), 3}), scalar(0.1f), u8(0), input(DType::u8, {3}),
        scalar(0.25f), u8(1), scalar(0.2f), u8(2)}},
      {"empty",
       {input(DType::u8, {0, 3}), scalar(0.1f), u8(3), input(DType::u8, {1}), scalar(0.25f), u8(7),
        scalar(0.2f), u8(101)}},
      {"reference",
       {signed_numbers(), scalar(0.1f), scalar<std::int8_t>(-3), signed_numbers(), scalar(0.07f),
        scalar<std::int8_t>(2), scalar(0.15f), scalar<std::int8_t>(-1)},
       {{"arithmetic", "tflite_reference"}}},
      {"xnnpack",
       {input(DType::u8, {2, 3}), scalar(0.1f), u8(3), input(DType::u8, {1}), scalar(0.25f), u8(7),
        scalar(0.2f), u8(101)},
       {{"arithmetic", "tflite_xnnpack"}}},
      {"i16",
       {input(DType::i16, {2, 3}), scalar(0.1f), scalar<std::int16_t>(0), input(DType::i16, {2, 3}),
        scalar(0.25f), scalar<std::int16_t>(0), scalar(0.2f), scalar<std::int16_t>(0)},
       {{"arithmetic", "tflite_reference"}}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string}};

constexpr OpDef row(std::string_view name, decltype(OpDef::reference) reference,
                    decltype(OpDef::decompose) decompose) {
  return {.name = name,
          .domain = "strata",
          .inputs = {8, 8},
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .cost = cost,
          .decompose = decompose,
          .cases = cases};
}

}  // namespace

extern const OpDef q_linear_add_op, q_linear_mul_op, q_linear_sub_op;
constinit const OpDef q_linear_add_op = row("QLinearAdd", add<1>, decompose_add<1>);
constinit const OpDef q_linear_mul_op = row("QLinearMul", multiply, decompose_multiply);
constinit const OpDef q_linear_sub_op = row("QLinearSub", add<-1>, decompose_add<-1>);

}  // namespace strata::ir
