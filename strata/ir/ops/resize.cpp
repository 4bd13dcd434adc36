#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/resampling.hpp"

namespace strata::ir {
namespace {

enum Operand { data, roi, scales, sizes };

constexpr std::string_view modes[] = {"nearest", "linear", "cubic"};
constexpr std::string_view coordinate_modes[] = {"half_pixel",         "half_pixel_symmetric",
                                                 "pytorch_half_pixel", "align_corners",
                                                 "asymmetric",         "tf_crop_and_resize"};
constexpr std::string_view nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                              "ceil"};
constexpr std::string_view policies[] = {"stretch", "not_larger", "not_smaller"};

/// Exporters write empty tensors for operands that they leave out.
bool given(const InferContext& context, int i) {
  return context.has_input(i) && context.input(i).shape != SymbolicShape{0};
}
bool given(const EvalArgs& args, std::size_t i) {
  return args.has_input(i) && args.inputs[i].elements() > 0;
}

void expect_attributes(const Attributes& attributes) {
  expect_word(attributes, "mode", "nearest", modes);
  expect_word(attributes, "coordinate_transformation_mode", "half_pixel", coordinate_modes);
  expect_word(attributes, "nearest_mode", "round_prefer_floor", nearest_modes);
  expect_word(attributes, "keep_aspect_ratio_policy", "stretch", policies);
}

/// The axis that entry i of roi, scales and sizes belongs to.
int axis_of(const Attributes& attributes, std::size_t i, int rank) {
  const auto axes = integers_view(attributes, "axes");
  return axes.empty() ? int(i) : normalize_axis(axes[i], rank, "axes");
}

/// floor(extent * scale), rounded in float as ONNX's own shape rule does. A symbolic extent takes
/// scales that are small fractions; others leave the extent open.
std::optional<Dim> scaled_extent(const Dim& extent, float scale) {
  if (extent.is_constant()) {
    const float scaled = std::floor(float(extent.constant()) * scale);
    if (!(scaled <= float(std::numeric_limits<std::int32_t>::max()))) {
      fail(ErrorCode::model, "extent {} times scale {} exceeds 31 bits", extent.constant(), scale);
    }
    return std::int64_t(scaled);
  }
  for (std::int64_t denominator = 1; denominator <= 64; ++denominator) {
    const double numerator = double(scale) * double(denominator);
    if (numerator == std::floor(numerator) && numerator < 1e6) {
      return Dim::floor_div(extent * Dim(std::int64_t(numerator)), denominator);
    }
  }
  return std::nullopt;
}

void infer_from_scales(InferContext& context, std::size_t count) {
  expect_dtype(context, scales, "scales", DType::f32);
  const auto values = context.constant(scales);
  if (!values) return context.set_open_output(0, context.input(data).dtype, rank_of(context, data));
  expect_count("scales", std::size_t(values->elements()), count);
  TensorType y = context.input(data);
  for (std::size_t i = 0; i < count; ++i) {
    const float scale = values->data<float>()[i];
    if (!(scale > 0)) fail(ErrorCode::model, "scales entry {} is {}; accepted: above 0", i, scale);
    const int axis = axis_of(context.attributes(), i, int(y.shape.size()));
    Dim& extent = y.shape[std::size_t(axis)];
    const auto scaled = scaled_extent(extent, scale);
    extent = scaled ? *scaled : context.open_extent(0, axis);
  }
  context.set_output(0, std::move(y));
}

/// The one scale that keeps the aspect ratio, or 0 if sizes are taken as they are.
double common_scale(std::string_view policy, const Shape& x, std::span<const std::int64_t> wanted,
                    const Attributes& attributes) {
  double scale = 0;
  for (std::size_t i = 0; i < wanted.size() && policy != "stretch"; ++i) {
    const auto extent = double(x[axis_of(attributes, i, x.rank())]);
    const double own = double(wanted[i]) / extent;
    const bool better = policy == "not_larger" ? own < scale : own > scale;
    if (i == 0 || better) scale = own;
  }
  return scale;
}

void infer_from_sizes(InferContext& context, std::size_t count) {
  expect_dtype(context, sizes, "sizes", DType::i64);
  const std::string_view policy =
      text_view(context.attributes(), "keep_aspect_ratio_policy", "stretch");
  const bool aspect = policy != "stretch";
  if (!context.elements(sizes) ||
      (aspect && !(as_constant(context.input(data).shape) && context.integers(sizes)))) {
    return context.set_open_output(0, context.input(data).dtype, rank_of(context, data));
  }
  std::vector<Dim> wanted = expect_elements(context, sizes, "sizes");
  expect_count("sizes", wanted.size(), count);
  TensorType y = context.input(data);
  for (std::size_t i = 0; i < count; ++i) {
    if (wanted[i].is_constant()) {
      expect_between("sizes entry", wanted[i].constant(), 1,
                     std::numeric_limits<std::int32_t>::max());
    }
    y.shape[std::size_t(axis_of(context.attributes(), i, int(y.shape.size())))] = wanted[i];
  }
  if (aspect) {
    const auto x = as_constant(context.input(data).shape);
    const double scale =
        common_scale(policy, *x, expect_integers(context, sizes, "sizes"), context.attributes());
    for (std::size_t i = 0; i < count; ++i) {
      const int axis = axis_of(context.attributes(), i, x->rank());
      y.shape[std::size_t(axis)] = std::int64_t(std::floor(scale * double((*x)[axis]) + 0.5));
    }
  }
  context.set_output(0, std::move(y));
}

void infer(InferContext& context) {
  if (context.input(data).dtype != DType::boolean) expect_number(context, data, "X");
  expect_attributes(context.attributes());
  const int rank = rank_of(context, data);
  for (const Dim& extent : context.input(data).shape) {
    if (extent == Dim(0)) fail(ErrorCode::model, "X is empty: {}", to_string(context.input(data)));
  }
  std::size_t count = std::size_t(rank);
  const auto axes = integers_view(context.attributes(), "axes");
  if (!axes.empty()) count = normalize_axes(axes, rank, "axes").size();
  if (given(context, scales) == given(context, sizes)) {
    fail(ErrorCode::model, "{} of scales and sizes are given; accepted: exactly one",
         given(context, scales) ? "both" : "none");
  }
  if (text_view(context.attributes(), "coordinate_transformation_mode", "") ==
      "tf_crop_and_resize") {
    if (!given(context, roi)) fail(ErrorCode::model, "tf_crop_and_resize needs the input roi");
    expect_float(context, roi, "roi");
    expect_extent("length of roi", context.input(roi).shape.at(0), std::int64_t(2 * count));
  }
  given(context, scales) ? infer_from_scales(context, count) : infer_from_sizes(context, count);
}

using Plan = std::array<ResampledAxis, max_rank>;

Plan plan_axes(const EvalArgs& args) {
  const Attributes& attributes = args.attributes();
  const Shape& x = args.inputs[data].shape();
  const Shape& y = args.outputs[0].shape();
  Plan plan;
  for (int axis = 0; axis < x.rank(); ++axis) {
    plan[std::size_t(axis)] = {x[axis], y[axis], double(y[axis]), double(x[axis])};
  }
  const bool scaled = given(args, scales);
  const auto count = std::size_t(args.inputs[scaled ? scales : sizes].elements());
  double common = 0;
  if (!scaled) {
    common = common_scale(text_view(attributes, "keep_aspect_ratio_policy", "stretch"), x,
                          args.inputs[sizes].data<std::int64_t>(), attributes);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ResampledAxis& axis = plan[std::size_t(axis_of(attributes, i, x.rank()))];
    if (scaled || common > 0) {
      axis.numerator = scaled ? double(args.inputs[scales].data<float>()[i]) : common;
      axis.denominator = 1;
    }
    if (given(args, roi)) {
      axis.roi_start = load_one<double>(args.inputs[roi], std::int64_t(i));
      axis.roi_end = load_one<double>(args.inputs[roi], std::int64_t(i + count));
    }
  }
  return plan;
}

/// The weighted sum over the taps of the axes from `axis` on.
double interpolate(const Tensor& x, std::span<const Taps> taps, int axis, std::int64_t offset) {
  if (axis == x.shape().rank()) return load_one<double>(x, offset);
  const Taps& own = taps[std::size_t(axis)];
  double sum = 0;
  for (std::int64_t i = 0; i < own.count; ++i) {
    const double weight = own.weight(i);
    if (weight == 0) continue;
    const std::int64_t at = offset + own.position(i) * stride_of(x.shape(), axis);
    sum += weight * interpolate(x, taps, axis + 1, at);
  }
  return sum;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[data];
  Tensor& y = args.outputs[0];
  const int rank = x.shape().rank();
  if (x.elements() == 0 && y.elements() != 0) return {"there are no elements to resize"};
  const Resampling resampling(args.attributes());
  const Plan plan = plan_axes(args);
  const bool crops = resampling.coordinates == "tf_crop_and_resize";
  const double beyond = args.attributes().real("extrapolation_value", 0);
  std::array<Taps, max_rank> taps;
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    std::int64_t rest = i;
    std::int64_t offset = 0;
    bool outside = false;
    for (int a = rank - 1; a >= 0; --a) {
      const auto axis = std::size_t(a);
      const std::int64_t at = rest % y.shape()[a];
      rest /= y.shape()[a];
      taps[axis] = resampling.taps(plan[axis], at);
      offset += taps[axis].position(0) * stride_of(x.shape(), a);
      if (!crops) continue;
      const double coordinate = resampling.coordinate(plan[axis], at);
      outside = outside || !(coordinate >= 0 && coordinate <= double(x.shape()[a] - 1));
    }
    if (outside) {
      store_one(beyond, y, i);
    } else if (resampling.interpolation == Interpolation::nearest) {
      copy_elements(x, offset, y, i, 1);
    } else {
      store_one(interpolate(x, taps, 0, 0), y, i);
    }
  }
  return {};
}

