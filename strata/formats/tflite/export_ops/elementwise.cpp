// Ops that work element by element, and conversions between numbers and codes.
#include <algorithm>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/node_writer.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;

/// Where an integer op has its second operand: behind scale and zero point of the first.
std::size_t second_of(const NodeWriter& writer) {
  return writer.node().op->domain == "strata" ? 3 : 1;
}

/// Images if one operand is at hand as an image only and the others can be had as images.
Layout common_layout(NodeWriter& writer, std::span<const std::size_t> operands) {
  bool image = false;
  for (const std::size_t i : operands) image = image || writer.at_hand(i) == Layout::image;
  const bool all = std::ranges::all_of(operands, [&](std::size_t i) {
    return writer.shape(i).size() == 4 || writer.shape(i).empty() ||
           writer.graph().is_constant(writer.input(i));
  });
  return image && all ? Layout::image : Layout::plain;
}

/// An operand that broadcasts: as an image it gets four axes.
std::int32_t broadcast(NodeWriter& writer, std::size_t i, Layout layout) {
  const auto extents = writer.shape(i);
  if (extents.empty()) return writer.tensor(i, Layout::plain);
  if (layout == Layout::plain || extents.size() == 4) return writer.tensor(i, layout);
  Shape shape{1, 1, 1, 1};
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    shape.set(int(4 - extents.size() + axis), extents[axis]);
  }
  const Tensor elements = writer.constant(i, "the operand").reshaped(shape);
  return writer.own("/operand", permuted(elements, std::array{0, 2, 3, 1}), writer.grid(i));
}

/// Operators on codes compute with the numbers that these stand for, plain ops with the codes.
void refuse_codes(const NodeWriter& writer, std::size_t operands) {
  if (!writer.node().op->domain.empty()) return;
  for (std::size_t i = 0; i < operands; ++i) {
    const DType type = writer.type(i);
    const bool small = type == DType::i8 || type == DType::u8 || type == DType::i16;
    if (!small && !writer.grid(i)) continue;
    fail(
        ErrorCode::unsupported,
        "{} is of type {}, and arithmetic on codes is not what TensorFlow Lite computes; accepted: "
        "floats, integers of 32 bits or more, or an op between DequantizeLinear and "
        "QuantizeLinear",
        writer.graph().value(writer.input(i)).name, to_string(type));
  }
}

template <class Options>
void binary(NodeWriter& writer, BuiltinOperator op, Options&& options) {
  refuse_codes(writer, 2);
  const std::array operands = {std::size_t(0), second_of(writer)};
  const Layout layout = common_layout(writer, operands);
  const std::int32_t a = broadcast(writer, operands[0], layout);
  const std::int32_t b = broadcast(writer, operands[1], layout);
  const OptionsRow row = options(writer.take_activation());
  writer.emit(op, {a, b}, layout, row);
}

void plain_binary(NodeWriter& writer, BuiltinOperator op) {
  const std::array<std::size_t, 2> operands = {0, 1};
  const Layout layout = common_layout(writer, operands);
  const std::int32_t a = broadcast(writer, 0, layout);
  writer.emit(op, {a, broadcast(writer, 1, layout)}, layout);
}

void arithmetic(NodeWriter& writer, BuiltinOperator op) {
  refuse_codes(writer, 2);
  plain_binary(writer, op);
}

void chain(NodeWriter& writer, BuiltinOperator op) {
  if (writer.node().inputs.size() != 2) {
    fail(ErrorCode::unsupported, "{} operands; accepted: 2", writer.node().inputs.size());
  }
  plain_binary(writer, op);
}

void unary(NodeWriter& writer, BuiltinOperator op, OptionsRow options = {}) {
  const Layout layout = writer.at_hand(0);
  writer.emit(op, {writer.tensor(0, layout)}, layout, options);
}

void function(NodeWriter& writer, BuiltinOperator op, OptionsRow options = {}) {
  refuse_codes(writer, 1);
  unary(writer, op, options);
}

/// Codes of results within -1 or 0 and 1: the operators have one grid for them.
std::optional<Grid> unit_grid(DType type, bool is_signed) {
  const auto range = quantized_range(type);
  if (!range) return std::nullopt;
  if (type == DType::i16) return Grid{{0x1p-15f}, {0}, 0};
  if (is_signed) return Grid{{0x1p-7f}, {range->low + 128}, 0};
  return Grid{{0x1p-8f}, {range->low}, 0};
}

