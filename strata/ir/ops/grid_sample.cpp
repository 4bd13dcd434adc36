#include <algorithm>
#include <array>
#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr int max_axes = max_rank - 2;
constexpr std::string_view modes[] = {"linear", "nearest", "cubic"};
constexpr std::string_view paddings[] = {"zeros", "border", "reflection"};

void infer(InferContext& context) {
  if (context.input(0).dtype != DType::boolean) expect_number(context, 0, "X");
  expect_float(context, 1, "grid");
  expect_word(context.attributes(), "mode", "linear", modes);
  expect_word(context.attributes(), "padding_mode", "zeros", paddings);
  const TensorType& x = context.input(0);
  const int rank = int(x.shape.size());
  if (rank < 3) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 3 (N, C and spatial axes)", rank);
  }
  context.expect_rank(1, "grid", rank);
  const SymbolicShape& grid = context.input(1).shape;
  expect_extent("batch of grid", grid[0], x.shape[0]);
  expect_extent("last extent of grid", grid.back(), rank - 2);
  SymbolicShape shape{x.shape[0], x.shape[1]};
  shape.insert(shape.end(), grid.begin() + 1, grid.end() - 1);
  context.set_output(0, {x.dtype, std::move(shape)});
}

struct Sampling {
  std::string_view mode, padding;
  bool corners;

  explicit Sampling(const Attributes& attributes)
      : mode(text_view(attributes, "mode", "linear")),
        padding(text_view(attributes, "padding_mode", "zeros")),
        corners(attributes.integer("align_corners", 0) != 0) {}

  /// Folds a position back at the borders until it is inside.
  double reflected(double at, std::int64_t extent) const {
    const double low = corners ? 0 : -0.5;
    const double range = double(extent) - (corners ? 1 : 0);
    if (range == 0) return 0;
    const double distance = std::fmod(std::fabs(at - low), 2 * range);
    return low + (distance > range ? 2 * range - distance : distance);
  }

  /// Where in the input a coordinate in [-1, 1] lies; computed as the grid's type does, which
  /// decides ties.
  template <class G>
  double position(G n, std::int64_t extent) const {
    const G size = G(extent);
    double at = corners ? (n + 1) / 2 * (size - 1) : ((n + 1) * size - 1) / 2;
    constexpr double far = 1e9;  // beyond any extent, within 63 bits; NaN goes there too
    at = at >= -far ? std::min(at, far) : -far;
    if (mode == "nearest") at = std::nearbyint(at);
    const double low = corners ? 0 : -0.5;
    const double high = double(extent) - (corners ? 1 : 0.5);
    if (at >= low && at <= high) return at;
    if (padding == "border") return std::clamp(at, 0.0, double(extent - 1));
    return padding == "reflection" ? reflected(at, extent) : at;
  }

  /// The element a tap reads; -1: a zero.
  std::int64_t element(std::int64_t i, std::int64_t extent) const {
    if (i >= 0 && i < extent) return i;
    if (padding == "zeros") return -1;
    if (padding == "border") return std::clamp<std::int64_t>(i, 0, extent - 1);
    return std::clamp<std::int64_t>(std::int64_t(reflected(double(i), extent)), 0, extent - 1);
  }

  int taps() const { return mode == "nearest" ? 1 : mode == "linear" ? 2 : 4; }

  /// Weight of a tap at this distance: a tent, or the kernel of Keys (1981) with a = -0.75.
  double weight(double distance) const {
    const double d = std::fabs(distance);
    if (mode == "linear") return 1 - d;
    constexpr double a = -0.75;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
};

using Positions = std::array<double, max_axes>;

/// The weighted sum over the taps of the spatial axes from `axis` on.
double interpolate(const Sampling& sampling, const Tensor& x, const Positions& at, int axis,
                   std::int64_t offset) {
  const Shape& shape = x.shape();
  if (axis == shape.rank()) return load_one<double>(x, offset);
  const double center = at[std::size_t(axis - 2)];
  const auto first = std::int64_t(std::floor(center)) - (sampling.taps() == 4 ? 1 : 0);
  double sum = 0;
  for (std::int64_t i = first; i < first + sampling.taps(); ++i) {
    const std::int64_t element = sampling.element(i, shape[axis]);
    const double weight = sampling.weight(center - double(i));
    if (element < 0 || weight == 0) continue;
    sum +=
        weight * interpolate(sampling, x, at, axis + 1, offset + element * stride_of(shape, axis));
  }
  return sum;
}

/// The offset of the nearest element in a plane; -1: a zero.
std::int64_t nearest(const Sampling& sampling, const Shape& shape, const Positions& at) {
  std::int64_t offset = 0;
  for (int axis = 2; axis < shape.rank(); ++axis) {
    const std::int64_t element =
        sampling.element(std::int64_t(at[std::size_t(axis - 2)]), shape[axis]);
    if (element < 0) return -1;
    offset += element * stride_of(shape, axis);
  }
  return offset;
}

template <class G>
void sample(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  Tensor& y = args.outputs[0];
  const Shape& shape = x.shape();
  const Sampling sampling(args.attributes());
  const int spatial = shape.rank() - 2;
  const std::int64_t plane = shape.elements(2, shape.rank());
  const std::int64_t points = y.shape().elements(2, shape.rank());
  const std::int64_t zero = 0;
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    const std::int64_t image = i / points;
    const std::int64_t point = image / shape[1] * points + i % points;
    Positions at{};
    for (int axis = 0; axis < spatial; ++axis) {  // the grid names the innermost axis first
      const auto n = G(load_one<double>(args.inputs[1], (point + 1) * spatial - 1 - axis));
      at[std::size_t(axis)] = sampling.position(n, shape[axis + 2]);
    }
    if (sampling.mode != "nearest") {
      store_one(interpolate(sampling, x, at, 2, image * plane), y, i);
      continue;
    }
    const std::int64_t offset = nearest(sampling, shape, at);
    offset < 0 ? store_one(zero, y, i) : copy_elements(x, image * plane + offset, y, i, 1);
  }
}

