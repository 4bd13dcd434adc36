// Ops of two operands that broadcast.
#include "strata/formats/tflite/options.hpp"
#include "strata/tensor/xnnpack_limits.hpp"

namespace strata::formats::tflite {
namespace {

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

using Taken = bool (*)(float a_scale, float b_scale, float y_scale);

bool delegated(const OperatorContext& context, Taken taken) {
  const auto scale = [&](std::size_t i) { return context.quantization(i).scale[0]; };
  return is_byte(context.type(0)) &&
         taken(scale(0), scale(1), context.output_quantization().scale[0]);
}

std::vector<ir::ValueId> operands(OperatorContext& context, Layout layout) {
  return {context.broadcast_input(0, layout), context.broadcast_input(1, layout)};
}

std::vector<ir::ValueId> real_operands(OperatorContext& context, Layout layout) {
  return {context.real_input(0, layout), context.real_input(1, layout)};
}

bool same_parameters(const OperatorContext& context) {
  return context.same_quantization(0) && context.same_quantization(1);
}

/// `quantized`: the op for integers that stand for real numbers; empty: there is none. `taken`:
/// the scales that XNNPACK takes.
void arithmetic(OperatorContext& context, std::string_view real, std::string_view quantized,
                Taken taken, schema::Activation activation) {
  const Layout layout = context.at_hand_all();
  if (!context.is_quantized(0)) {
    return context.emit_activated(activation, real, operands(context, layout), {}, layout);
  }
  if (quantized.empty()) {
    return context.emit_real(real, real_operands(context, layout), {}, layout, activation);
  }
  std::vector<ir::ValueId> list;
  context.append_quantized(list, 0, layout);
  context.append_quantized(list, 1, layout);
  context.append_output_parameters(list);
  context.emit_activated(activation, quantized, std::move(list),
                         {{"arithmetic", context.arithmetic(delegated(context, taken))}}, layout);
}

void plain_binary(OperatorContext& context, std::string_view op) {
  const Layout layout = context.at_hand_all();
  context.emit_real(op, real_operands(context, layout), {}, layout);
}

// Integers of one grid are ordered as what they stand for.
void ordered_binary(OperatorContext& context, std::string_view op) {
  const Layout layout = context.at_hand_all();
  if (context.is_quantized(0) && !same_parameters(context)) return plain_binary(context, op);
  context.emit(op, operands(context, layout), {}, layout);
}

void compare(OperatorContext& context, std::string_view op) {
  const Layout layout = context.at_hand_all();
  context.emit(op, real_operands(context, layout), {}, layout);
}

}  // namespace

void convert_add(OperatorContext& context) {
  arithmetic(context, "Add", "strata.QLinearAdd", xnnpack::takes_sum,
             context.options<schema::AddOptions>().fused_activation_function());
}
void convert_sub(OperatorContext& context) {
  arithmetic(context, "Sub", "strata.QLinearSub", xnnpack::takes_sum,
             context.options<schema::SubOptions>().fused_activation_function());
}
void convert_mul(OperatorContext& context) {
  arithmetic(context, "Mul", "strata.QLinearMul", xnnpack::takes_product,
             context.options<schema::MulOptions>().fused_activation_function());
}
void convert_div(OperatorContext& context) {
  arithmetic(context, "Div", "", nullptr,
             context.options<schema::DivOptions>().fused_activation_function());
}

void convert_maximum(OperatorContext& context) { ordered_binary(context, "Max"); }
void convert_minimum(OperatorContext& context) { ordered_binary(context, "Min"); }
void convert_pow(OperatorContext& context) { plain_binary(context, "Pow"); }
void convert_floor_mod(OperatorContext& context) { plain_binary(context, "Mod"); }
void convert_logical_and(OperatorContext& context) { plain_binary(context, "And"); }
void convert_logical_or(OperatorContext& context) { plain_binary(context, "Or"); }
void convert_equal(OperatorContext& context) { compare(context, "Equal"); }
void convert_greater(OperatorContext& context) { compare(context, "Greater"); }
void convert_greater_equal(OperatorContext& context) { compare(context, "GreaterOrEqual"); }
void convert_less(OperatorContext& context) { compare(context, "Less"); }
void convert_less_equal(OperatorContext& context) { compare(context, "LessOrEqual"); }

void convert_not_equal(OperatorContext& context) {
  const Layout layout = context.at_hand_all();
  context.emit("Not", {context.node("Equal", real_operands(context, layout))}, {}, layout);
}

void convert_floor_div(OperatorContext& context) {
  const Layout layout = context.at_hand_all();
  const std::vector<ir::ValueId> list = operands(context, layout);
  if (is_float(context.type(0))) {
    return context.emit("Floor", {context.node("Div", list)}, {}, layout);
  }
  // The remainder has the divisor's sign, so what is left divides without rounding.
  const ir::ValueId whole = context.node("Sub", {list[0], context.node("Mod", list)});
  context.emit("Div", {whole, list[1]}, {}, layout);
}

void convert_squared_difference(OperatorContext& context) {
  const Layout layout = context.at_hand_all();
  const ir::ValueId difference = context.node("Sub", real_operands(context, layout));
  context.emit_real("Mul", {difference, difference}, {}, layout);
}

void convert_add_n(OperatorContext& context) {
  const Layout layout = context.at_hand_all();
  std::vector<ir::ValueId> list;
  for (std::size_t i = 0; i < context.inputs(); ++i) {
    list.push_back(context.real_input(i, layout));
  }
  context.emit_real("Sum", std::move(list), {}, layout);
}

void convert_select(OperatorContext& context) {
  // Of the first version a condition of one axis chooses whole entries of the first axis.
  const bool rows = context.op() == "SELECT" && context.rank(0) == 1 && context.rank(1) > 1;
  const Layout layout = rows ? Layout::plain : context.at_hand_all();
  ir::ValueId condition = context.broadcast_input(0, layout);
  if (rows) {
    std::vector<std::int64_t> shape(std::size_t(context.rank(1)), 1);
    shape[0] = context.shape(0)[0];
    condition = context.reshaped(condition, std::move(shape));
  }
  context.emit("Where",
               {condition, context.broadcast_input(1, layout), context.broadcast_input(2, layout)},
               {}, layout);
}

void convert_prelu(OperatorContext& context) {
  const Layout layout = context.at_hand_all();
  if (!context.is_quantized(0)) {
    return context.emit("PRelu", operands(context, layout), {}, layout);
  }
  std::vector<ir::ValueId> list;
  context.append_quantized(list, 0, layout);
  context.append_quantized(list, 1, layout);
  context.append_output_parameters(list);
  context.emit("strata.QLinearPRelu", std::move(list), {{"arithmetic", context.arithmetic(false)}},
               layout);
}

}  // namespace strata::formats::tflite
