// Ops of com.microsoft on quantized tensors. Sums and products have ops of their own; the others
// compute with the numbers that the integers stand for, as ONNX Runtime does.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

using ir::ValueId;

/// Where a quantized operand lies among the inputs, its scale and zero point behind it.
ValueId dequantized(NodeContext& node, std::size_t at) {
  std::vector<ValueId> operands{node.input(at), node.input(at + 1)};
  if (node.has_input(at + 2)) operands.push_back(node.input(at + 2));
  return node.intermediate("DequantizeLinear", std::move(operands));
}

/// The zero point at `at`; omitted ones are 0.
ValueId zero_point(NodeContext& node, std::size_t at, DType type) {
  return node.has_input(at) ? node.input(at) : node.constant(Tensor::zeros(type, {}), "zero_point");
}

ValueId cast(NodeContext& node, ValueId x, DType type) {
  return node.intermediate("Cast", {x}, {{"to", type}});
}

/// The numbers of a quantized operand without its zero point, which may be omitted.
ValueId centered(NodeContext& node, std::size_t x, std::size_t zero) {
  const ValueId wide = cast(node, node.input(x), DType::i32);
  if (!node.has_input(zero)) return wide;
  return node.intermediate("Sub", {wide, cast(node, node.input(zero), DType::i32)});
}

void emit_quantized(NodeContext& node, ValueId y, std::size_t scale) {
  node.emit("QuantizeLinear",
            {y, node.input(scale), zero_point(node, scale + 1, node.type(0).dtype)}, {});
}

bool take_flag(NodeContext& node, std::string_view name) {
  const bool set = node.attributes.integer(name, 0) != 0;
  node.attributes.erase(name);
  return set;
}

/// Channels-last images go through the op channels first.
ValueId permuted(NodeContext& node, ValueId x, std::size_t rank, bool to_last) {
  std::vector<std::int64_t> axes{0};
  const auto last = std::int64_t(rank) - 1;
  if (!to_last) axes.push_back(last);
  for (std::int64_t axis = to_last ? 2 : 1; axis < last + (to_last ? 1 : 0); ++axis) {
    axes.push_back(axis);
  }
  if (to_last) axes.push_back(1);
  return node.intermediate("Transpose", {x}, {{"perm", axes}});
}

/// An op of one operand between dequantizing and quantizing.
void convert_through_floats(NodeContext& node, std::string_view op) {
  const ValueId y = node.intermediate(op, {dequantized(node, 0)}, node.attributes);
  emit_quantized(node, y, 3);
}

/// Sums of products of A and B, each with its zero point, in i32; or as numbers, with a bias.
ValueId scaled_product(NodeContext& node, std::vector<ValueId> operands, ValueId a_scale,
                       ValueId b_scale, std::size_t bias) {
  const ValueId sums =
      cast(node, node.intermediate("MatMulInteger", std::move(operands)), DType::f32);
  const ValueId scale = node.intermediate("Mul", {a_scale, b_scale});
  const ValueId product = node.intermediate("Mul", {sums, scale});
  return node.has_input(bias) ? node.intermediate("Add", {product, node.input(bias)}) : product;
}

ValueId matrix(NodeContext& node, std::size_t at, std::string_view transposed) {
  if (!take_flag(node, transposed)) return node.input(at);
  return node.intermediate("Transpose", {node.input(at)},
                           {{"perm", std::vector<std::int64_t>{1, 0}}});
}

}  // namespace

// QLinearAdd, QLinearMul: a, b and y, each with scale and zero point.
void convert_ms_qlinear_binary(NodeContext& node) {
  const DType type = node.type(0).dtype;
  node.emit("strata." + std::string(node.op()),
            {node.input(0), node.input(1), zero_point(node, 2, type), node.input(3), node.input(4),
             zero_point(node, 5, type), node.input(6), zero_point(node, 7, type)},
            {});
}

void convert_ms_qlinear_sigmoid(NodeContext& node) { convert_through_floats(node, "Sigmoid"); }

void convert_ms_qlinear_leaky_relu(NodeContext& node) { convert_through_floats(node, "LeakyRelu"); }

// The axis counts as that of Softmax before opset 13 did if the attribute opset says so.
void convert_ms_qlinear_softmax(NodeContext& node) {
  const std::int64_t opset = node.attributes.integer("opset", 13);
  node.attributes.erase("opset");
  const auto rank = std::int64_t(node.type(0).shape.size());
  const std::int64_t axis = node.attributes.integer("axis", opset < 13 ? 1 : -1);
  if (opset < 13 && axis != rank - 1 && axis != -1) {
    fail(ErrorCode::unsupported,
         "axis {} of a tensor of rank {} with opset {}; accepted before opset 13: the last axis",
         axis, rank, opset);
  }
  node.attributes.set("axis", axis);
  convert_through_floats(node, "Softmax");
}

