#include <algorithm>
#include <cmath>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

struct Limits {
  double low, high;
};

/// Range of an integer type that holds quantized numbers; empty for the others.
Limits limits(DType type) {
  switch (type) {
    case DType::i8:
      return {-128, 127};
    case DType::u8:
      return {0, 255};
    case DType::i16:
      return {-32768, 32767};
    case DType::u16:
      return {0, 65535};
    default:
      return {0, 0};
  }
}

void expect_quantized(std::string_view what, DType type, bool i32) {
  if (limits(type).high > 0 || (i32 && type == DType::i32)) return;
  fail(ErrorCode::model, "{} has element type {}; accepted: i8, u8, i16, u16{}", what,
       to_string(type), i32 ? ", i32" : "");
}

/// Scale and zero point: scalars, or vectors along the axis.
void expect_granularity(const InferContext& context, std::string_view scale,
                        std::string_view zero_point) {
  expect_between("block_size", context.attributes().integer("block_size", 0), 0, 0);
  expect_float(context, 1, scale);
  const SymbolicShape& shape = context.input(1).shape;
  const SymbolicShape& x = context.input(0).shape;
  if (shape.size() > 1) context.expect_rank(1, scale, 1);
  if (shape.size() == 1 && shape[0] != Dim(1)) {
    const int axis = normalize_axis(context.attributes().integer("axis", 1), int(x.size()), "axis");
    expect_extent(fmt::format("length of {}", scale), shape[0], x[std::size_t(axis)]);
  }
  if (!context.has_input(2)) return;
  context.expect_rank(2, zero_point, int(shape.size()));
  if (shape.size() == 1) {
    expect_extent(fmt::format("length of {}", zero_point), context.input(2).shape[0], shape[0]);
  }
}

void infer_dequantize(InferContext& context) {
  expect_quantized("x", context.input(0).dtype, true);
  expect_granularity(context, "x_scale", "x_zero_point");
  if (context.has_input(2)) context.expect_same_dtype(0, 2);
  const DType type = context.attributes().has("output_dtype")
                         ? context.attributes().dtype("output_dtype")
                         : context.input(1).dtype;
  if (!is_float(type)) {
    fail(ErrorCode::model, "output_dtype is {}; accepted: f16, bf16, f32, f64", to_string(type));
  }
  context.set_output(0, {type, context.input(0).shape});
}

void infer_quantize(InferContext& context) {
  expect_float(context, 0, "x");
  expect_granularity(context, "y_scale", "y_zero_point");
  DType type = context.has_input(2) ? context.input(2).dtype : DType::u8;
  if (context.attributes().has("output_dtype")) {
    const DType stated = context.attributes().dtype("output_dtype");
    if (context.has_input(2) && stated != type) {
      fail(ErrorCode::model, "output_dtype is {}, but y_zero_point has element type {}",
           to_string(stated), to_string(type));
    }
    type = stated;
  }
  expect_quantized("y", type, false);
  context.set_output(0, {type, context.input(0).shape});
}

/// Calls f(element, channel) for all elements; channel indexes scale and zero point.
template <class F>
void for_each_channel(const EvalArgs& args, F f) {
  const Shape& shape = args.inputs[0].shape();
  const std::int64_t channels = args.inputs[1].elements();
  if (channels == 1) {
    for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) f(i, 0);
    return;
  }
  const AxisView view(shape,
                      normalize_axis(args.attributes().integer("axis", 1), shape.rank(), "axis"));
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    f(i, i / view.inner % view.extent);
  }
}

double zero_point(const EvalArgs& args, std::int64_t channel) {
  return args.has_input(2) ? load_one<double>(args.inputs[2], channel) : 0;
}

// y = (x - zero point) * scale
Status dequantize(const EvalArgs& args) {
  for_each_channel(args, [&](std::int64_t i, std::int64_t channel) {
    const double x = load_one<double>(args.inputs[0], i) - zero_point(args, channel);
    store_one(x * load_one<double>(args.inputs[1], channel), args.outputs[0], i);
  });
  return {};
}

// y = saturate(round half to even (x / scale) + zero point), the quotient rounded to the type of
// the scale as ONNX has it.
Status quantize(const EvalArgs& args) {
  const Limits range = limits(args.outputs[0].dtype());
  const bool single = args.inputs[1].dtype() != DType::f64;
  for_each_channel(args, [&](std::int64_t i, std::int64_t channel) {
    double quotient =
        load_one<double>(args.inputs[0], i) / load_one<double>(args.inputs[1], channel);
    if (single) quotient = double(float(quotient));
    const double code = std::nearbyint(quotient) + zero_point(args, channel);
    store_one(std::clamp(code, range.low, range.high), args.outputs[0], i);
  });
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
          {"i32", {values<std::int32_t>({2}, {100000, -7}), scalar(0.25f)}}};
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
          make("channel",
               {f32({2, 3, 2}), values<float>({3}, {0.1f, 0.3f, 2}),
                values<std::uint8_t>({3}, {0, 128, 255})},
               {{"axis", std::int64_t(-2)}}),
          make("symbolic", {f32({Dim::symbol("N"), 3}), scalar(0.5f), scalar<std::int8_t>(0)})};
}

constexpr AttributeDef dequantize_attributes[] = {{"axis", AttributeKind::integer},
                                                  {"block_size", AttributeKind::integer},
                                                  {"output_dtype", AttributeKind::dtype}};
constexpr AttributeDef quantize_attributes[] = {{"axis", AttributeKind::integer},
                                                {"block_size", AttributeKind::integer},
                                                {"output_dtype", AttributeKind::dtype},
                                                {"saturate", AttributeKind::integer}};

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
