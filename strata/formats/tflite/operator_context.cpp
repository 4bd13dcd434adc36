#include "strata/formats/tflite/operator_context.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/formats/tflite/options.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {
namespace {

Tensor zero_points(const Quantization& quantization, DType type, const Shape& shape) {
  Tensor result = Tensor::zeros(DType::i64, shape);
  const auto to = result.mutable_data<std::int64_t>();
  for (std::size_t i = 0; i < to.size() && !quantization.zero_point.empty(); ++i) {
    to[i] = quantization.zero_point[quantization.zero_point.size() == 1 ? 0 : i];
  }
  return result.cast(type);
}

std::string reference_word() { return std::string(to_string(Arithmetic::tflite_reference)); }

}  // namespace

OperatorContext::OperatorContext(const Model& model, const OperatorInfo& info, Values& values,
                                 ir::Graph& graph, Arithmetic mode)
    : model_(model),
      info_(info),
      values_(values),
      graph_(graph),
      mode_(mode),
      first_output_(values.name(output_tensor(0))),
      builder_(graph, {first_output_}) {}

std::int32_t OperatorContext::input_tensor(std::size_t i) const {
  if (!has_input(i)) {
    fail(ErrorCode::model, "input {} is missing; it has {} inputs", i, inputs());
  }
  return info_.inputs[i];
}

std::int32_t OperatorContext::output_tensor(std::size_t i) const {
  if (!wants_output(i)) {
    fail(ErrorCode::model, "output {} is missing; it has {} outputs", i, outputs());
  }
  return info_.outputs[i];
}

ir::ValueId OperatorContext::input(std::size_t i, Layout layout) const {
  return values_.get(input_tensor(i), layout);
}

DType OperatorContext::type(std::size_t i) const { return values_.dtype(input_tensor(i)); }
DType OperatorContext::output_type(std::size_t i) const {
  return values_.info(output_tensor(i)).dtype;
}
std::string OperatorContext::input_name(std::size_t i) const {
  return values_.name(input_tensor(i));
}

std::vector<std::int64_t> OperatorContext::shape(std::size_t i) const {
  const SymbolicShape symbolic = values_.shape(input_tensor(i));
  const auto known = as_constant(symbolic);
  if (!known) {
    fail(ErrorCode::unsupported, "input {} (\"{}\") has shape {}; accepted: known extents", i,
         input_name(i), to_string(ir::TensorType{type(i), symbolic}));
  }
  return {known->begin(), known->end()};
}

int OperatorContext::rank(std::size_t i) const {
  return int(values_.shape(input_tensor(i)).size());
}

Layout OperatorContext::at_hand(std::size_t i) const {
  const std::int32_t tensor = input_tensor(i);
  return values_.has(tensor, Layout::image) && !values_.has(tensor, Layout::plain) ? Layout::image
                                                                                   : Layout::plain;
}

Layout OperatorContext::at_hand_all() const {
  bool any = false;
  for (std::size_t i = 0; i < inputs(); ++i) {
    const bool image = at_hand(i) == Layout::image;
    any = any || image;
    if (image || rank(i) == 4 || (rank(i) < 4 && constant_input(i))) continue;
    if (rank(i) != 0) return Layout::plain;
  }
  return any ? Layout::image : Layout::plain;
}

ir::ValueId OperatorContext::broadcast_input(std::size_t i, Layout layout) {
  const int axes = rank(i);
  if (layout == Layout::plain || axes == 4 || axes == 0) {
    return input(i, axes == 0 ? Layout::plain : layout);
  }
  const Tensor tensor = constant_input(i).value();
  values_.charge(std::int64_t(tensor.size_bytes()));
  Shape shape{1, 1, 1, 1};
  for (int axis = 0; axis < axes; ++axis) shape.set(4 - axes + axis, tensor.shape()[axis]);
  return constant(permuted(tensor.reshaped(shape), image_axes));
}

std::int64_t OperatorContext::axis_in(Layout layout, std::int64_t axis, int axes) const {
  if (axis < -axes || axis >= axes) {
    fail(ErrorCode::model, "axis {} of {} dimensions", axis, axes);
  }
  if (axis < 0) axis += axes;
  return layout == Layout::image ? axis_in_image[std::size_t(axis)] : axis;
}

std::optional<Tensor> OperatorContext::constant_input(std::size_t i) const {
  return values_.constant(input_tensor(i));
}

std::vector<std::int64_t> OperatorContext::integers(std::size_t i, std::string_view what) const {
  auto known = values_.known_integers(input_tensor(i));
  if (!known) {
    fail(ErrorCode::unsupported,
         "{} (input {}, \"{}\") is computed in the run; accepted: known "
         "without one",
         what, i, input_name(i));
  }
  // Beyond 32 bits no extent lies, so such bounds mean the same as these; sums of them cannot wrap.
  for (std::int64_t& value : *known) value = std::clamp<std::int64_t>(value, INT32_MIN, INT32_MAX);
  return *known;
}

