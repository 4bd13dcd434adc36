// CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV: of floats, of integers, of integer weights on floats.
#include <algorithm>

#include "strata/formats/tflite/options.hpp"
#include "strata/formats/tflite/window.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::array<int, 4> channels_first = {3, 0, 1, 2};

/// The ops of the graph for one kind of convolution.
struct Family {
  std::string_view real, quantized, hybrid;
};
constexpr Family direct{"Conv", "QLinearConv", "strata.DynamicQuantConv"};
constexpr Family transposed{"ConvTranspose", "strata.QLinearConvTranspose", ""};

struct Operands {
  std::size_t x, weights, bias;
  int channel_axis;    ///< of the weights in the file: what scales are counted by
  ir::ValueId turned;  ///< the weights in the graph's order
};

std::vector<std::int64_t> image_shape(const OperatorContext& context, std::size_t i,
                                      std::string_view what) {
  std::vector<std::int64_t> shape = context.shape(i);
  if (shape.size() != 4) {
    fail(ErrorCode::model, "{} have {} dimensions, expected 4", what, shape.size());
  }
  return shape;
}

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

/// XNNPACK takes constant weights of 8 bits; of u8 only those whose scale is that of the first
/// axis.
bool is_delegated(const OperatorContext& context, const Operands& at) {
  if (!is_byte(context.type(at.x)) || !context.is_stored(at.weights)) return false;
  // Nor does it take a transposed convolution whose output shape is computed.
  if (at.x != 0 && !context.is_stored(0)) return false;
  return context.type(at.weights) == DType::i8 ||
         context.model().quantization(context.input_tensor(at.weights)).axis == 0;
}

void emit(OperatorContext& context, const Family& family, const Operands& at,
          ir::Attributes attributes, schema::Activation activation) {
  const ir::ValueId x = context.input(at.x, Layout::image);
  const bool biased = context.has_input(at.bias);
  std::vector<ir::ValueId> operands{x};
  std::string_view op = family.real;
  if (context.is_quantized(at.x)) {
    op = family.quantized;
    context.append_parameters(operands, context.quantization(at.x), context.type(at.x));
    operands.push_back(at.turned);
    context.append_parameters(operands, context.quantization(at.weights, at.channel_axis),
                              context.type(at.weights));
    context.append_output_parameters(operands);
    attributes.set("arithmetic", context.arithmetic(is_delegated(context, at)));
  } else {
    operands.push_back(at.turned);
    if (is_byte(context.type(at.weights))) {
      if (family.hybrid.empty()) {
        fail(ErrorCode::unsupported, "weights of type {} on floats",
             to_string(context.type(at.weights)));
      }
      op = family.hybrid;
      const Quantization weights = context.quantization(at.weights, at.channel_axis);
      operands.push_back(context.constant(Tensor::from<float>(
          weights.scale.size() == 1 ? Shape{} : Shape{std::int64_t(weights.scale.size())},
          weights.scale)));
      attributes.set("arithmetic", context.arithmetic(attributes.integer("group", 1) == 1));
    }
  }
  if (biased) {
    operands.push_back(context.input(at.bias));
    // What the scales of a bias say follows from the others'; only their axis may be wrong.
    if (context.model().quantization(context.input_tensor(at.bias)).scale.size() > 1) {
      context.quantization(at.bias, 0);
    }
  }
  context.emit_activated(activation, op, std::move(operands), std::move(attributes), Layout::image);
}

template <class Options>
Window window_of(const Options& options, std::int64_t height, std::int64_t width) {
  Window window;
  window.kernel = {height, width};
  window.stride = {options.stride_h(), options.stride_w()};
  return window;
}

template <class Options>
Window forward_window(const Options& options, const std::vector<std::int64_t>& weights,
                      const std::vector<std::int64_t>& x) {
  Window window = window_of(options, weights[1], weights[2]);
  window.dilation = {options.dilation_h_factor(), options.dilation_w_factor()};
  window.check();
  window.pad(options.padding(), {x[1], x[2]});
  return window;
}

}  // namespace

void convert_conv(OperatorContext& context) {
  const auto& options = context.options<schema::Conv2DOptions>();
  const auto x = image_shape(context, 0, "the images");
  const auto weights = image_shape(context, 1, "the weights");
  const Window window = forward_window(options, weights, x);
  if (weights[3] < 1 || x[3] % weights[3] != 0) {
    fail(ErrorCode::model, "the images have {} channels, the weights {}", x[3], weights[3]);
  }
  ir::Attributes attributes = window.attributes(true, true);
  attributes.set("group", x[3] / weights[3]);
  emit(context, direct,
       {.x = 0,
        .weights = 1,
        .bias = 2,
        .channel_axis = 0,
        .turned = context.input(1, Layout::image)},
       std::move(attributes), options.fused_activation_function());
}

void convert_depthwise_conv(OperatorContext& context) {
  const auto& options = context.options<schema::DepthwiseConv2DOptions>();
  const auto x = image_shape(context, 0, "the images");
  const auto weights = image_shape(context, 1, "the weights");
  const Window window = forward_window(options, weights, x);
  if (weights[0] != 1 || x[3] < 1 || weights[3] % x[3] != 0) {
    fail(ErrorCode::model,
         "weights of {} by {} channels for images of {}; accepted: 1 by a multiple of these",
         weights[0], weights[3], x[3]);
  }
  ir::Attributes attributes = window.attributes(true, true);
  attributes.set("group", x[3]);
  emit(context, direct,
       {.x = 0,
        .weights = 1,
        .bias = 2,
        .channel_axis = 3,
        .turned = context.values().turned(context.input(1), channels_first,
                                          context.input_name(1) + "/filters")},
       std::move(attributes), options.fused_activation_function());
}

void convert_transpose_conv(OperatorContext& context) {
  const auto& options = context.options<schema::TransposeConvOptions>();
  const auto to = context.integers(0, "the output shape");
  const auto weights = image_shape(context, 1, "the weights");
  const auto x = image_shape(context, 2, "the images");
  if (to.size() != 4 || to[0] != x[0] || to[3] != weights[0] || weights[3] != x[3]) {
    fail(ErrorCode::model,
         "an output shape of {} entries for weights of {} by {} channels and images of {}",
         to.size(), weights[0], weights[3], x[3]);
  }
  Window window = window_of(options, weights[1], weights[2]);
  window.check();
  // The padding is that of the convolution which this one is the transpose of.
  window.pad(options.padding(), {to[1], to[2]});
  std::vector<std::int64_t> extra;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t whole = (x[i + 1] - 1) * window.stride[i] + window.kernel[i];
    const std::int64_t rest = to[i + 1] - (whole - window.before[i] - window.after[i]);
    if (rest < 0 || rest >= window.stride[i]) {
      fail(ErrorCode::model, "output extent {} does not follow from extent {} and stride {}",
           to[i + 1], x[i + 1], window.stride[i]);
    }
    extra.push_back(rest);
  }
  ir::Attributes attributes = window.attributes(false, true);
  attributes.set("output_padding", std::move(extra));
  emit(context, transposed,
       {.x = 2,
        .weights = 1,
        .bias = 3,
        .channel_axis = 0,
        .turned = context.values().turned(context.input(1), channels_first,
                                          context.input_name(1) + "/filters")},
       std::move(attributes), options.fused_activation_function());
}

}  // namespace strata::formats::tflite
