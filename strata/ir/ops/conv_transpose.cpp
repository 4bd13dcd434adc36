#include "strata/ir/ops/conv_transpose.hpp"

#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

/// One spatial axis as its attributes have it.
struct Axis {
  std::int64_t kernel, stride, dilation, output_padding;
  std::int64_t pad_begin, pad_end;

  Axis(const Attributes& attributes, std::size_t i, std::size_t spatial, std::int64_t taps)
      : kernel(taps),
        stride(entry(integers_view(attributes, "strides"), i, 1)),
        dilation(entry(integers_view(attributes, "dilations"), i, 1)),
        output_padding(entry(integers_view(attributes, "output_padding"), i, 0)),
        pad_begin(entry(integers_view(attributes, "pads"), i, 0)),
        pad_end(entry(integers_view(attributes, "pads"), i + spatial, 0)) {}

  /// Extent of the output before pads are cut off.
  template <class D>
  D full(const D& input) const {
    return (input - D(1)) * D(stride) + D(output_padding + (kernel - 1) * dilation + 1);
  }
};

Dim output_extent(const Attributes& attributes, const Axis& axis, const Dim& input, std::size_t i) {
  const auto stated = integers_view(attributes, "output_shape");
  if (!stated.empty()) return stated[i];
  const std::string_view auto_pad = text_view(attributes, "auto_pad", "NOTSET");
  if (auto_pad.starts_with("SAME")) return input * Dim(axis.stride);
  if (auto_pad == "VALID") return axis.full(input);
  return axis.full(input) - Dim(axis.pad_begin + axis.pad_end);
}

std::vector<std::int64_t> kernel_of(const InferContext& context, int weights) {
  const SymbolicShape& w = context.input(weights).shape;
  std::vector<std::int64_t> kernel;
  for (std::size_t i = 2; i < w.size(); ++i) {
    kernel.push_back(expect_known("spatial extent of W", w[i]));
    expect_between("spatial extent of W", kernel.back(), 1,
                   std::numeric_limits<std::int32_t>::max());
  }
  const auto stated = integers_view(context.attributes(), "kernel_shape");
  if (!stated.empty()) expect_count("kernel_shape", stated.size(), kernel.size());
  for (std::size_t i = 0; i < stated.size(); ++i) {
    expect_extent("kernel_shape entry", stated[i], kernel[i]);
  }
  return kernel;
}

void expect_attributes(const InferContext& context, std::size_t spatial) {
  const Attributes& attributes = context.attributes();
  expect_spatial_list(attributes, "strides", spatial, 1);
  expect_spatial_list(attributes, "dilations", spatial, 1);
  expect_spatial_list(attributes, "pads", 2 * spatial, 0);
  expect_spatial_list(attributes, "output_padding", spatial, 0);
  expect_spatial_list(attributes, "output_shape", spatial, 1);
  expect_word(attributes, "auto_pad", "NOTSET", auto_pads);
}

}  // namespace

SymbolicShape infer_transposed(const InferContext& context, int weights) {
  const auto spatial = std::size_t(expect_image(context, 0, "X"));
  context.expect_rank(weights, "W", int(spatial) + 2);
  expect_attributes(context, spatial);
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& w = context.input(weights).shape;
  const std::int64_t channels = expect_known("channels of W", w[0]);
  const std::int64_t group = context.attributes().integer("group", 1);
  expect_between("group", group, 1, std::max<std::int64_t>(channels, 1));
  expect_extent("number of channels of X", x[1], channels);
  if (channels % group != 0) {
    fail(ErrorCode::model, "W has {} channels, which group {} does not divide", channels, group);
  }
  const std::vector<std::int64_t> kernel = kernel_of(context, weights);
  SymbolicShape shape{x[0], w[1] * Dim(group)};
  for (std::size_t i = 0; i < spatial; ++i) {
    const Axis axis(context.attributes(), i, spatial, kernel[i]);
    shape.push_back(output_extent(context.attributes(), axis, x[i + 2], i));
    if (shape.back().is_constant() && shape.back().constant() < 1) {
      fail(ErrorCode::model, "axis {} comes out with extent {}; accepted: at least 1", i + 2,
           shape.back().constant());
    }
  }
  return shape;
}

Window transposed_window(const EvalArgs& args, std::size_t weights) {
  const Attributes& attributes = args.attributes();
  const Shape& x = args.inputs[0].shape();
  const int spatial = x.rank() - 2;
  const std::string_view auto_pad = text_view(attributes, "auto_pad", "NOTSET");
  const bool derived = auto_pad.starts_with("SAME") || attributes.has("output_shape");
  Window window;
  for (int i = 0; i < spatial; ++i) {
    const Axis axis(attributes, std::size_t(i), std::size_t(spatial),
                    args.inputs[weights].shape()[i + 2]);
    WindowAxis& w = window[std::size_t(max_spatial - spatial + i)];
    w = {args.outputs[0].shape()[i + 2],
         x[i + 2],
         axis.kernel,
         axis.stride,
         axis.dilation,
         axis.pad_begin,
         axis.pad_end};
    if (auto_pad == "VALID") w.pad_begin = 0;
    if (derived) {
      const std::int64_t total = std::max<std::int64_t>(0, axis.full(x[i + 2]) - w.input);
      w.pad_begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    }
  }
  return window;
}

namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  context.expect_same_dtype(0, 1);
  SymbolicShape shape = infer_transposed(context, 1);
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    context.expect_rank(2, "B", 1);
    expect_extent("length of bias B", context.input(2).shape[0], shape[1]);
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

/// The input position that tap k carries to output o, or -1.
std::int64_t origin(const WindowAxis& axis, std::int64_t o, std::int64_t k) {
  const std::int64_t distance = o + axis.pad_begin - k * axis.dilation;
  if (distance < 0 || distance % axis.stride != 0) return -1;
  const std::int64_t i = distance / axis.stride;
  return i < axis.output ? i : -1;
}

/// One output: the sum over channels of the group and taps. `step` lies between the filters of
/// neighbouring channels.
template <class T>
double gather(const T* x, const T* w, const Window& window, std::int64_t channels,
              std::int64_t step, const std::array<std::int64_t, 3>& at) {
  const auto& [d, h, c] = window;
  double sum = 0;
  for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
    const std::int64_t id = origin(d, at[0], kd);
    for (std::int64_t kh = 0; kh < h.kernel && id >= 0; ++kh) {
      const std::int64_t ih = origin(h, at[1], kh);
      for (std::int64_t kw = 0; kw < c.kernel && ih >= 0; ++kw) {
        const std::int64_t iw = origin(c, at[2], kw);
        if (iw < 0) continue;
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          const T value = x[((channel * d.output + id) * h.output + ih) * c.output + iw];
          sum += double(value) * double(w[channel * step + (kd * h.kernel + kh) * c.kernel + kw]);
        }
      }
    }
  }
  return sum;
}

template <class T>
void transpose(const EvalArgs& args, const Window& window) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const Shape& w = args.inputs[1].shape();
  const std::int64_t group = args.attributes().integer("group", 1);
  const std::int64_t channels = x[1] / group;
  const std::int64_t taps = w.elements(2, w.rank());
  T* out = args.outputs[0].mutable_data<T>().data();
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t f = 0; f < y[1]; ++f) {
      const std::int64_t first = f / w[1] * channels;
      const T* from =
          args.inputs[0].data<T>().data() + (n * x[1] + first) * x.elements(2, x.rank());
      const T* filter = args.inputs[1].data<T>().data() + (first * w[1] + f % w[1]) * taps;
      const double start = args.has_input(2) ? double(args.inputs[2].data<T>()[std::size_t(f)]) : 0;
      for (std::int64_t d = 0; d < window[0].input; ++d) {
        for (std::int64_t h = 0; h < window[1].input; ++h) {
          for (std::int64_t c = 0; c < window[2].input; ++c) {
            *out++ =
                narrow<T>(start + gather(from, filter, window, channels, w[1] * taps, {d, h, c}));
          }
        }
      }
    }
  }
}

Status reference(const EvalArgs& args) {
  const Window window = transposed_window(args, 1);
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() { transpose<T>(args, window); });
  return {};
}

Cost cost(const CostArgs& args) {
  const Shape& w = args.inputs[1];
  return {.macs = args.inputs[0].elements() * w.elements(1, w.rank())};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const std::int64_t two = 2;
  return {{"plain", {f32({1, 2, 3, 3}), weight({2, 4, 3, 3}), weight({4})}},
          {"strided",
           {f32({2, 3, 4, 3}), weight({3, 2, 3, 2})},
           {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 0, 1}}}},
          {"output_padding",
           {f32({1, 2, 3, 3}), weight({2, 2, 3, 3})},
           {{"strides", Ints{3, 2}}, {"output_padding", Ints{1, 1}}}},
          {"output_shape",
           {f32({1, 1, 3, 3}), weight({1, 2, 3, 3})},
           {{"strides", Ints{3, 2}}, {"output_shape", Ints{10, 8}}}},
          {"same_upper",
           {f32({1, 1, 3, 3}), weight({1, 2, 4, 3})},
           {{"strides", Ints{2, 2}}, {"auto_pad", "SAME_UPPER"}}},
          {"same_lower",
           {f32({1, 1, 3, 3}), weight({1, 2, 4, 3})},
           {{"strides", Ints{1, 2}}, {"auto_pad", "SAME_LOWER"}}},
          {"grouped",
           {f32({1, 4, 3, 3}), weight({4, 1, 2, 2})},
           {{"group", two}, {"strides", Ints{2, 2}}}},
          {"dilated", {f32({1, 1, 3, 3}), weight({1, 1, 2, 2})}, {{"dilations", Ints{2, 2}}}},
          {"one_dimension", {f32({1, 2, 5}), weight({2, 3, 3})}, {{"strides", Ints{2}}}},
          {"three_dimensions", {f32({1, 1, 2, 3, 2}), weight({1, 2, 2, 2, 3})}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3, 3}), weight({2, 1, 2, 2})}}};
}

constexpr AttributeDef attributes[] = {
    {"auto_pad", AttributeKind::string},         {"dilations", AttributeKind::integers},
    {"group", AttributeKind::integer},           {"kernel_shape", AttributeKind::integers},
    {"output_padding", AttributeKind::integers}, {"output_shape", AttributeKind::integers},
    {"pads", AttributeKind::integers},           {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef conv_transpose_op;
constinit const OpDef conv_transpose_op = {.name = "ConvTranspose",
                                           .inputs = {2, 3},
                                           .attributes = attributes,
                                           .infer = infer,
                                           .reference = reference,
                                           .cost = cost,
                                           .cases = cases};

}  // namespace strata::ir
