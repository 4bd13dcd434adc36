#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
/// Sample points along one axis of a bin: above any use, so that no region keeps a run forever.
constexpr std::int64_t most_samples = 1 << 12;
constexpr std::string_view modes[] = {"avg", "max"};
constexpr std::string_view coordinate_modes[] = {"half_pixel", "output_half_pixel"};

void infer_rois(InferContext& context, std::int64_t columns, std::int64_t height,
                std::int64_t width) {
  expect_float(context, 0, "X");
  context.expect_rank(0, "X", 4);
  context.expect_same_dtype(0, 1);
  context.expect_rank(1, "rois", 2);
  const SymbolicShape& rois = context.input(1).shape;
  expect_extent("extent 1 of rois", rois[1], columns);
  expect_between("height of the result", height, 1, most);
  expect_between("width of the result", width, 1, most);
  context.set_output(0,
                     {context.input(0).dtype, {rois[0], context.input(0).shape[1], height, width}});
}

void infer_align(InferContext& context) {
  const Attributes& attributes = context.attributes();
  expect_word(attributes, "mode", "avg", modes);
  expect_word(attributes, "coordinate_transformation_mode", "half_pixel", coordinate_modes);
  expect_between("sampling_ratio", attributes.integer("sampling_ratio", 0), 0, most_samples);
  expect_dtype(context, 2, "batch_indices", DType::i64);
  context.expect_rank(2, "batch_indices", 1);
  infer_rois(context, 4, attributes.integer("output_height", 1),
             attributes.integer("output_width", 1));
  expect_extent("length of batch_indices", context.input(2).shape[0], context.input(1).shape[0]);
}

void infer_max_pool(InferContext& context) {
  const auto pooled = integers_view(context.attributes(), "pooled_shape");
  expect_count("pooled_shape", pooled.size(), 2);
  infer_rois(context, 5, pooled[0], pooled[1]);
}

/// One axis of a region: where it starts, the size of one bin, and sample points per bin.
struct Bins {
  double start, size;
  std::int64_t samples;
  double at(std::int64_t bin, std::int64_t sample) const {
    return start + double(bin) * size + (double(sample) + 0.5) * size / double(samples);
  }
};

Bins bins_of(double start, double end, std::int64_t count, std::int64_t ratio, bool half_pixel) {
  const double shift = half_pixel ? 0.5 : 0;
  double extent = (end - shift) - (start - shift);
  if (!half_pixel) extent = std::fmax(extent, 1);
  const double size = extent / double(count);
  const double samples = ratio > 0 ? double(ratio) : std::ceil(size);
  return {start - shift, size, samples <= double(most_samples) ? std::int64_t(samples) : -1};
}

/// Neighbours of a point along an axis and the weight of the second one.
struct Between {
  std::int64_t low, high;
  double weight;
  Between(double at, std::int64_t extent) {
    at = std::fmax(at, 0);
    low = std::min(std::int64_t(at), extent - 1);
    high = std::min(low + 1, extent - 1);
    weight = low == extent - 1 ? 0 : at - double(low);
  }
};

bool outside(double at, std::int64_t extent) { return !(at >= -1 && at <= double(extent)); }

/// The bin's average, or the largest weighted neighbour of any of its points.
struct Pooling {
  const Tensor& x;
  std::int64_t plane, height, width;
  bool average;

  double bin(const Bins& rows, const Bins& columns, std::int64_t i, std::int64_t j) const {
    double result = 0;
    bool first = true;
    for (std::int64_t a = 0; a < rows.samples; ++a) {
      for (std::int64_t b = 0; b < columns.samples; ++b) {
        const double value = point(rows.at(i, a), columns.at(j, b));
        result = average ? result + value : first ? value : std::fmax(result, value);
        first = false;
      }
    }
    if (!average) return result;
    return result / double(std::max<std::int64_t>(rows.samples * columns.samples, 1));
  }