Cost cost(const CostArgs& args) {
  const std::string_view mode = text_view(args.node.attributes, "mode", "nearest");
  const std::int64_t taps = mode == "cubic" ? 16 : 4;
  return {.flops = mode == "nearest" ? 0 : args.outputs[0].elements() * 2 * taps};
}

OpCase make(std::string_view name, SymbolicShape x, std::initializer_list<float> factors,
            Attributes attributes) {
  using namespace example;
  return {.name = name,
          .inputs = {f32(std::move(x)), omitted(),
                     values<float>({std::int64_t(factors.size())}, factors)},
          .attributes = std::move(attributes)};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const Attributes linear{{"mode", "linear"}};
  return {
      make("nearest", {1, 2, 3, 4}, {1, 1, 2, 3}, {}),
      make("nearest_down", {1, 1, 5, 7}, {1, 1, 0.6f, 0.5f}, {{"nearest_mode", "ceil"}}),
      make("nearest_asymmetric", {1, 2, 4, 4}, {1, 1, 2, 2},
           {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}),
      make("linear", {1, 2, 3, 4}, {1, 1, 2, 2.5f}, linear),
      make("linear_corners", {1, 1, 3, 4}, {1, 1, 2, 2},
           {{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}}),
      make("linear_pytorch", {1, 1, 4, 3}, {1, 1, 0.25f, 2},
           {{"mode", "linear"}, {"coordinate_transformation_mode", "pytorch_half_pixel"}}),
      make("linear_symmetric", {1, 1, 4, 4}, {1, 1, 0.6f, 1.7f},
           {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel_symmetric"}}),
      make("cubic", {1, 1, 4, 4}, {1, 1, 2, 1.5f}, {{"mode", "cubic"}}),
      make("cubic_excluding", {1, 1, 4, 4}, {1, 1, 0.8f, 2},
           {{"mode", "cubic"}, {"exclude_outside", std::int64_t(1)}, {"cubic_coeff_a", -0.5f}}),
      make("antialias", {1, 1, 9, 7}, {1, 1, 0.3f, 0.5f},
           {{"mode", "linear"}, {"antialias", std::int64_t(1)}}),
      make("antialias_cubic", {1, 1, 9, 7}, {1, 1, 0.4f, 2},
           {{"mode", "cubic"},
            {"antialias", std::int64_t(1)},
            {"exclude_outside", std::int64_t(1)}}),
      make("symbolic", {Dim::symbol("N"), 2, 3, Dim::symbol("W")}, {1, 1, 2, 1.5f}, {}),
      {"sizes", {f32({1, 2, 3, 4}), omitted(), omitted(), i64({1, 2, 5, 6})}, linear},
      {"axes", {f32({2, 3, 4}), omitted(), omitted(), i64({7})}, {{"axes", Ints{-1}}}},
      {"not_larger",
       {f32({1, 1, 2, 4}), omitted(), omitted(), i64({7, 8})},
       {{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", "not_larger"}}},
      {"crop",
       {f32({1, 1, 4, 5}), values<float>({4}, {0.4f, 0.6f, 0.6f, 1.2f}), omitted(), i64({3, 3})},
       {{"axes", Ints{2, 3}},
        {"mode", "linear"},
        {"extrapolation_value", 10.0f},
        {"coordinate_transformation_mode", "tf_crop_and_resize"}}}};
}

constexpr AttributeDef attributes[] = {{"antialias", AttributeKind::integer},
                                       {"axes", AttributeKind::integers},
                                       {"coordinate_transformation_mode", AttributeKind::string},
                                       {"cubic_coeff_a", AttributeKind::real},
                                       {"exclude_outside", AttributeKind::integer},
                                       {"extrapolation_value", AttributeKind::real},
                                       {"keep_aspect_ratio_policy", AttributeKind::string},
                                       {"mode", AttributeKind::string},
                                       {"nearest_mode", AttributeKind::string}};

}  // namespace

extern const OpDef resize_op;
constinit const OpDef resize_op = {.name = "Resize",
                                   .inputs = {1, 4},
                                   .attributes = attributes,
                                   .infer = infer,
                                   .reference = reference,
                                   .cost = cost,
                                   .cases = cases};

}  // namespace strata::ir
