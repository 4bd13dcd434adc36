#include <algorithm>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/narrow.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { x_at, scale_at, zero_at };

constexpr std::string_view quantized_types =
    "integers of 2 to 16 bits, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f6e2m3, f6e3m2, f4e2m1";

bool is_quantized(DType type) {
  return quantized_range(type) || (is_narrow_float(type) && type != DType::f8e8m0);
}

void expect_quantized(std::string_view what, DType type, bool i32) {
  if (is_quantized(type) || (i32 && type == DType::i32)) return;
  fail(ErrorCode::model, "{} has element type {}; accepted: {}{}", what, to_string(type),
       quantized_types, i32 ? ", i32" : "");
}

void expect_scale_type(const InferContext& context, std::string_view what, bool i32) {
  const DType type = context.input(scale_at).dtype;
  if (is_float(type) || type == DType::f8e8m0 || (i32 && type == DType::i32)) return;
  fail(ErrorCode::model, "{} has element type {}; accepted: f16, bf16, f32, f64, f8e8m0{}", what,
       to_string(type), i32 ? ", i32" : "");
}

/// One element for the tensor, a vector along the axis, or the tensor's shape with one element per
/// block of the axis.
void expect_granularity(const InferContext& context, std::string_view scale,
                        std::string_view zero_point) {
  const std::int64_t block = context.attributes().integer("block_size", 0);
  expect_between("block_size", block, 0, std::numeric_limits<std::int32_t>::max());
  const SymbolicShape& shape = context.input(scale_at).shape;
  const SymbolicShape& x = context.input(x_at).shape;
  if (!is_single(context, scale_at)) {
    context.expect_rank(scale_at, scale, block > 0 ? int(x.size()) : 1);
    const auto axis =
        std::size_t(normalize_axis(context.attributes().integer("axis", 1), int(x.size()), "axis"));
    for (std::size_t i = 0; block > 0 && i < x.size(); ++i) {
      expect_extent(fmt::format("extent {} of {}", i, scale), shape[i],
                    i == axis ? Dim::floor_div(x[i] + (block - 1), block) : x[i]);
    }
    if (block == 0) expect_extent(fmt::format("length of {}", scale), shape[0], x[axis]);
  }
  if (!context.has_input(zero_at)) return;
  if (is_single(context, scale_at)) return expect_single(context, zero_at, zero_point);
  context.expect_rank(zero_at, zero_point, int(shape.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    expect_extent(fmt::format("extent {} of {}", i, zero_point), context.input(zero_at).shape[i],
                  shape[i]);
  }
}

/// In the modes of TFLite numbers are f32, and codes integers of 8 or 16 bits.
void expect_tflite_types(const InferContext& context, DType number, DType code) {
  if (expect_arithmetic(context) == Arithmetic::onnx) return;
  if (number != DType::f32 || !quantized_range(code)) {
    fail(ErrorCode::model,
         "element types {} and {}; accepted with this arithmetic: f32 and integers",
         to_string(number), to_string(code));
  }
  expect_scale(context, scale_at, "the");
}

void infer_dequantize(InferContext& context) {
  expect_quantized("x", context.input(x_at).dtype, true);
  expect_scale_type(context, "x_scale", false);
  expect_granularity(context, "x_scale", "x_zero_point");
  if (context.has_input(zero_at)) context.expect_same_dtype(x_at, zero_at);
  const DType type = context.attributes().has("output_dtype")
                         ? context.attributes().dtype("output_dtype")
                         : context.input(scale_at).dtype;
  if (!is_float(type)) {
    fail(ErrorCode::model, "output_dtype is {}; accepted: f16, bf16, f32, f64", to_string(type));
  }
  expect_tflite_types(context, type, context.input(x_at).dtype);
  context.set_output(0, {type, context.input(x_at).shape});
}

void infer_quantize(InferContext& context) {
  if (context.input(x_at).dtype != DType::i32) expect_float(context, x_at, "x");
  expect_scale_type(context, "y_scale", true);
  expect_granularity(context, "y_scale", "y_zero_point");
  if (context.attributes().has("precision") && !is_float(context.attributes().dtype("precision"))) {
    fail(ErrorCode::model, "precision is {}; accepted: f16, bf16, f32, f64",
         to_string(context.attributes().dtype("precision")));
  }
  DType type = context.has_input(zero_at) ? context.input(zero_at).dtype : DType::u8;
  if (context.attributes().has("output_dtype")) {
    const DType stated = context.attributes().dtype("output_dtype");
    if (context.has_input(zero_at) && stated != type) {
      fail(ErrorCode::model, "output_dtype is {}, but y_zero_point has element type {}",
           to_string(stated), to_string(type));
    }
    type = stated;
  }
  expect_quantized("y", type, false);
  expect_tflite_types(context, context.input(x_at).dtype, type);
  context.set_output(0, {type, context.input(x_at).shape});
}

/// Scale and zero point of each element of x; those of neighbours are mostly the same.
class Quantization {
 public:
  explicit Quantization(const EvalArgs& args)
      : args_(args),
        single_(args.inputs[scale_at].elements() == 1),
        blocked_(args.inputs[scale_at].shape().rank() > 1),
        axis_(single_ ? 0
                      : normalize_axis(args.attributes().integer("axis", 1),
                                       args.inputs[x_at].shape().rank(), "axis")),
        view_(args.inputs[x_at].shape(), axis_),
        block_(std::max<std::int64_t>(args.attributes().integer("block_size", 0), 1)) {}

  /// Makes `scale` and `zero_point` those of element i.
  void seek(std::int64_t i) {
    const std::int64_t at = index(i);
    if (at == at_) return;
    at_ = at;
    scale = load_one<double>(args_.inputs[scale_at], at);
    if (args_.has_input(zero_at)) zero_point = load_one<double>(args_.inputs[zero_at], at);
  }

  QuantizedOperand grid() const { return {float(scale), std::int32_t(zero_point)}; }

  double scale = 1, zero_point = 0;

 private:
  std::int64_t index(std::int64_t i) const {
    if (single_) return 0;
    const std::int64_t along = i / view_.inner % view_.extent;
    if (!blocked_ && block_ == 1) return along;
    const std::int64_t blocks = args_.inputs[scale_at].shape()[axis_];
    return (i / view_.inner / view_.extent * blocks + along / block_) * view_.inner +
           i % view_.inner;
  }

  const EvalArgs& args_;
  bool single_, blocked_;
  int axis_;
  AxisView view_;
  std::int64_t block_;
  std::int64_t at_ = -1;
};

/// Rounds to a float type; exact for what a wider one holds.
double rounded(double value, DType type) {
  switch (type) {
    case DType::f32:
      return double(float(value));
    case DType::f16:
      return double(float(Half(float(value))));
    case DType::bf16:
      return double(float(BFloat16(float(value))));
    default:
      return value;
  }
}

// y = (x - zero point) * scale: the difference is that of integers, rounded to the type of y.
Status dequantize(const EvalArgs& args) {
  Quantization quantization(args);
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  const bool wide = args.inputs[x_at].dtype() == DType::i32;
  const DType type = args.outputs[0].dtype();
  double values[chunk];
  for (std::int64_t at = 0; at < args.outputs[0].elements(); at += chunk) {
    const std::int64_t n = std::min(chunk, args.outputs[0].elements() - at);
    load(args.inputs[x_at], at, 1, n, values);
    for (std::int64_t i = 0; i < n; ++i) {
      quantization.seek(at + i);
      if (arithmetic != Arithmetic::onnx) {
        values[i] =
            double(tflite_dequantize(arithmetic, std::int32_t(values[i]), quantization.grid()));
        continue;
      }
      const double difference = values[i] - quantization.zero_point;
      values[i] = (wide ? rounded(difference, type) : difference) * quantization.scale;
    }
    store(values, n, args.outputs[0], at);
  }
  return {};
}

/// The precision of the division: as stated, or that of the scale where it is a float.
DType division_type(const EvalArgs& args) {
  if (args.attributes().has("precision")) return args.attributes().dtype("precision");
  const DType scale = args.inputs[scale_at].dtype();
  return is_float(scale) ? scale : DType::f32;
}

// y = saturate(round half to even (x / scale) + zero point); of floats, x / scale + zero point.
Status quantize(const EvalArgs& args) {
  Quantization quantization(args);
  Tensor& y = args.outputs[0];
  const DType precision = division_type(args);
  const auto range = quantized_range(y.dtype());
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  const NarrowRounding rounding{.saturate = args.attributes().integer("saturate", 1) != 0};
  double values[chunk];
  std::int64_t codes[chunk];
  for (std::int64_t at = 0; at < y.elements(); at += chunk) {
    const std::int64_t n = std::min(chunk, y.elements() - at);
    load(args.inputs[x_at], at, 1, n, values);
    for (std::int64_t i = 0; i < n; ++i) {
      quantization.seek(at + i);
      if (arithmetic != Arithmetic::onnx) {
        codes[i] = tflite_quantize(arithmetic, float(values[i]), quantization.grid(), *range);
        continue;
      }
      const double divisor = rounded(quantization.scale, precision);
      const double quotient = rounded(rounded(values[i], precision) / divisor, precision);
      codes[i] = range ? round_then_shift(quotient, std::int32_t(quantization.zero_point), *range)
                       : narrow_code(y.dtype(), quotient + quantization.zero_point, rounding);
    }
    if (range) {
      store(codes, n, y, at);
    } else {
      std::copy(codes, codes + n, static_cast<std::uint8_t*>(y.mutable_raw()) + at);
    }
  }
  return {};
}

std::vector<OpCase> dequantize_cases() {
  using namespace example;
  return {{"tensor_i8", {values<std::int8_t>({2, 3}, {-128, -1, 0, 1, 64, 127}), scalar(0.5f)}},
          {"tensor_u8",
           {values<std::uint8_t>({4}, {0, 3, 128, 255}), scalar(0.1f), scalar<std::uint8_t>(128)}},
          {"channel",
           {values<std::int8_t>({2, 2}, {10, -20, 30, -40}), values<float>({2}, {0.5f, 2}),
            values<std::int8_t>({2}, {0, 5})},
           {{"axis", std::int64_t(0)}}},
          {"default_axis",
           {values<std::int8_t>({2, 2}, {10, -20, 30, -40}), values<float>({2}, {0.5f, 2})}},
          {"i32", {values<std::int32_t>({2}, {100000, -7}), scalar(0.25f)}},
          {"tflite",
           {values<std::uint8_t>({4}, {0, 3, 128, 255}), scalar(0.1f), scalar<std::uint8_t>(128)},
           {{"arithmetic", "tflite_optimized"}}},
          {"i4_blocked",
           {input(DType::i4, {2, 5}), values<float>({2, 2}, {0.5f, 1, 2, 4})},
           {{"axis", std::int64_t(1)}, {"block_size", std::int64_t(3)}}},
          {"f8", {input(DType::f8e5m2, {3, 3}), scalar(Half(0.5f))}},
          {"f4_scaled_by_powers",
           {input(DType::f4e2m1, {4, 3}), input(DType::f8e8m0, {2, 3})},
           {{"axis", std::int64_t(0)},
            {"block_size", std::int64_t(2)},
            {"output_dtype", DType::bf16}}}};
}

std::vector<OpCase> quantize_cases() {
  using namespace example;
  const auto make = [](std::string_view name, std::vector<OpCase::Input> inputs,
                       Attributes attributes = {}) {
    return OpCase{.name = name,
                  .inputs = std::move(inputs),
                  .attributes = std::move(attributes),
                  .low = -20,
                  .high = 20};
  };
  return {make("default_u8", {f32({3, 5}), scalar(0.1f)}),
          make("i8", {f32({3, 5}), scalar(0.1f), scalar<std::int8_t>(3)}),
          make("halves", {values<float>({6}, {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f}), scalar(1.0f),
                          scalar<std::int8_t>(0)}),
          make("reference", {f32({3, 5}), scalar(0.1f), scalar<std::int8_t>(3)},
               {{"arithmetic", "tflite_reference"}}),
          make("xnnpack", {f32({3, 5}), scalar(0.1f), scalar<std::int16_t>(0)},
               {{"arithmetic", "tflite_xnnpack"}}),
          make("channel",
               {f32({2, 3, 2}), values<float>({3}, {0.1f, 0.3f, 2}),
                values<std::uint8_t>({3}, {0, 128, 255})},
               {{"axis", std::int64_t(-2)}}),
          make("symbolic", {f32({Dim::symbol("N"), 3}), scalar(0.5f), scalar<std::int8_t>(0)}),
          make("blocked_u4",
               {f32({5, 2}), values<float>({3, 2}, {1, 2, 3, 4, 5, 6}), input(DType::u4, {3, 2})},
               {{"axis", std::int64_t(0)}, {"block_size", std::int64_t(2)}}),
          make("f8", {f32({3, 5}), scalar(0.1f)}, {{"output_dtype", DType::f8e4m3fn}}),
          make("f4", {f32({3, 5}), scalar(BFloat16(2.0f))},
               {{"output_dtype", DType::f4e2m1}, {"precision", DType::f32}}),
          make("i16_of_f16", {input(DType::f16, {7}), scalar(Half(0.01f))},
               {{"output_dtype", DType::i16}})};
}

constexpr AttributeDef dequantize_attributes[] = {{"arithmetic", AttributeKind::string},
                                                  {"axis", AttributeKind::integer},
                                                  {"block_size", AttributeKind::integer},
                                                  {"output_dtype", AttributeKind::dtype}};
constexpr AttributeDef quantize_attributes[] = {
    {"arithmetic", AttributeKind::string},  {"axis", AttributeKind::integer},
    {"block_size", AttributeKind::integer}, {"output_dtype", AttributeKind::dtype},
    {"precision", AttributeKind::dtype},    {"saturate", AttributeKind::integer}};

}  // namespace

extern const OpDef dequantize_linear_op, quantize_linear_op;

constinit const OpDef dequantize_linear_op = {.name = "DequantizeLinear",
                                              .inputs = {2, 3},
                                              .attributes = dequantize_attributes,
                                              .infer = infer_dequantize,
                                              .reference = dequantize,
                                              .cost = elementwise_cost,
                                              .cases = dequantize_cases};
constinit const OpDef quantize_linear_op = {.name = "QuantizeLinear",
                                            .inputs = {2, 3},
                                            .attributes = quantize_attributes,
                                            .infer = infer_quantize,
                                            .reference = quantize,
                                            .cost = elementwise_cost,
                                            .cases = quantize_cases};

}  // namespace strata::ir
