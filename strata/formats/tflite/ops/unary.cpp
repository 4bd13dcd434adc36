// Ops of one operand, element by element, and casts between types and grids.
#include <algorithm>
#include <tuple>

#include "strata/formats/tflite/options.hpp"
#include "strata/tensor/encodings/affine.hpp"
#include "strata/tensor/xnnpack_limits.hpp"

namespace strata::formats::tflite {
namespace {

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

float input_scale(const OperatorContext& context) { return context.quantization(0).scale[0]; }
float output_scale(const OperatorContext& context) {
  return context.output_quantization().scale[0];
}

/// `quantized`: the op for integers that stand for real numbers; empty: it computes on floats.
void unary(OperatorContext& context, std::string_view real, std::string_view quantized,
           ir::Attributes attributes = {}, bool delegated = false) {
  const Layout layout = context.at_hand(0);
  if (!context.is_quantized(0) || quantized.empty()) {
    return context.emit_real(real, {context.real_input(0, layout)}, std::move(attributes), layout);
  }
  std::vector<ir::ValueId> operands{context.input(0, layout)};
  context.append_parameters(operands, context.quantization(0), context.type(0));
  context.append_output_parameters(operands);
  attributes.set("arithmetic", context.arithmetic(delegated && is_byte(context.type(0))));
  context.emit(quantized, std::move(operands), std::move(attributes), layout);
}

/// Clips to bounds; integers are brought to the output's grid first.
void clip(OperatorContext& context, schema::Activation activation) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId x = context.input(0, layout);
  if (!context.is_quantized(0) || context.same_quantization(0)) {
    return context.emit_activation(activation, x, layout);
  }
  std::vector<ir::ValueId> operands{x};
  context.append_parameters(operands, context.quantization(0), context.type(0));
  context.append_output_parameters(operands);
  context.emit_activated(activation, "strata.QLinearIdentity", std::move(operands),
                         {{"arithmetic", context.arithmetic(false)}}, layout);
}

}  // namespace

void convert_logistic(OperatorContext& context) {
  unary(context, "Sigmoid", "strata.QLinearSigmoid", {}, true);
}
void convert_tanh(OperatorContext& context) {
  unary(context, "Tanh", "strata.QLinearTanh", {}, true);
}
void convert_hard_swish(OperatorContext& context) {
  unary(context, "HardSwish", "strata.QLinearHardSwish");
}
void convert_leaky_relu(OperatorContext& context) {
  const float alpha = context.options<schema::LeakyReluOptions>().alpha();
  const bool delegated =
      context.is_quantized(0) &&
      xnnpack::takes_leaky_relu(input_scale(context), output_scale(context), alpha);
  unary(context, "LeakyRelu", "strata.QLinearLeakyRelu", {{"alpha", alpha}}, delegated);
}
void convert_elu(OperatorContext& context) {
  unary(context, "Elu", "strata.QLinearElu", {}, context.type(0) == DType::i8);
}
void convert_gelu(OperatorContext& context) {
  const bool approximate = context.options<schema::GeluOptions>().approximate();
  unary(context, "Gelu", "", {{"approximate", std::string(approximate ? "tanh" : "none")}});
}

void convert_relu(OperatorContext& context) { clip(context, schema::Activation::RELU); }
void convert_relu6(OperatorContext& context) { clip(context, schema::Activation::RELU6); }
void convert_relu_n1_to_1(OperatorContext& context) {
  clip(context, schema::Activation::RELU_N1_TO_1);
}

void convert_relu_0_to_1(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId x = context.real_input(0, layout);
  const DType type = context.type_of(x).dtype;
  context.emit_real("Clip", {x, context.number(type, 0), context.number(type, 1)}, {}, layout);
}

void convert_exp(OperatorContext& context) { unary(context, "Exp", "strata.QLinearExp"); }
void convert_log(OperatorContext& context) { unary(context, "Log", ""); }
void convert_sqrt(OperatorContext& context) { unary(context, "Sqrt", ""); }
void convert_sin(OperatorContext& context) { unary(context, "Sin", ""); }
void convert_cos(OperatorContext& context) { unary(context, "Cos", ""); }
void convert_abs(OperatorContext& context) { unary(context, "Abs", ""); }
void convert_neg(OperatorContext& context) { unary(context, "Neg", ""); }
void convert_sign(OperatorContext& context) { unary(context, "Sign", ""); }
void convert_floor(OperatorContext& context) { unary(context, "Floor", ""); }
void convert_ceil(OperatorContext& context) { unary(context, "Ceil", ""); }
void convert_round(OperatorContext& context) { unary(context, "Round", ""); }
void convert_logical_not(OperatorContext& context) { unary(context, "Not", ""); }

