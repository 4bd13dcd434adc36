#include <algorithm>
#include <array>
#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/convolution.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { image, weights, offset, bias, mask };

/// Offsets and mask: (N, channels, output extents).
void expect_field(const InferContext& context, int i, std::string_view what, const Dim& channels,
                  const SymbolicShape& y) {
  context.expect_same_dtype(image, i);
  context.expect_rank(i, what, int(y.size()));
  for (std::size_t axis = 0; axis < y.size(); ++axis) {
    expect_extent(fmt::format("extent {} of {}", axis, what), context.input(i).shape[axis],
                  axis == 1 ? channels : y[axis]);
  }
}

void infer(InferContext& context) {
  expect_float(context, image, "X");
  context.expect_same_dtype(image, weights);
  SymbolicShape y = infer_convolution(context, weights);
  const SymbolicShape& w = context.input(weights).shape;
  const std::int64_t channels =
      w[1].constant() * context.attributes().integer("group", 1);  // those of X
  const std::int64_t fields = context.attributes().integer("offset_group", 1);
  expect_between("offset_group", fields, 1, std::max<std::int64_t>(channels, 1));
  if (channels % fields != 0) {
    fail(ErrorCode::model, "X has {} channels, which offset_group {} does not divide", channels,
         fields);
  }
  Dim taps = fields;
  for (std::size_t i = 2; i < w.size(); ++i) taps = taps * w[i];
  expect_field(context, offset, "offset", taps * Dim(std::int64_t(w.size()) - 2), y);
  if (context.has_input(bias)) {
    context.expect_same_dtype(image, bias);
    expect_per_filter(context, bias, "bias B", weights);
  }
  if (context.has_input(mask)) expect_field(context, mask, "mask", taps, y);
  context.set_output(0, {context.input(image).dtype, std::move(y)});
}

using Point = std::array<double, max_spatial>;

/// Linear interpolation between the elements around a point; beyond the image lie zeros.
double sample(const Tensor& x, std::int64_t plane, const Window& window, const Point& at) {
  std::array<std::int64_t, max_spatial> low;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (!(at[i] > -1 && at[i] < double(window[i].input))) return 0;
    low[i] = std::int64_t(std::floor(at[i]));
  }
  double sum = 0;
  for (unsigned corner = 0; corner < 1u << max_spatial; ++corner) {
    double weight = 1;
    std::int64_t element = plane;
    bool inside = true;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::int64_t position = low[i] + (corner >> i & 1);
      weight *= 1 - std::fabs(at[i] - double(position));
      inside = inside && window[i].inside(position);
      element = element * window[i].input + position;
    }
    if (inside && weight != 0) sum += weight * load_one<double>(x, element);
  }
  return sum;
}

/// One node's operands, and the sums that make up its outputs.
struct Convolution {
  const EvalArgs& args;
  Window window;
  int spatial;
  std::int64_t taps, outputs;  ///< per filter, per plane of Y

  /// Where tap t of output o samples the image of batch n for this offset group.
  Point point(std::int64_t n, std::int64_t field, std::int64_t tap, std::int64_t o) const {
    Point at;
    std::int64_t rest_tap = tap;
    std::int64_t rest_out = o;
    const std::int64_t fields = args.inputs[offset].shape()[1];
    for (std::size_t i = max_spatial; i-- > 0;) {
      const WindowAxis& axis = window[i];
      at[i] = double(axis.position(rest_out % axis.output, rest_tap % axis.kernel));
      rest_out /= axis.output;
      rest_tap /= axis.kernel;
      const std::int64_t own = std::int64_t(i) - (max_spatial - spatial);
      if (own < 0) continue;
      const std::int64_t channel = (field * taps + tap) * spatial + own;
      at[i] += load_one<double>(args.inputs[offset], (n * fields + channel) * outputs + o);
    }
    return at;
  }

