// Convolutions of quantized numbers; of the modes of TFLite also depthwise ones, by their groups.
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/integer_sums.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { x_at, x_scale_at, x_zero_at, w_at, w_scale_at, w_zero_at, y_scale_at, y_zero_at, bias_at };

void expect_bias(const InferContext& context) {
  if (!context.has_input(bias_at)) return;
  const DType type = context.input(bias_at).dtype;
  const bool wide = context.input(x_at).dtype == DType::i16;
  if (type != DType::i32 && !(wide && type == DType::i64)) {
    fail(ErrorCode::model, "B has element type {}; accepted: i32{}", to_string(type),
         wide ? ", i64" : "");
  }
  expect_per_filter(context, bias_at, "B", w_at);
}

void infer(InferContext& context) {
  const bool onnx = expect_arithmetic(context) == Arithmetic::onnx;
  expect_code(context, x_at, "x");
  expect_byte(context, w_at, "w");
  if (onnx) {
    expect_byte(context, y_zero_at, "y_zero_point");
  } else {
    context.expect_same_dtype(x_at, y_zero_at);
  }
  SymbolicShape shape = infer_convolution(context, w_at);
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  expect_quantization(context, {w_at, w_scale_at, w_zero_at}, "w");
  expect_scale(context, w_scale_at, "w");
  if (!is_single(context, w_scale_at)) expect_per_filter(context, w_scale_at, "w_scale", w_at);
  if (!is_single(context, w_zero_at)) expect_per_filter(context, w_zero_at, "w_zero_point", w_at);
  expect_bias(context);
  if (context.input(x_at).dtype != DType::i16) {
    std::int64_t taps = 1;
    for (std::size_t i = 1; i < context.input(w_at).shape.size(); ++i) {
      taps *= expect_known("extent of W", context.input(w_at).shape[i]);
    }
    expect_sums_fit(context, {x_at, x_zero_at, w_at, w_zero_at, bias_at, 0, taps, 1});
  }
  context.set_output(0, {context.input(y_zero_at).dtype, std::move(shape)});
}

bool is_depthwise(const ConvGeometry& geometry) {
  return geometry.group_channels == 1 && geometry.channels > 1;
}

template <class X, class W, class Y, class Sum>
void convolve(const EvalArgs& args) {
  const ConvGeometry geometry(args, w_at);
  const QuantizedOperand x = grid(args, x_scale_at, x_zero_at);
  RescaleOf of{.arithmetic = arithmetic_of(args.attributes()),
               .sum = is_depthwise(geometry) ? SumOf::depthwise : SumOf::convolution,
               .type = args.outputs[0].dtype(),
               .wide = sizeof(Sum) == 8,
               .x_scale = x.scale,
               .w_scale = 0,
               .y = grid(args, y_scale_at, y_zero_at)};
  Y* y = args.outputs[0].mutable_data<Y>().data();
  std::int64_t filter_of_rule = -1;
  Rescale rescale;
  Sum bias = 0;
  convolve_rows<Sum>(
      geometry, args.inputs[x_at].data<X>().data(), x.zero_point,
      args.inputs[w_at].data<W>().data(),
      [&](std::int64_t filter) { return per_channel<W>(args.inputs[w_zero_at], filter); },
      [&](std::int64_t filter, std::int64_t at, const Sum* sums, std::int64_t count) {
        if (filter != filter_of_rule) {
          filter_of_rule = filter;
          of.in_block_of_8 = filter < geometry.filters / 8 * 8;
          of.w_scale = per_channel<float>(args.inputs[w_scale_at], filter);
          rescale = rescale_of(of);
          bias = args.has_input(bias_at) ? Sum(index_at(args.inputs[bias_at], filter)) : 0;
        }
        for (std::int64_t i = 0; i < count; ++i) {
          y[at + i] = Y(rescale(std::make_signed_t<Sum>(sums[i] + bias)));
        }
      });
}

/// Sums of 16-bit numbers have 64 bits, unless the bias has 32.
bool has_wide_sums(const EvalArgs& args) {
  return args.inputs[x_at].dtype() == DType::i16 &&
         !(args.has_input(bias_at) && args.inputs[bias_at].dtype() == DType::i32);
}

Status reference(const EvalArgs& args) {
  dispatch_code(args.inputs[x_at].dtype(), [&]<class X>() {
    dispatch_byte(args.inputs[w_at].dtype(), [&]<class W>() {
      if constexpr (sizeof(X) == 2) {
        if (has_wide_sums(args)) {
          convolve<X, W, X, std::uint64_t>(args);
        } else {
          convolve<X, W, X, std::uint32_t>(args);
        }
      } else {
        dispatch_byte(args.outputs[0].dtype(),
                      [&]<class Y>() { convolve<X, W, Y, std::uint32_t>(args); });
      }
    });
  });
  return {};
}