  double point(double y, double x_at) const {
    if (outside(y, height) || outside(x_at, width)) return 0;
    const Between row(y, height);
    const Between column(x_at, width);
    const auto value = [&](std::int64_t r, std::int64_t c, double weight) {
      return weight * load_one<double>(x, (plane * height + r) * width + c);
    };
    const double corners[] = {value(row.low, column.low, (1 - row.weight) * (1 - column.weight)),
                              value(row.low, column.high, (1 - row.weight) * column.weight),
                              value(row.high, column.low, row.weight * (1 - column.weight)),
                              value(row.high, column.high, row.weight * column.weight)};
    if (!average) return *std::max_element(std::begin(corners), std::end(corners));
    return corners[0] + corners[1] + corners[2] + corners[3];
  }
};

Status align_reference(const EvalArgs& args) {
  const Attributes& attributes = args.attributes();
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const bool half_pixel =
      text_view(attributes, "coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const bool average = text_view(attributes, "mode", "avg") == "avg";
  const double scale = attributes.real("spatial_scale", 1);
  const std::int64_t ratio = attributes.integer("sampling_ratio", 0);
  if (args.outputs[0].elements() > 0 && x[2] * x[3] == 0) return {"the images are empty"};
  std::int64_t offset = 0;
  for (std::int64_t n = 0; n < y[0]; ++n) {
    const auto side = [&](std::int64_t i) {
      return load_one<double>(args.inputs[1], n * 4 + i) * scale;
    };
    const Bins rows = bins_of(side(1), side(3), y[2], ratio, half_pixel);
    const Bins columns = bins_of(side(0), side(2), y[3], ratio, half_pixel);
    const std::int64_t image = index_at(args.inputs[2], n);
    if (image < 0 || image >= x[0]) return {"batch index out of range"};
    if (rows.samples < 0 || columns.samples < 0) return {"a region is not finite or too large"};
    for (std::int64_t c = 0; c < y[1]; ++c) {
      const Pooling pooling{args.inputs[0], image * x[1] + c, x[2], x[3], average};
      for (std::int64_t i = 0; i < y[2] * y[3]; ++i) {
        store_one(pooling.bin(rows, columns, i / y[3], i % y[3]), args.outputs[0], offset++);
      }
    }
  }
  return {};
}

/// The elements of an axis that bin i covers, in [first, last).
struct Covered {
  std::int64_t first, last;
  Covered(std::int64_t bin, std::int64_t bins, double start, double end, std::int64_t extent) {
    const double from = std::round(start);
    const double size = std::fmax(std::round(end) - from + 1, 1) / double(bins);
    const auto limited = [&](double at) {
      return std::int64_t(std::clamp(at, 0.0, double(extent)));
    };
    first = limited(std::floor(double(bin) * size) + from);
    last = limited(std::ceil(double(bin + 1) * size) + from);
  }
};

Status max_pool_reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const Shape& image = x.shape();
  const Shape& y = args.outputs[0].shape();
  const double scale = args.attributes().real("spatial_scale", 1);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    const std::int64_t roi = i / (y[1] * y[2] * y[3]);
    const std::int64_t channel = i / (y[2] * y[3]) % y[1];
    double side[5];
    for (std::int64_t k = 0; k < 5; ++k) {
      side[k] = load_one<double>(args.inputs[1], roi * 5 + k) * (k == 0 ? 1 : scale);
      if (!std::isfinite(side[k])) return {"a region is not finite"};
    }
    if (!(side[0] >= 0 && side[0] < double(image[0]))) return {"batch index out of range"};
    const std::int64_t plane = std::int64_t(side[0]) * image[1] + channel;
    const Covered rows(i / y[3] % y[2], y[2], side[2], side[4], image[2]);
    const Covered columns(i % y[3], y[3], side[1], side[3], image[3]);
    const bool empty = rows.first >= rows.last || columns.first >= columns.last;
    double best = empty ? 0 : -std::numeric_limits<double>::infinity();
    for (std::int64_t h = rows.first; h < rows.last; ++h) {
      for (std::int64_t w = columns.first; w < columns.last; ++w) {
        best = std::fmax(best, load_one<double>(x, (plane * image[2] + h) * image[3] + w));
      }
    }
    store_one(best, args.outputs[0], i);
  }
  return {};
}

