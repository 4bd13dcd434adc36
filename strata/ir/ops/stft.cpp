#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/fourier.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { signal, frame_step, window, frame_length };

constexpr std::string_view names[] = {"signal", "frame_step", "window", "frame_length"};

void expect_operands(const InferContext& context) {
  expect_float(context, signal, names[signal]);
  context.expect_rank(signal, names[signal], 3);
  const Dim& parts = context.input(signal).shape[2];
  expect_between("last extent of signal", expect_known("last extent of signal", parts), 1, 2);
  for (const int i : {int(frame_step), int(frame_length)}) {
    if (!context.has_input(i)) continue;
    expect_index(context, i, names[i]);
    if (rank_of(context, i) > 1) context.expect_rank(i, names[i], 0);
    if (const auto shape = as_constant(context.input(i).shape)) {
      expect_count(names[i], std::size_t(shape->elements()), 1);
    }
  }
  if (context.has_input(window)) {
    context.expect_same_dtype(signal, window);
    context.expect_rank(window, names[window], 1);
  }
}

std::optional<Dim> known(const InferContext& context, int i) {
  const auto elements = context.elements(i);
  if (!elements) return std::nullopt;
  const Dim& value = elements->at(0);
  if (value.is_constant()) {
    expect_between(names[i], value.constant(), 1, std::numeric_limits<std::int32_t>::max());
  }
  return value;
}

/// Length of the frames, unless only data tell.
std::optional<Dim> known_length(const InferContext& context) {
  if (!context.has_input(frame_length)) {
    return context.has_input(window) ? context.input(window).shape[0]
                                     : context.input(signal).shape[1];
  }
  const auto length = known(context, frame_length);
  if (length && context.has_input(window)) {
    expect_extent("length of window", context.input(window).shape[0], *length);
  }
  return length;
}

void infer(InferContext& context) {
  expect_operands(context);
  const TensorType& x = context.input(signal);
  const auto length = known_length(context);
  const auto step = known(context, frame_step);
  std::optional<Dim> frames;
  if (length && step) {
    const Dim room = x.shape[1] - *length;
    if (room.is_constant() && room.constant() < 0) {
      fail(ErrorCode::model, "frames of {} do not fit the signal of {}", to_string(*length),
           to_string(x.shape[1]));
    }
    frames = Dim::floor_div(room, *step) + 1;
  }
  const bool onesided = context.attributes().integer("onesided", 1) != 0;
  const Dim count = frames ? *frames : context.open_extent(0, 1);
  const Dim bins = !length    ? context.open_extent(0, 2)
                   : onesided ? Dim::floor_div(*length, 2) + 1
                              : *length;
  context.set_output(0, {x.dtype, {x.shape[0], count, bins, 2}});
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[signal];
  const Shape& y = args.outputs[0].shape();
  const std::int64_t parts = x.shape()[2];
  const std::int64_t extent = x.shape()[1];
  const std::int64_t step = index_at(args.inputs[frame_step], 0);
  const bool windowed = args.has_input(window);
  const std::int64_t length = args.has_input(frame_length) ? index_at(args.inputs[frame_length], 0)
                              : windowed                   ? args.inputs[window].elements()
                                                           : extent;
  if (windowed && args.inputs[window].elements() != length) {
    return {"window and frame_length differ"};
  }
  if (step < 1 || length < 1 || length > extent || (extent - length) / step + 1 != y[1]) {
    return {"the frames do not fit the signal"};
  }
  Fourier fourier(args.scratch, length, -1);
  for (std::int64_t frame = 0; frame < y[0] * y[1]; ++frame) {
    const std::int64_t start = frame % y[1] * step + frame / y[1] * extent;
    for (std::int64_t n = 0; n < length; ++n) {
      const double weight = windowed ? load_one<double>(args.inputs[window], n) : 1;
      const std::int64_t at = (start + n) * parts;
      const double imaginary = parts == 2 ? load_one<double>(x, at + 1) : 0;
      fourier.input()[std::size_t(n)] = {weight * load_one<double>(x, at), weight * imaginary};
    }
    const auto result = fourier.transform();
    for (std::int64_t k = 0; k < y[2]; ++k) {
      store_one(result[std::size_t(k)].real(), args.outputs[0], 2 * (frame * y[2] + k));
      store_one(result[std::size_t(k)].imag(), args.outputs[0], 2 * (frame * y[2] + k) + 1);
    }
  }
  return {};
}

std::size_t scratch_bytes(const CostArgs& args) {
  return Fourier::scratch_bytes(2 * args.outputs[0][2]);
}

Cost cost(const CostArgs& args) {
  constexpr std::int64_t levels = 10;  // of a transform of about a thousand elements
  return {.flops = 4 * levels * args.outputs[0].elements()};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto step = scalar<std::int64_t>(4);
  const Attributes whole{{"onesided", std::int64_t(0)}};
  return {{"length", {f32({1, 32, 1}), step, omitted(), scalar<std::int64_t>(10)}},
          {"window", {f32({2, 20, 1}), step, f32({8})}},
          {"both", {f32({1, 17, 1}), scalar<std::int32_t>(3), f32({7}), scalar<std::int32_t>(7)}},
          {"neither", {f32({1, 9, 1}), step}},
          {"complex", {f32({1, 16, 2}), step, f32({8})}, whole},
          {"f64", {input(DType::f64, {1, 16, 1}), step, input(DType::f64, {8})}, whole},
          {"symbolic", {f32({Dim::symbol("N"), 16, 1}), step, f32({8})}},
          {"empty", {f32({0, 16, 1}), step, f32({8})}}};
}

constexpr AttributeDef attributes[] = {{"onesided", AttributeKind::integer}};

}  // namespace

extern const OpDef stft_op;
constinit const OpDef stft_op = {.name = "STFT",
                                 .inputs = {2, 4},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .scratch_bytes = scratch_bytes,
                                 .cost = cost,
                                 .cases = cases};

}  // namespace strata::ir