// The sums are exact; multiplied by x_scale / (count * y_scale), rounded, shifted by the zero
// point.
void convert_ms_qlinear_global_average_pool(NodeContext& node) {
  const bool last = take_flag(node, "channels_last");
  const std::size_t rank = node.type(0).shape.size();
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 2; axis < rank; ++axis) axes.push_back(std::int64_t(axis) - last);
  const ValueId x = centered(node, 0, 2);
  const ValueId sums = node.intermediate("ReduceSum", {x, node.integers(axes, "axes")});
  const ValueId count =
      node.intermediate("Div", {node.intermediate("Size", {x}), node.intermediate("Size", {sums})});
  const ValueId divisor = node.intermediate("Mul", {cast(node, count, DType::f32), node.input(3)});
  const ValueId scale = node.intermediate("Div", {node.input(1), divisor});
  node.emit("strata.Requantize", {sums, scale, zero_point(node, 4, node.type(0).dtype)}, {});
}

// The average over y_scale plus the zero point, rounded together.
void convert_ms_qlinear_average_pool(NodeContext& node) {
  const bool last = take_flag(node, "channels_last");
  const std::size_t rank = node.type(0).shape.size();
  ValueId x = dequantized(node, 0);
  if (last) x = permuted(node, x, rank, false);
  const ValueId average = node.intermediate("AveragePool", {x}, node.attributes);
  const ValueId zero = cast(node, zero_point(node, 4, node.type(0).dtype), DType::f32);
  ValueId y = node.intermediate("Add", {node.intermediate("Div", {average, node.input(3)}), zero});
  if (last) y = permuted(node, y, rank, true);
  node.emit("QuantizeLinear",
            {y, node.constant(Tensor::scalar(1.0f), "one"),
             node.constant(Tensor::zeros(node.type(0).dtype, {}), "none")},
            {});
}

// y_scale, y_zero_point, then tensor, scale and zero point of each operand.
void convert_ms_qlinear_concat(NodeContext& node) {
  if (node.inputs() < 5 || (node.inputs() - 2) % 3 != 0) {
    fail(ErrorCode::model, "{} inputs, expected 2 and 3 for each operand", node.inputs());
  }
  std::vector<ValueId> parts;
  for (std::size_t i = 2; i < node.inputs(); i += 3) parts.push_back(dequantized(node, i));
  const ValueId whole = node.intermediate("Concat", parts, node.attributes);
  node.emit("QuantizeLinear", {whole, node.input(0), node.input(1)}, {});
}

// A, B with scale and zero point each, C in i32, then scale and zero point of y unless it is f32.
void convert_ms_qgemm(NodeContext& node) {
  const float alpha = node.attributes.real("alpha", 1);
  const ValueId a = matrix(node, 0, "transA");
  const ValueId b = matrix(node, 3, "transB");
  ValueId sums = node.intermediate("MatMulInteger", {a, b, zero_point(node, 2, node.type(0).dtype),
                                                     zero_point(node, 5, node.type(3).dtype)});
  if (node.has_input(6)) sums = node.intermediate("Add", {sums, node.input(6)});
  ValueId scale = node.intermediate("Mul", {node.input(1), node.input(4)});
  if (alpha != 1) {
    scale = node.intermediate("Mul", {node.constant(Tensor::scalar(alpha), "alpha"), scale});
  }
  if (!node.has_input(7)) {
    node.emit("Mul", {cast(node, sums, DType::f32), scale}, {});
    return;
  }
  scale = node.intermediate("Div", {scale, node.input(7)});
  node.emit("strata.Requantize", {sums, scale, zero_point(node, 8, node.type(0).dtype)}, {});
}

// A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias
void convert_ms_matmul_integer_to_float(NodeContext& node) {
  const ValueId y =
      scaled_product(node,
                     {node.input(0), node.input(1), zero_point(node, 4, node.type(0).dtype),
                      zero_point(node, 5, node.type(1).dtype)},
                     node.input(2), node.input(3), 6);
  node.emit("Identity", {y}, {});
}

// A, B, b_scale, b_zero_point, bias; A is quantized over its own range.
void convert_ms_dynamic_quantize_matmul(NodeContext& node) {
  const auto a = node.intermediates("DynamicQuantizeLinear", {node.input(0)}, 3);
  const ValueId y =
      scaled_product(node, {a[0], node.input(1), a[2], zero_point(node, 3, node.type(1).dtype)},
                     a[1], node.input(2), 4);
  node.emit("Identity", {y}, {});
}

}  // namespace strata::formats::onnx