void emit_unit(NodeWriter& writer, BuiltinOperator op, std::int32_t x, Layout layout,
               bool is_signed, OptionsRow options = {}) {
  const auto grid = unit_grid(writer.output_type(), is_signed);
  writer.emit_on(grid ? &*grid : nullptr, op, {x}, layout, options);
}

void unit(NodeWriter& writer, BuiltinOperator op, bool is_signed) {
  const Layout layout = writer.at_hand(0);
  emit_unit(writer, op, writer.tensor(0, layout), layout, is_signed);
}

}  // namespace

void export_add(NodeWriter& writer) {
  binary(writer, BuiltinOperator::ADD, [&](schema::Activation activation) {
    return writer.file().options(schema::CreateAddOptions(writer.builder(), activation));
  });
}
void export_sub(NodeWriter& writer) {
  binary(writer, BuiltinOperator::SUB, [&](schema::Activation activation) {
    return writer.file().options(schema::CreateSubOptions(writer.builder(), activation));
  });
}
void export_mul(NodeWriter& writer) {
  binary(writer, BuiltinOperator::MUL, [&](schema::Activation activation) {
    return writer.file().options(schema::CreateMulOptions(writer.builder(), activation));
  });
}
void export_div(NodeWriter& writer) {
  binary(writer, BuiltinOperator::DIV, [&](schema::Activation activation) {
    return writer.file().options(schema::CreateDivOptions(writer.builder(), activation));
  });
}
void export_pow(NodeWriter& writer) { arithmetic(writer, BuiltinOperator::POW); }
void export_equal(NodeWriter& writer) { arithmetic(writer, BuiltinOperator::EQUAL); }
void export_greater(NodeWriter& writer) { arithmetic(writer, BuiltinOperator::GREATER); }
void export_less(NodeWriter& writer) { arithmetic(writer, BuiltinOperator::LESS); }
void export_max(NodeWriter& writer) { chain(writer, BuiltinOperator::MAXIMUM); }
void export_min(NodeWriter& writer) { chain(writer, BuiltinOperator::MINIMUM); }

void export_abs(NodeWriter& writer) { function(writer, BuiltinOperator::ABS); }
void export_ceil(NodeWriter& writer) { function(writer, BuiltinOperator::CEIL); }
void export_cos(NodeWriter& writer) { function(writer, BuiltinOperator::COS); }
void export_exp(NodeWriter& writer) { function(writer, BuiltinOperator::EXP); }
void export_floor(NodeWriter& writer) { function(writer, BuiltinOperator::FLOOR); }
void export_hard_swish(NodeWriter& writer) { function(writer, BuiltinOperator::HARD_SWISH); }
void export_log(NodeWriter& writer) { function(writer, BuiltinOperator::LOG); }
void export_neg(NodeWriter& writer) { function(writer, BuiltinOperator::NEG); }
void export_relu(NodeWriter& writer) {
  const DType type = writer.type(0);
  if (is_float(type)) return unary(writer, BuiltinOperator::RELU);
  // RELU bounds by the code that stands for 0, the op by code 0.
  const Layout layout = writer.at_hand(0);
  const std::int32_t x = writer.tensor(0, layout);
  const std::int32_t zero = writer.own("/zero", Tensor::scalar(0.0f).cast(type), writer.grid(0));
  writer.emit(BuiltinOperator::MAXIMUM, {x, zero}, layout);
}
void export_round(NodeWriter& writer) { function(writer, BuiltinOperator::ROUND); }
void export_sigmoid(NodeWriter& writer) { unit(writer, BuiltinOperator::LOGISTIC, false); }
void export_sin(NodeWriter& writer) { function(writer, BuiltinOperator::SIN); }
void export_sqrt(NodeWriter& writer) { function(writer, BuiltinOperator::SQRT); }
void export_tanh(NodeWriter& writer) { unit(writer, BuiltinOperator::TANH, true); }
void export_cast(NodeWriter& writer) { unary(writer, BuiltinOperator::CAST); }
void export_quantize(NodeWriter& writer) { unary(writer, BuiltinOperator::QUANTIZE); }
void export_dequantize(NodeWriter& writer) { unary(writer, BuiltinOperator::DEQUANTIZE); }

/// 1 / x
void export_reciprocal(NodeWriter& writer) {
  const Layout layout = writer.at_hand(0);
  const std::int32_t x = writer.tensor(0, layout);
  writer.emit(BuiltinOperator::DIV, {writer.own("/one", Tensor::scalar(1.0f)), x}, layout,
              writer.file().options(schema::CreateDivOptions(writer.builder())));
}