Cost align_cost(const CostArgs& args) {
  const std::int64_t ratio = args.node.attributes.integer("sampling_ratio", 0);
  const std::int64_t points = ratio > 0 && ratio < 1000 ? ratio * ratio : 4;
  return {.flops = args.outputs[0].elements() * points * 8};
}

using namespace example;

std::vector<OpCase> align_cases() {
  const auto rois = values<float>({3, 4}, {0, 0, 7, 5, 1.5f, 2, 4, 8, -3, -3, 2, 1});
  const auto batch = i64({0, 1, 0});
  const Attributes two{{"output_height", std::int64_t(2)}, {"output_width", std::int64_t(3)}};
  const auto with = [&](std::string_view name, Attribute value) {
    Attributes attributes = two;
    attributes.set(name, std::move(value));
    return attributes;
  };
  return {{"average", {f32({2, 3, 6, 8}), rois, batch}, two},
          {"max", {f32({2, 3, 6, 8}), rois, batch}, with("mode", "max")},
          {"ratio", {f32({2, 1, 6, 8}), rois, batch}, with("sampling_ratio", std::int64_t(2))},
          {"scaled", {f32({2, 1, 6, 8}), rois, batch}, with("spatial_scale", 0.5f)},
          {"unshifted",
           {f32({2, 1, 6, 8}), rois, batch},
           with("coordinate_transformation_mode", "output_half_pixel")},
          {"f16", {input(DType::f16, {1, 1, 4, 4}), input(DType::f16, {1, 4}), i64({0})}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3, 3}), rois, batch}},
          {"no_regions", {f32({1, 2, 3, 3}), f32({0, 4}), i64({})}}};
}

std::vector<OpCase> max_pool_cases() {
  using Ints = std::vector<std::int64_t>;
  const auto rois = values<float>({3, 5}, {0, 0, 0, 7, 5, 1, 1.5f, 2, 4, 8, 0, -3, -3, 2, 1});
  const Attributes two{{"pooled_shape", Ints{2, 3}}};
  return {{"plain", {f32({2, 3, 6, 8}), rois}, two},
          {"scaled",
           {f32({2, 1, 6, 8}), rois},
           {{"pooled_shape", Ints{1, 1}}, {"spatial_scale", 0.5f}}},
          {"beyond", {f32({1, 1, 3, 3}), values<float>({1, 5}, {0, 5, 5, 9, 9})}, two},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3, 3}), rois}, two}};
}

constexpr AttributeDef align_attributes[] = {
    {"coordinate_transformation_mode", AttributeKind::string},
    {"mode", AttributeKind::string},
    {"output_height", AttributeKind::integer},
    {"output_width", AttributeKind::integer},
    {"sampling_ratio", AttributeKind::integer},
    {"spatial_scale", AttributeKind::real}};
constexpr AttributeDef max_pool_attributes[] = {{"pooled_shape", AttributeKind::integers, true},
                                                {"spatial_scale", AttributeKind::real}};

}  // namespace

extern const OpDef max_roi_pool_op, roi_align_op;

constinit const OpDef max_roi_pool_op = {.name = "MaxRoiPool",
                                         .inputs = {2, 2},
                                         .attributes = max_pool_attributes,
                                         .infer = infer_max_pool,
                                         .reference = max_pool_reference,
                                         .cost = elementwise_cost,
                                         .cases = max_pool_cases};
constinit const OpDef roi_align_op = {.name = "RoiAlign",
                                      .inputs = {3, 3},
                                      .attributes = align_attributes,
                                      .infer = infer_align,
                                      .reference = align_reference,
                                      .cost = align_cost,
                                      .cases = align_cases};

}  // namespace strata::ir