Status reference(const EvalArgs& args) {
  if (args.outputs[0].elements() > 0 && args.inputs[0].elements() == 0) {
    return {"there are no elements to sample"};
  }
  args.inputs[1].dtype() == DType::f64 ? sample<double>(args) : sample<float>(args);
  return {};
}

Cost cost(const CostArgs& args) {
  const std::string_view mode = text_view(args.node.attributes, "mode", "linear");
  const std::int64_t taps = mode == "nearest" ? 1 : mode == "linear" ? 2 : 4;
  std::int64_t flops = args.outputs[0].elements();
  for (int axis = 2; axis < args.inputs[0].rank(); ++axis) flops *= taps;
  return {.flops = flops};
}

std::vector<OpCase> cases() {
  using namespace example;
  std::vector<OpCase> all;
  const auto add = [&](std::string_view name, SymbolicShape x, SymbolicShape grid,
                       Attributes attributes) {
    all.push_back({.name = name,
                   .inputs = {f32(std::move(x)), f32(std::move(grid))},
                   .attributes = std::move(attributes),
                   .low = -1.7,
                   .high = 1.7});
  };
  const std::int64_t one = 1;
  add("linear", {2, 3, 4, 5}, {2, 3, 2, 2}, {});
  add("linear_border", {1, 2, 4, 5}, {1, 3, 2, 2}, {{"padding_mode", "border"}});
  add("linear_reflection", {1, 2, 4, 5}, {1, 3, 2, 2},
      {{"padding_mode", "reflection"}, {"align_corners", one}});
  add("nearest", {1, 2, 4, 5}, {1, 3, 2, 2}, {{"mode", "nearest"}});
  add("nearest_reflection", {1, 1, 4, 5}, {1, 3, 2, 2},
      {{"mode", "nearest"}, {"padding_mode", "reflection"}});
  add("cubic", {1, 1, 4, 5}, {1, 3, 2, 2}, {{"mode", "cubic"}, {"align_corners", one}});
  add("cubic_reflection", {1, 1, 4, 5}, {1, 3, 2, 2},
      {{"mode", "cubic"}, {"padding_mode", "reflection"}});
  add("one_dimension", {2, 3, 5}, {2, 4, 1}, {});
  add("three_dimensions", {1, 2, 3, 4, 5}, {1, 2, 2, 3, 3}, {{"padding_mode", "border"}});
  add("one_pixel", {1, 1, 1, 1}, {1, 2, 2, 2},
      {{"padding_mode", "reflection"}, {"align_corners", one}});
  add("symbolic", {Dim::symbol("N"), 2, 3, 3}, {Dim::symbol("N"), 2, 2, 2}, {});
  add("empty", {1, 2, 3, 3}, {1, 0, 2, 2}, {});
  all.push_back({"f16", {input(DType::f16, {1, 1, 3, 3}), input(DType::f16, {1, 2, 2, 2})}});
  all.push_back({"bool", {input(DType::boolean, {1, 1, 3, 3}), f32({1, 2, 2, 2})}});
  all.push_back({"i32", {input(DType::i32, {1, 1, 3, 3}), f32({1, 2, 2, 2})}});
  return all;
}

constexpr AttributeDef attributes[] = {{"align_corners", AttributeKind::integer},
                                       {"mode", AttributeKind::string},
                                       {"padding_mode", AttributeKind::string}};

}  // namespace

extern const OpDef grid_sample_op;
constinit const OpDef grid_sample_op = {.name = "GridSample",
                                        .inputs = {2, 2},
                                        .attributes = attributes,
                                        .infer = infer,
                                        .reference = reference,
                                        .cost = cost,
                                        .cases = cases};

}  // namespace strata::ir
