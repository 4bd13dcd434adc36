// Sums and products of quantized numbers of different scales, broadcast as numpy does.
#include <algorithm>

#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::ir {
namespace {

// Scales and zero points are single; every tensor but its scales has the type of a.
enum { a_at, a_scale_at, a_zero_at, b_at, b_scale_at, b_zero_at, y_scale_at, y_zero_at };

void infer(InferContext& context) {
  constexpr std::string_view modes[] = {"onnx"};
  constexpr std::string_view names[] = {"a",       "a_scale",      "a_zero_point", "b",
                                        "b_scale", "b_zero_point", "y_scale",      "y_zero_point"};
  expect_word(context.attributes(), "arithmetic", "onnx", modes);
  expect_byte(context, a_at, "a");
  for (const int i : {a_zero_at, b_at, b_zero_at, y_zero_at}) {
    context.expect_same_dtype(a_at, i);
  }
  for (const int i : {a_scale_at, b_scale_at, y_scale_at}) {
    expect_dtype(context, i, names[i], DType::f32);
  }
  for (int i = 0; i < context.inputs(); ++i) {
    if (i != a_at && i != b_at) expect_single(context, i, names[i]);
  }
  context.set_output(0, {context.input(a_at).dtype,
                         broadcast(context.input(a_at).shape, context.input(b_at).shape)});
}

onnx_arithmetic::QuantizedOperand quantization(const EvalArgs& args, std::size_t scale,
                                               std::size_t zero) {
  return {args.inputs[scale].data<float>()[0],
          std::int32_t(load_one<std::int64_t>(args.inputs[zero], 0))};
}

Status add(const EvalArgs& args) {
  const auto ratios = onnx_arithmetic::add_ratios(quantization(args, a_scale_at, a_zero_at),
                                                  quantization(args, b_scale_at, b_zero_at),
                                                  quantization(args, y_scale_at, y_zero_at));
  const QuantizedRange range = *quantized_range(args.outputs[0].dtype());
  combine<std::int64_t>(args.inputs[a_at], args.inputs[b_at], args.outputs[0],
                        [&](std::int64_t a, std::int64_t b) -> std::int64_t {
                          return onnx_arithmetic::add(std::int32_t(a), std::int32_t(b), ratios,
                                                      range);
                        });
  return {};
}

Status multiply(const EvalArgs& args) {
  const auto a = quantization(args, a_scale_at, a_zero_at);
  const auto b = quantization(args, b_scale_at, b_zero_at);
  const auto y = quantization(args, y_scale_at, y_zero_at);
  const float scale = onnx_arithmetic::requantize_scale(a.scale, b.scale, y.scale);
  const QuantizedRange range = *quantized_range(args.outputs[0].dtype());
  combine<std::int64_t>(
      args.inputs[a_at], args.inputs[b_at], args.outputs[0],
      [&](std::int64_t left, std::int64_t right) -> std::int64_t {
        const std::int64_t product = (left - a.zero_point) * (right - b.zero_point);
        return onnx_arithmetic::multiply(std::int32_t(product), scale, y.zero_point, range);
      });
  return {};
}

// A fused multiply-add in f64 and one rounding: the product of 8 and 24 bits is exact there.
ValueId fused_multiply_add(Builder& builder, ValueId a, ValueId b, ValueId c) {
  const auto wide = [&](ValueId x) { return builder.op("Cast", {x}, {{"to", DType::f64}}); };
  const ValueId product = builder.op("Mul", {wide(a), wide(b)});
  return as_f32(builder, builder.op("Add", {product, wide(c)}));
}

Replacement decompose_add(Builder& builder, const Node& node) {
  const auto& in = node.inputs;
  const auto f32_zero = [&](std::size_t i) { return as_f32(builder, in[i]); };
  const ValueId ra = builder.op("Div", {in[a_scale_at], in[y_scale_at]});
  const ValueId rb = builder.op("Div", {in[b_scale_at], in[y_scale_at]});
  const ValueId from_b = builder.op("Mul", {rb, f32_zero(b_zero_at)});
  const ValueId from_both = fused_multiply_add(builder, f32_zero(a_zero_at), ra, from_b);
  const ValueId constant = builder.op("Sub", {f32_zero(y_zero_at), from_both});
  const ValueId inner = fused_multiply_add(builder, in[b_at], rb, constant);
  const ValueId sum = fused_multiply_add(builder, in[a_at], ra, inner);
  return {{round_to(builder, sum, type_of(builder, in[a_at]).dtype)}};
}

Replacement decompose_multiply(Builder& builder, const Node& node) {
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
  return {{"u8",
           {input(DType::u8, {2, 3}), scalar(0.1f), u8(3), input(DType::u8, {2, 3}), scalar(0.25f),
            u8(7), scalar(0.2f), u8(101)}},
          {"ties",
           {input(DType::u8, {4, 5}), scalar(0.5f), u8(0), input(DType::u8, {5}), scalar(1.0f),
            u8(1), scalar(1.0f), u8(3)}},
          {"signed",
           {signed_numbers(), scalar(0.1f), scalar<std::int8_t>(-3), signed_numbers(),
            scalar(0.07f), scalar<std::int8_t>(2), scalar(0.15f), scalar<std::int8_t>(-1)}},
          {"symbolic",
           {input(DType::u8, {Dim::symbol("N"), 3}), scalar(0.1f), u8(0), input(DType::u8, {3}),
            scalar(0.25f), u8(1), scalar(0.2f), u8(2)}},
          {"empty",
           {input(DType::u8, {0, 3}), scalar(0.1f), u8(3), input(DType::u8, {1}), scalar(0.25f),
            u8(7), scalar(0.2f), u8(101)}}};
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

extern const OpDef q_linear_add_op, q_linear_mul_op;
constinit const OpDef q_linear_add_op = row("QLinearAdd", add, decompose_add);
constinit const OpDef q_linear_mul_op = row("QLinearMul", multiply, decompose_multiply);

}  // namespace strata::ir