ir::ValueId OperatorContext::index_input(std::size_t i) {
  const ir::ValueId found = input(i);
  const ir::Value& value = graph_.value(found);
  if (value.type.dtype == DType::i64) return found;
  if (value.constant) {
    values_.charge(8 * value.constant->shape.elements());
    return constant(value.constant->decode().cast(DType::i64));
  }
  return builder_.op("Cast", {found}, {{"to", DType::i64}});
}

bool OperatorContext::is_quantized(std::size_t i) const {
  const DType t = type(i);
  return (t == DType::i8 || t == DType::u8 || t == DType::i16) &&
         !model_.quantization(input_tensor(i)).scale.empty();
}

bool OperatorContext::is_output_quantized(std::size_t i) const {
  const DType t = output_type(i);
  return (t == DType::i8 || t == DType::u8 || t == DType::i16) &&
         !model_.quantization(output_tensor(i)).scale.empty();
}

Quantization OperatorContext::quantization(std::size_t i, std::optional<int> axis) const {
  return with_context([&] { return fmt::format("input {} (\"{}\")", i, input_name(i)); },
                      [&] {
                        Quantization found = model_.quantization(input_tensor(i));
                        const std::size_t count = found.scale.size();
                        if (count == 1) return found;
                        if (count == 0 || !axis) {
                          fail(ErrorCode::model, "it has {} scales; accepted: 1{}", count,
                               axis ? ", or one for each channel" : "");
                        }
                        const std::int64_t extent = shape(i).at(std::size_t(*axis));
                        if (std::int64_t(count) != extent) {
                          fail(ErrorCode::model, "it has {} scales; accepted: 1, or {} for axis {}",
                               count, extent, *axis);
                        }
                        if (found.axis != *axis) {
                          values_.note_wrong_axis(input_tensor(i), found.axis, *axis);
                          found.axis = *axis;
                        }
                        return found;
                      });
}

Quantization OperatorContext::output_quantization(std::size_t i) const {
  Quantization found = model_.quantization(output_tensor(i));
  if (found.scale.size() != 1) {
    fail(ErrorCode::model, "output {} has {} scales; accepted: 1", i, found.scale.size());
  }
  return found;
}

bool OperatorContext::same_quantization(std::size_t i, std::size_t output) const {
  const Quantization a = model_.quantization(input_tensor(i));
  const Quantization b = model_.quantization(output_tensor(output));
  const auto zero = [](const Quantization& q) {
    return q.zero_point.empty() ? 0 : q.zero_point[0];
  };
  return type(i) == output_type(output) && a.scale == b.scale && zero(a) == zero(b);
}

void OperatorContext::append_parameters(std::vector<ir::ValueId>& operands,
                                        const Quantization& quantization, DType type) {
  const std::size_t count = quantization.scale.size();
  STRATA_ASSERT(count > 0);
  values_.charge(std::int64_t(count) * 8);
  const Shape shape = count == 1 ? Shape{} : Shape{std::int64_t(count)};
  operands.push_back(constant(Tensor::from<float>(shape, quantization.scale)));
  operands.push_back(constant(zero_points(quantization, type, shape)));
}

void OperatorContext::append_quantized(std::vector<ir::ValueId>& operands, std::size_t i,
                                       Layout layout) {
  operands.push_back(broadcast_input(i, layout));
  append_parameters(operands, quantization(i), type(i));
}

void OperatorContext::append_output_parameters(std::vector<ir::ValueId>& operands, std::size_t i) {
  append_parameters(operands, output_quantization(i), output_type(i));
}

ir::ValueId OperatorContext::real_input(std::size_t i, Layout layout) {
  if (!is_quantized(i)) return broadcast_input(i, layout);
  std::vector<ir::ValueId> operands;
  append_quantized(operands, i, layout);
  return node("DequantizeLinear", std::move(operands), {{"arithmetic", reference_word()}});
}

void OperatorContext::emit_real(std::string_view op, std::vector<ir::ValueId> operands,
                                ir::Attributes attributes, Layout layout,
                                schema::Activation activation) {
  if (!is_output_quantized()) {
    return emit_activated(activation, op, std::move(operands), std::move(attributes), layout);
  }
  std::vector<ir::ValueId> result{node(op, std::move(operands), std::move(attributes))};
  append_output_parameters(result);
  emit_activated(activation, "QuantizeLinear", std::move(result),
                 {{"arithmetic", reference_word()}}, layout);
}

std::string OperatorContext::arithmetic(bool delegated) const {
  const bool optimized = mode_ == Arithmetic::tflite_xnnpack && !delegated;
  return std::string(to_string(optimized ? Arithmetic::tflite_optimized : mode_));
}

std::span<const std::byte> OperatorContext::custom_options() const {
  const auto* bytes = info_.table->custom_options();
  if (!bytes) return {};
  return std::as_bytes(std::span(bytes->data(), bytes->size()));
}

