#include <algorithm>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/window.hpp"

namespace strata::ir {
namespace {

/// Extents of the spatial axes of W, which the attribute kernel_shape may repeat.
std::vector<std::int64_t> kernel_of(const InferContext& context) {
  const SymbolicShape& weights = context.input(1).shape;
  std::vector<std::int64_t> kernel;
  for (std::size_t i = 2; i < weights.size(); ++i) {
    kernel.push_back(expect_known("spatial extent of W", weights[i]));
  }
  if (context.attributes().has("kernel_shape")) {
    const auto stated = integers_view(context.attributes(), "kernel_shape");
    expect_count("kernel_shape", stated.size(), kernel.size());
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      expect_extent("kernel_shape entry", stated[i], kernel[i]);
    }
  }
  return kernel;
}

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  context.expect_same_dtype(0, 1);
  expect_image(context, 0, "X");
  context.expect_rank(1, "W", rank_of(context, 0));
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& w = context.input(1).shape;
  const std::int64_t filters = expect_known("number of filters in W", w[0]);
  const std::int64_t depth = expect_known("channels of W", w[1]);
  const std::int64_t group = context.attributes().integer("group", 1);
  expect_between("group", group, 1, std::max<std::int64_t>(filters, 1));
  if (filters % group != 0) {
    fail(ErrorCode::model, "W has {} filters, which group {} does not divide", filters, group);
  }
  expect_extent("number of channels of X", x[1], Dim(depth) * Dim(group));
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    context.expect_rank(2, "B", 1);
    expect_extent("length of bias B", context.input(2).shape[0], filters);
  }
  SymbolicShape shape{x[0], filters};
  for (Dim& extent : infer_window(context, kernel_of(context), false)) shape.push_back(extent);
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

/// One output of one filter: the sum over its channels and taps. x and w point to the first
/// channel of the group and filter.
template <class T>
double dot(const T* x, const T* w, const Window& window, std::int64_t channels,
           const std::array<std::int64_t, 3>& at) {
  const auto& [d, h, c] = window;
  double sum = 0;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
      const std::int64_t id = d.position(at[0], kd);
      for (std::int64_t kh = 0; kh < h.kernel; ++kh) {
        const std::int64_t ih = h.position(at[1], kh);
        if (!d.inside(id) || !h.inside(ih)) continue;
        const T* row = x + ((channel * d.input + id) * h.input + ih) * c.input;
        const T* taps = w + ((channel * d.kernel + kd) * h.kernel + kh) * c.kernel;
        for (std::int64_t kw = 0; kw < c.kernel; ++kw) {
          const std::int64_t iw = c.position(at[2], kw);
          if (c.inside(iw)) sum += double(row[iw]) * double(taps[kw]);
        }
      }
    }
  }
  return sum;
}

template <class T>
void convolve(const EvalArgs& args, const Window& window) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const std::int64_t channels = args.inputs[1].shape()[1];
  const std::int64_t filters = y[1];
  const std::int64_t filters_per_group = filters / args.attributes().integer("group", 1);
  const std::int64_t image = x.elements(2, x.rank());
  const std::int64_t filter_size = args.inputs[1].shape().elements(1, x.rank());
  const T* bias = args.has_input(2) ? args.inputs[2].data<T>().data() : nullptr;
  T* out = args.outputs[0].mutable_data<T>().data();
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t f = 0; f < filters; ++f) {
      const T* from =
          args.inputs[0].data<T>().data() + (n * x[1] + f / filters_per_group * channels) * image;
      const T* filter = args.inputs[1].data<T>().data() + f * filter_size;
      const double start = bias ? double(bias[f]) : 0;
      for (std::int64_t d = 0; d < window[0].output; ++d) {
        for (std::int64_t h = 0; h < window[1].output; ++h) {
          for (std::int64_t w = 0; w < window[2].output; ++w) {
            *out++ = narrow<T>(start + dot(from, filter, window, channels, {d, h, w}));
          }
        }
      }
    }
  }
}

Status reference(const EvalArgs& args) {
  const Window window =
      resolve_window(args.attributes(), args.inputs[0].shape(), args.outputs[0].shape(),
                     args.inputs[1].shape().dims().subspan(2));
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() { convolve<T>(args, window); });
  return {};
}

Cost cost(const CostArgs& args) {
  const Shape& w = args.inputs[1];
  const std::int64_t outputs = args.outputs[0].elements();
  const bool biased = args.inputs.size() > 2 && args.node.inputs[2] != no_value;
  return {.macs = outputs * w.elements(1, w.rank()), .flops = biased ? outputs : 0};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {
      {"plain", {f32({1, 3, 7, 6}), weight({4, 3, 3, 3}), weight({4})}},
      {"no_bias_pads", {f32({2, 2, 5, 5}), weight({3, 2, 3, 3})}, {{"pads", Ints{1, 0, 2, 1}}}},
      {"strided",
       {f32({1, 4, 9, 8}), weight({8, 4, 3, 3}), weight({8})},
       {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"pointwise", {f32({1, 16, 5, 3}), weight({8, 16, 1, 1}), weight({8})}},
      {"depthwise",
       {f32({1, 8, 6, 6}), weight({8, 1, 3, 3}), weight({8})},
       {{"group", std::int64_t(8)}, {"pads", Ints{1, 1, 1, 1}}}},
      {"depthwise_multiplier",
       {f32({1, 3, 6, 5}), weight({6, 1, 3, 3})},
       {{"group", std::int64_t(3)}, {"strides", Ints{2, 1}}}},
      {"grouped",
       {f32({1, 6, 5, 5}), weight({4, 3, 3, 3}), weight({4})},
       {{"group", std::int64_t(2)}}},
      {"dilated", {f32({1, 2, 9, 9}), weight({3, 2, 3, 3})}, {{"dilations", Ints{2, 3}}}},
      {"same_upper",
       {f32({1, 1, 10, 4}), weight({5, 1, 10, 4}), weight({5})},
       {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2, 2}}}},
      {"same_lower", {f32({1, 2, 6, 6}), weight({2, 2, 2, 3})}, {{"auto_pad", "SAME_LOWER"}}},
      {"valid", {f32({1, 2, 6, 6}), weight({2, 2, 3, 2})}, {{"auto_pad", "VALID"}}},
      {"one_dimension",
       {f32({2, 3, 11}), weight({4, 3, 5}), weight({4})},
       {{"pads", Ints{2, 2}}, {"strides", Ints{3}}}},
      {"three_dimensions",
       {f32({1, 2, 4, 5, 3}), weight({3, 2, 2, 3, 2})},
       {{"pads", Ints{0, 1, 1, 0, 1, 0}}}},
      {"symbolic_batch", {f32({Dim::symbol("N"), 3, 6, 6}), weight({4, 3, 3, 3})}},
      {"f16", {input(DType::f16, {1, 2, 5, 5}), input(DType::f16, {3, 2, 3, 3})}},
      {"f64", {input(DType::f64, {1, 2, 5, 5}), input(DType::f64, {3, 2, 3, 3})}},
  };
}

constexpr AttributeDef attributes[] = {
    {"auto_pad", AttributeKind::string}, {"dilations", AttributeKind::integers},
    {"group", AttributeKind::integer},   {"kernel_shape", AttributeKind::integers},
    {"pads", AttributeKind::integers},   {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef conv_op;
constinit const OpDef conv_op = {.name = "Conv",
                                 .inputs = {2, 3},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .cost = cost,
                                 .cases = cases};

}  // namespace strata::ir