void convert_rsqrt(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId root = context.node("Sqrt", {context.real_input(0, layout)});
  context.emit_real("Reciprocal", {root}, {}, layout);
}

void convert_square(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId x = context.real_input(0, layout);
  context.emit_real("Mul", {x, x}, {}, layout);
}

void convert_zeros_like(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId x = context.real_input(0, layout);
  context.emit_real("Sub", {x, x}, {}, layout);
}

void convert_cast(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  context.emit("Cast", {context.input(0, layout)}, {{"to", context.output_type()}}, layout);
}

void convert_quantize(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  std::vector<ir::ValueId> operands{context.input(0, layout)};
  if (is_float(context.type(0))) {
    context.append_output_parameters(operands);
    return context.emit("QuantizeLinear", std::move(operands),
                        {{"arithmetic", context.arithmetic(true)}}, layout);
  }
  context.append_parameters(operands, context.quantization(0), context.type(0));
  context.append_output_parameters(operands);
  const bool delegated = context.type(0) == context.output_type() && is_byte(context.type(0)) &&
                         xnnpack::takes_regrid(input_scale(context), output_scale(context));
  context.emit("strata.QLinearIdentity", std::move(operands),
               {{"arithmetic", context.arithmetic(delegated)}}, layout);
}

/// Weights kept as codes of 8 bits around 0: the constant stays as it is and counts as f32.
bool emit_stored(OperatorContext& context, const Quantization& from) {
  const bool symmetric = std::ranges::count(from.zero_point, 0) == std::ssize(from.zero_point);
  if (context.type(0) != DType::i8 || context.output_type() != DType::f32 || !symmetric) {
    return false;
  }
  const auto codes = context.constant_input(0);
  if (!codes || codes->elements() == 0) return false;
  const bool per_channel = from.scale.size() > 1;
  const std::optional<int> axis = per_channel ? std::optional(int(from.axis)) : std::nullopt;
  const Quantization checked = context.quantization(0, axis);
  const Shape shape = per_channel ? Shape{std::ssize(checked.scale)} : Shape{};
  context.emit_constant(make_affine(per_channel ? i8_channel_encoding : i8_tensor_encoding,
                                    axis.value_or(0), *codes,
                                    Tensor::from<float>(shape, std::span(checked.scale))));
  return true;
}

void convert_dequantize(OperatorContext& context) {
  const DType type = context.type(0);
  if (is_float(type)) {
    // Weights kept in 16 bits: the constant stays as it is and counts as f32.
    const ir::ValueId x = context.input(0);
    if (context.output_type() == DType::f32 && context.constant_input(0)) {
      EncodedTensor constant = *context.builder().graph().value(x).constant;
      if (constant.is_dense() && type == DType::f16) {
        constant.encoding = &f16_encoding;
        constant.dtype = DType::f32;
        return context.emit_constant(std::move(constant));
      }
    }
    return context.emit("Cast", {x}, {{"to", context.output_type()}});
  }
  const Quantization from = context.model().quantization(context.input_tensor(0));
  const bool per_channel = from.scale.size() > 1;
  if (emit_stored(context, from)) return;
  const Layout layout = per_channel ? Layout::plain : context.at_hand(0);
  std::vector<ir::ValueId> operands{context.input(0, layout)};
  std::optional<int> axis;
  if (per_channel) axis = int(context.axis_in(layout, from.axis, context.rank(0)));
  context.append_parameters(operands, context.quantization(0, axis), type);
  ir::Attributes attributes{{"arithmetic", context.arithmetic(true)}};
  if (axis) attributes.set("axis", std::int64_t(*axis));
  context.emit("DequantizeLinear", std::move(operands), std::move(attributes), layout);
}

}  // namespace strata::formats::tflite