ir::ValueId OperatorContext::node(std::string_view op, std::vector<ir::ValueId> operands,
                                  ir::Attributes attributes) {
  return builder_.op(op, std::move(operands), std::move(attributes));
}

ir::ValueId OperatorContext::constant(Tensor tensor) {
  return builder_.constant(std::move(tensor), first_output_ + "/constant");
}

ir::ValueId OperatorContext::integer_list(std::vector<std::int64_t> values) {
  return constant(Tensor::from<std::int64_t>(Shape{std::int64_t(values.size())}, values));
}

ir::ValueId OperatorContext::number(DType type, double value) {
  return constant(Tensor::scalar(value).cast(type));
}

ir::ValueId OperatorContext::reshaped(ir::ValueId x, std::vector<std::int64_t> shape) {
  return node("Reshape", {x, integer_list(std::move(shape))}, {{"allowzero", std::int64_t(1)}});
}

std::string OperatorContext::output_name(std::size_t output, Layout layout) const {
  return values_.result_name(output_tensor(output), layout);
}

void OperatorContext::emit(std::string_view op, std::vector<ir::ValueId> operands,
                           ir::Attributes attributes, Layout layout, std::size_t output) {
  const std::string name = output_name(output, layout);
  const ir::ValueId result = builder_.op(op, std::move(operands), std::move(attributes), name);
  values_.set(output_tensor(output), layout, result);
}

std::optional<OperatorContext::Bounds> OperatorContext::activation_bounds(
    schema::Activation activation) const {
  using schema::Activation;
  constexpr double none = std::numeric_limits<double>::infinity();
  Bounds real{};
  switch (activation) {
    case Activation::NONE:
      return std::nullopt;
    case Activation::RELU:
      real = {0, none};
      break;
    case Activation::RELU_N1_TO_1:
      real = {-1, 1};
      break;
    case Activation::RELU6:
      real = {0, 6};
      break;
    default:
      fail(ErrorCode::unsupported, "fused activation {}; accepted: none, RELU, RELU_N1_TO_1, RELU6",
           int(activation));
  }
  if (!is_output_quantized()) return real;
  const Quantization to = output_quantization();
  const double zero = to.zero_point.empty() ? 0.0 : double(to.zero_point[0]);
  const QuantizedRange range = *quantized_range(output_type());
  const auto stored = [&](double limit, double otherwise) {
    if (std::isinf(limit)) return otherwise;
    // As the runtime computes it: in f32, half away from zero.
    const auto steps = double(std::round(static_cast<float>(limit) / to.scale[0]));
    return std::clamp(zero + steps, double(range.low), double(range.high));
  };
  const Bounds bounds{stored(real.low, range.low), stored(real.high, range.high)};
  if (bounds.low == range.low && bounds.high == range.high) return std::nullopt;
  return bounds;
}

std::optional<OperatorContext::Follower> OperatorContext::follower(schema::Activation activation,
                                                                   DType type) {
  if (activation == schema::Activation::TANH && is_float(type)) return Follower{"Tanh", {}};
  const auto bounds = activation_bounds(activation);
  if (!bounds) return std::nullopt;
  const bool open = std::isinf(bounds->high);
  if (open && is_float(type)) return Follower{"Relu", {}};
  Follower clip{"Clip", {number(type, bounds->low)}};
  if (!open) clip.limits.push_back(number(type, bounds->high));
  return clip;
}

ir::ValueId OperatorContext::activated(schema::Activation activation, ir::ValueId x) {
  auto then = follower(activation, type_of(x).dtype);
  if (!then) return x;
  then->limits.insert(then->limits.begin(), x);
  return node(then->op, std::move(then->limits));
}

void OperatorContext::emit_activation(schema::Activation activation, ir::ValueId x, Layout layout) {
  auto then = follower(activation, output_type());
  if (!then) return emit_value(x, layout);
  then->limits.insert(then->limits.begin(), x);
  emit(then->op, std::move(then->limits), {}, layout);
}

void OperatorContext::emit_activated(schema::Activation activation, std::string_view op,
                                     std::vector<ir::ValueId> operands, ir::Attributes attributes,
                                     Layout layout) {
  auto then = follower(activation, output_type());
  if (!then) return emit(op, std::move(operands), std::move(attributes), layout);
  then->limits.insert(then->limits.begin(), node(op, std::move(operands), std::move(attributes)));
  emit(then->op, std::move(then->limits), {}, layout);
}

void OperatorContext::emit_value(ir::ValueId value, Layout layout, std::size_t output) {
  // Inputs, constants and states keep their own names.
  emit("Identity", {value}, {}, layout, output);
}

void OperatorContext::emit_constant(EncodedTensor constant, std::size_t output) {
  values_.set_constant(output_tensor(output), std::move(constant), {first_output_});
}

void OperatorContext::update(std::size_t input, ir::ValueId value) {
  values_.set(input_tensor(input), Layout::plain, value, true);
}

}  // namespace strata::formats::tflite