/// A vector of one number per filter, lined up with the channels of the output.
ValueId along_channels(Builder& builder, ValueId vector, std::size_t rank) {
  if (type_of(builder, vector).shape.empty()) return vector;
  std::vector<std::int64_t> axes;
  for (std::size_t i = 2; i < rank; ++i) axes.push_back(std::int64_t(i) - 1);
  return builder.op("Unsqueeze", {vector, builder.integers(axes)});
}

Attributes window_attributes(Attributes attributes) {
  attributes.erase("arithmetic");
  return attributes;
}

Replacement decompose(Builder& builder, const Node& node) {
  if (arithmetic_of(node.attributes) != Arithmetic::onnx) return std::nullopt;
  const auto& in = node.inputs;
  const std::size_t rank = type_of(builder, in[x_at]).shape.size();
  ValueId sum = builder.op("ConvInteger", {in[x_at], in[w_at], in[x_zero_at], in[w_zero_at]},
                           window_attributes(node.attributes));
  if (in.size() > bias_at && in[bias_at] != no_value) {
    sum = builder.op("Add", {sum, along_channels(builder, in[bias_at], rank)});
  }
  const ValueId scale = requantize_scale(builder, in[x_scale_at], in[w_scale_at], in[y_scale_at]);
  return {{builder.op("strata.Requantize",
                      {sum, along_channels(builder, scale, rank), in[y_zero_at]})}};
}

Cost cost(const CostArgs& args) {
  return {.macs = conv_macs(args, w_at), .flops = 3 * args.outputs[0].elements()};
}

using Ints = std::vector<std::int64_t>;

OpCase::Input image(DType type = DType::u8) { return example::input(type, {1, 4, 5, 6}); }
OpCase::Input filters() {
  return example::values<std::int8_t>({2, 4, 1, 2},
                                      {-128, 127, 3, -4, 5, 0, 7, -8, 9, 1, -11, 12, 2, -2, 1, 0});
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto s = [](float value) { return scalar(value); };
  const auto zero = [](int value) { return scalar<std::uint8_t>(std::uint8_t(value)); };
  return {{"tensor",
           {image(), s(0.1f), zero(3), filters(), s(0.02f), scalar<std::int8_t>(1), s(0.4f),
            zero(100)}},
          {"channel",
           {image(), s(0.1f), zero(3), filters(), values<float>({2}, {0.02f, 0.5f}),
            values<std::int8_t>({2}, {0, 1}), s(0.9f), zero(128),
            values<std::int32_t>({2}, {1000, -90})},
           {{"pads", Ints{1, 1, 0, 1}}}},
          {"signed",
           {image(DType::i8), s(0.1f), scalar<std::int8_t>(-3), filters(), s(0.02f),
            scalar<std::int8_t>(0), s(0.4f), scalar<std::int8_t>(7)}},
          {"reference_depthwise",
           {image(DType::i8), s(0.1f), scalar<std::int8_t>(-3),
            values<std::int8_t>({4, 1, 2, 2},
                                {-128, 127, 3, -4, 5, 0, 7, -8, 9, 1, -11, 12, 2, -2, 1, 0}),
            values<float>({4}, {0.02f, 0.5f, 0.1f, 0.3f}), scalar<std::int8_t>(0), s(0.4f),
            scalar<std::int8_t>(7), values<std::int32_t>({4}, {1000, -90, 0, 7})},
           {{"arithmetic", "tflite_reference"}, {"group", std::int64_t(4)}}},
          {"xnnpack",
           {image(), s(0.1f), zero(3), input(DType::u8, {3, 4, 2, 2}), s(0.02f), zero(4), s(0.4f),
            zero(100)},
           {{"arithmetic", "tflite_xnnpack"}, {"strides", Ints{2, 2}}}},
          {"i16",
           {image(DType::i16), s(0.1f), scalar<std::int16_t>(0), filters(), s(0.02f),
            scalar<std::int8_t>(0), s(0.4f), scalar<std::int16_t>(0),
            values<std::int64_t>({2}, {100000, -9})},
           {{"arithmetic", "tflite_reference"}}}};
}

constexpr AttributeDef attributes[] = {
    {"arithmetic", AttributeKind::string},     {"auto_pad", AttributeKind::string},
    {"dilations", AttributeKind::integers},    {"group", AttributeKind::integer},
    {"kernel_shape", AttributeKind::integers}, {"pads", AttributeKind::integers},
    {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef q_linear_conv_op;
constinit const OpDef q_linear_conv_op = {.name = "QLinearConv",
                                          .inputs = {8, 9},
                                          .attributes = attributes,
                                          .infer = infer,
                                          .reference = reference,
                                          .cost = cost,
                                          .decompose = decompose,
                                          .cases = cases};

}  // namespace strata::ir
