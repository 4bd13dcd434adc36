#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/convolution.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"

namespace strata::ir {
namespace {

// Operands of ConvInteger, and where QLinearConv has them.
enum { x_at, w_at, x_zero_at, w_zero_at };
enum {
  x_scale_at = 1,
  linear_x_zero_at,
  linear_w_at,
  w_scale_at,
  linear_w_zero_at,
  y_scale_at,
  y_zero_at,
  bias_at
};

void infer(InferContext& context) {
  expect_byte(context, x_at, "x");
  expect_byte(context, w_at, "w");
  SymbolicShape shape = infer_convolution(context, w_at);
  if (context.has_input(x_zero_at)) {
    context.expect_same_dtype(x_at, x_zero_at);
    expect_single(context, x_zero_at, "x_zero_point");
  }
  if (context.has_input(w_zero_at)) {
    context.expect_same_dtype(w_at, w_zero_at);
    if (!is_single(context, w_zero_at)) {
      expect_per_filter(context, w_zero_at, "w_zero_point", w_at);
    }
  }
  context.set_output(0, {DType::i32, std::move(shape)});
}

/// Sums wrap, as 32-bit accumulators do. Padding stands for the zero point, so it adds nothing.
template <class X, class W>
void convolve(const EvalArgs& args) {
  const ConvGeometry geometry(args, w_at);
  const X* x = args.inputs[x_at].data<X>().data();
  const W* w = args.inputs[w_at].data<W>().data();
  const int x_zero = args.has_input(x_zero_at) ? args.inputs[x_zero_at].data<X>()[0] : 0;
  const W* w_zeros = args.has_input(w_zero_at) ? args.inputs[w_zero_at].data<W>().data() : nullptr;
  const bool per_filter = w_zeros && args.inputs[w_zero_at].elements() > 1;
  std::int32_t* y = args.outputs[0].mutable_data<std::int32_t>().data();
  for_each_output(geometry, [&](const ConvOutput& output) {
    const int w_zero = w_zeros ? w_zeros[per_filter ? output.filter : 0] : 0;
    std::uint32_t sum = 0;
    for_each_tap(geometry, output, [&](std::int64_t i, std::int64_t k) {
      sum += std::uint32_t((int(x[i]) - x_zero) * (int(w[k]) - w_zero));
    });
    y[output.index] = std::int32_t(sum);
  });
}

Status reference(const EvalArgs& args) {
  dispatch_byte(args.inputs[x_at].dtype(), [&]<class X>() {
    dispatch_byte(args.inputs[w_at].dtype(), [&]<class W>() { convolve<X, W>(args); });
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.macs = conv_macs(args, w_at)}; }

using Ints = std::vector<std::int64_t>;

OpCase::Input u8_image() { return example::input(DType::u8, {1, 4, 5, 6}); }
OpCase::Input i8_filters() {
  return example::values<std::int8_t>({2, 4, 1, 2},
                                      {-128, 127, 3, -4, 5, 0, 7, -8, 9, 1, -11, 12, 2, -2, 1, 0});
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"plain", {u8_image(), i8_filters()}},
          {"zero_points",
           {u8_image(), i8_filters(), scalar<std::uint8_t>(3), scalar<std::int8_t>(-2)},
           {{"pads", Ints{1, 0, 1, 2}}, {"strides", Ints{2, 1}}}},
          {"per_filter",
           {input(DType::i8, {1, 4, 5, 6}), i8_filters(), omitted(),
            values<std::int8_t>({2}, {5, -7})}},
          {"grouped",
           {u8_image(), input(DType::u8, {4, 2, 2, 2}), values<std::uint8_t>({1}, {7})},
           {{"group", std::int64_t(2)}}},
          {"symbolic", {input(DType::u8, {Dim::symbol("N"), 4, 5, 6}), i8_filters()}},
          {"empty", {input(DType::u8, {0, 4, 5, 6}), i8_filters()}}};
}

void infer_linear(InferContext& context) {
  expect_byte(context, x_at, "x");
  expect_byte(context, linear_w_at, "w");
  expect_byte(context, y_zero_at, "y_zero_point");
  SymbolicShape shape = infer_convolution(context, linear_w_at);
  expect_quantization(context, {x_at, x_scale_at, linear_x_zero_at}, "x");
  expect_quantization(context, {linear_w_at, w_scale_at, linear_w_zero_at}, "w");
  expect_dtype(context, y_scale_at, "y_scale", DType::f32);
  expect_single(context, x_scale_at, "x_scale");
  expect_single(context, linear_x_zero_at, "x_zero_point");
  expect_single(context, y_scale_at, "y_scale");
  expect_single(context, y_zero_at, "y_zero_point");
  if (!is_single(context, w_scale_at))
    expect_per_filter(context, w_scale_at, "w_scale", linear_w_at);
  if (!is_single(context, linear_w_zero_at))
    expect_per_filter(context, linear_w_zero_at, "w_zero_point", linear_w_at);
  if (context.has_input(bias_at)) {
    expect_dtype(context, bias_at, "B", DType::i32);
    expect_per_filter(context, bias_at, "B", linear_w_at);
  }
  context.set_output(0, {context.input(y_zero_at).dtype, std::move(shape)});
}

/// A vector of one number per filter, lined up with the channels of the output.
ValueId along_channels(Builder& builder, ValueId vector, std::size_t rank) {
  if (type_of(builder, vector).shape.empty()) return vector;
  std::vector<std::int64_t> axes;
  for (std::size_t i = 2; i < rank; ++i) axes.push_back(std::int64_t(i) - 1);
  return builder.op("Unsqueeze", {vector, builder.integers(axes)});
}

Replacement decompose_linear(Builder& builder, const Node& node) {
  const auto& in = node.inputs;
  const std::size_t rank = type_of(builder, in[x_at]).shape.size();
  ValueId sum = builder.op("ConvInteger",
                           {in[x_at], in[linear_w_at], in[linear_x_zero_at], in[linear_w_zero_at]},
                           node.attributes);
  if (in.size() > bias_at && in[bias_at] != no_value) {
    sum = builder.op("Add", {sum, along_channels(builder, in[bias_at], rank)});
  }
  const ValueId scale = requantize_scale(builder, in[x_scale_at], in[w_scale_at], in[y_scale_at]);
  return {{builder.op("strata.Requantize",
                      {sum, along_channels(builder, scale, rank), in[y_zero_at]})}};
}

Cost linear_cost(const CostArgs& args) {
  return {.macs = conv_macs(args, linear_w_at), .flops = 3 * args.outputs[0].elements()};
}

std::vector<OpCase> linear_cases() {
  using namespace example;
  const auto s = [](float value) { return scalar(value); };
  const auto zero = [](int value) { return scalar<std::uint8_t>(std::uint8_t(value)); };
  return {{"tensor",
           {u8_image(), s(0.1f), zero(3), i8_filters(), s(0.02f), scalar<std::int8_t>(1), s(0.4f),
            zero(100)}},
          {"channel",
           {u8_image(), s(0.1f), zero(3), i8_filters(), values<float>({2}, {0.02f, 0.5f}),
            values<std::int8_t>({2}, {0, 1}), s(0.9f), zero(128),
            values<std::int32_t>({2}, {1000, -90})},
           {{"pads", Ints{1, 1, 0, 1}}}},
          {"signed",
           {input(DType::i8, {1, 4, 5, 6}), s(0.1f), scalar<std::int8_t>(-3), i8_filters(),
            s(0.02f), scalar<std::int8_t>(0), s(0.4f), scalar<std::int8_t>(7)}}};
}

constexpr AttributeDef attributes[] = {
    {"auto_pad", AttributeKind::string}, {"dilations", AttributeKind::integers},
    {"group", AttributeKind::integer},   {"kernel_shape", AttributeKind::integers},
    {"pads", AttributeKind::integers},   {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef conv_integer_op, q_linear_conv_op;

constinit const OpDef conv_integer_op = {.name = "ConvInteger",
                                         .inputs = {2, 4},
                                         .attributes = attributes,
                                         .infer = infer,
                                         .reference = reference,
                                         .cost = cost,
                                         .cases = cases};
constinit const OpDef q_linear_conv_op = {.name = "QLinearConv",
                                          .inputs = {8, 9},
                                          .attributes = attributes,
                                          .infer = infer_linear,
                                          .cost = linear_cost,
                                          .decompose = decompose_linear,
                                          .cases = linear_cases};

}  // namespace strata::ir