  double output(std::int64_t n, std::int64_t filter, std::int64_t o) const {
    const Attributes& attributes = args.attributes();
    const std::int64_t channels = args.inputs[image].shape()[1];
    const std::int64_t depth = args.inputs[weights].shape()[1];
    const std::int64_t filters = args.inputs[weights].shape()[0];
    const std::int64_t first = filter / (filters / attributes.integer("group", 1)) * depth;
    const std::int64_t groups = attributes.integer("offset_group", 1);
    double sum = args.has_input(bias) ? load_one<double>(args.inputs[bias], filter) : 0;
    for (std::int64_t c = 0; c < depth; ++c) {
      const std::int64_t field = (first + c) / (channels / groups);
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        double value =
            sample(args.inputs[image], n * channels + first + c, window, point(n, field, tap, o));
        value *= load_one<double>(args.inputs[weights], (filter * depth + c) * taps + tap);
        if (args.has_input(mask)) {
          const std::int64_t at = ((n * groups + field) * taps + tap) * outputs + o;
          value *= load_one<double>(args.inputs[mask], at);
        }
        sum += value;
      }
    }
    return sum;
  }
};

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[image].shape();
  const Shape& y = args.outputs[0].shape();
  const Shape& w = args.inputs[weights].shape();
  const Convolution convolution{args, resolve_window(args.attributes(), x, y, w.dims().subspan(2)),
                                x.rank() - 2, w.elements(2, w.rank()), y.elements(2, y.rank())};
  if (args.inputs[offset].shape().elements(2, y.rank()) != convolution.outputs) {
    return {"the offsets do not fit the result"};
  }
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    const std::int64_t plane = i / convolution.outputs;
    store_one(convolution.output(plane / y[1], plane % y[1], i % convolution.outputs),
              args.outputs[0], i);
  }
  return {};
}

Cost cost(const CostArgs& args) {
  const Shape& w = args.inputs[weights];
  const std::int64_t macs = args.outputs[0].elements() * w.elements(1, w.rank());
  return {.macs = macs, .flops = 8 * macs};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {
      {"plain", {f32({1, 2, 4, 4}), f32({3, 2, 2, 2}), f32({1, 8, 3, 3})}},
      {"bias_mask",
       {f32({2, 2, 4, 5}), f32({2, 2, 3, 2}), f32({2, 12, 4, 4}), f32({2}), f32({2, 6, 4, 4})},
       {{"pads", Ints{1, 0, 1, 0}}}},
      {"groups",
       {f32({1, 4, 4, 4}), f32({2, 2, 2, 2}), f32({1, 16, 2, 2})},
       {{"group", std::int64_t(2)}, {"offset_group", std::int64_t(2)}, {"strides", Ints{2, 2}}}},
      {"dilated",
       {f32({1, 1, 5, 5}), f32({1, 1, 2, 2}), f32({1, 8, 3, 3})},
       {{"dilations", Ints{2, 2}}}},
      {"one_dimension", {f32({1, 2, 5}), f32({1, 2, 2}), f32({1, 2, 4})}},
      {"three_dimensions", {f32({1, 1, 3, 3, 3}), f32({1, 1, 2, 2, 2}), f32({1, 24, 2, 2, 2})}},
      {"f16",
       {input(DType::f16, {1, 1, 3, 3}), input(DType::f16, {1, 1, 2, 2}),
        input(DType::f16, {1, 8, 2, 2})}},
      {"symbolic",
       {f32({Dim::symbol("N"), 1, 3, 3}), f32({1, 1, 2, 2}), f32({Dim::symbol("N"), 8, 2, 2})}}};
}

constexpr AttributeDef attributes[] = {
    {"dilations", AttributeKind::integers},    {"group", AttributeKind::integer},
    {"kernel_shape", AttributeKind::integers}, {"offset_group", AttributeKind::integer},
    {"pads", AttributeKind::integers},         {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef deform_conv_op;
constinit const OpDef deform_conv_op = {.name = "DeformConv",
                                        .inputs = {3, 5},
                                        .attributes = attributes,
                                        .infer = infer,
                                        .reference = reference,
                                        .cost = cost,
                                        .cases = cases};

}  // namespace strata::ir