void export_mod(NodeWriter& writer) {
  if (writer.attributes().integer("fmod", 0) != 0) {
    fail(ErrorCode::unsupported, "fmod 1; accepted: 0 (the sign of the divisor)");
  }
  arithmetic(writer, BuiltinOperator::FLOOR_MOD);
}

void export_elu(NodeWriter& writer) {
  if (writer.attributes().real("alpha", 1) != 1) {
    fail(ErrorCode::unsupported, "alpha {}; accepted: 1", writer.attributes().real("alpha", 1));
  }
  function(writer, BuiltinOperator::ELU);
}
void export_leaky_relu(NodeWriter& writer) {
  const float alpha = writer.attributes().real("alpha", 0.01f);
  function(writer, BuiltinOperator::LEAKY_RELU,
           writer.file().options(schema::CreateLeakyReluOptions(writer.builder(), alpha)));
}

/// Bounds that no word of the format says.
void export_clip(NodeWriter& writer) {
  const Layout layout = writer.at_hand(0);
  const auto shape = writer.output_shape();
  std::int32_t x = writer.tensor(0, layout);
  const bool both = writer.has_input(1) && writer.has_input(2);
  if (writer.has_input(1)) {
    const std::int32_t low =
        writer.own("/low", writer.constant(1, "the lower bound"), writer.output_grid());
    if (!both) return writer.emit(BuiltinOperator::MAXIMUM, {x, low}, layout);
    std::vector<std::int64_t> extents = shape;
    if (layout == Layout::image) extents = {shape[0], shape[2], shape[3], shape[1]};
    const std::int32_t between = writer.forms().make_between(writer.result(), "/low", extents);
    writer.file().add_operator(BuiltinOperator::MAXIMUM, {x, low}, {between});
    x = between;
  }
  if (!writer.has_input(2)) return export_identity(writer);
  writer.emit(BuiltinOperator::MINIMUM,
              {x, writer.own("/high", writer.constant(2, "the upper bound"), writer.output_grid())},
              layout);
}

namespace {

void write_prelu(NodeWriter& writer, std::size_t slope) {
  const Layout layout = writer.shape(0).size() == 4 ? Layout::image : Layout::plain;
  const std::int32_t x = writer.tensor(0, layout);
  Tensor slopes = writer.constant(slope, "the slope");
  if (layout == Layout::image) {
    Shape shape{1, 1, 1, 1};
    for (int axis = 0; axis < slopes.shape().rank(); ++axis) {
      shape.set(4 - slopes.shape().rank() + axis, slopes.shape()[axis]);
    }
    slopes = permuted(slopes.reshaped(shape), std::array{0, 2, 3, 1});
    slopes = slopes.reshaped(Shape{slopes.shape()[1], slopes.shape()[2], slopes.shape()[3]});
  }
  writer.emit(BuiltinOperator::PRELU, {x, writer.own("/slope", slopes, writer.grid(slope))},
              layout);
}

}  // namespace

void export_prelu(NodeWriter& writer) { write_prelu(writer, 1); }
void export_q_linear_prelu(NodeWriter& writer) { write_prelu(writer, 3); }

void export_softmax(NodeWriter& writer) {
  const auto rank = std::int64_t(writer.shape(0).size());
  std::int64_t axis = writer.attributes().integer("axis", -1);
  if (axis < 0) axis += rank;
  const Layout layout = rank == 4 && axis == 1 ? Layout::image : Layout::plain;
  if (layout == Layout::plain && axis != rank - 1) {
    fail(ErrorCode::unsupported, "softmax along axis {} of {}; accepted: the last{}", axis, rank,
         rank == 4 ? ", or the channels" : "");
  }
  const std::int32_t x = writer.tensor(0, layout);
  const float beta = writer.attributes().has("beta") ? writer.attributes().real("beta", 1) : 1.0f;
  emit_unit(writer, BuiltinOperator::SOFTMAX, x, layout, false,
            writer.file().options(schema::CreateSoftmaxOptions(writer.builder(), beta)));
}

void export_log_softmax(NodeWriter& writer) {
  const auto rank = std::int64_t(writer.shape(0).size());
  const std::int64_t axis = writer.attributes().integer("axis", -1);
  if (axis != -1 && axis != rank - 1) {
    fail(ErrorCode::unsupported, "log softmax along axis {} of {}; accepted: the last", axis, rank);
  }
  writer.emit(BuiltinOperator::LOG_SOFTMAX, {writer.tensor(0, Layout::plain)}, Layout::plain);
}

}  // namespace strata::formats::tflite
