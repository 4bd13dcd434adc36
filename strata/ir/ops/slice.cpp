#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// Start, step and count of the elements that a slice takes from one axis.
struct Stretch {
  std::int64_t start, step, count;
};

// numpy's rules: negative bounds count from the end, then both are clamped to where the walk may
// begin and stop.
Stretch stretch(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? extent : extent - 1;
  start = std::clamp(start, step > 0 ? low : std::int64_t(0), std::max(high, low));
  end = std::clamp(end, low, std::max(high, low));
  const std::int64_t distance = step > 0 ? end - start : start - end;
  const std::int64_t pace = step > 0 ? step : -step;
  return {start, step, distance <= 0 ? 0 : (distance - 1) / pace + 1};
}

/// Bounds at or beyond this mean "to the end" in exported models.
constexpr std::int64_t far = std::numeric_limits<std::int32_t>::max();

/// Where a bound falls in an axis whose extent has symbols. Bounds that would have to be clamped
/// for small values of the symbols are refused then, when the extent comes out negative.
Dim symbolic_bound(const Dim& extent, const Dim& bound) {
  if (!bound.is_constant()) return Dim::min(bound, extent);
  if (bound.constant() >= far) return extent;
  return bound.constant() < 0 ? extent + bound : bound;
}

Dim symbolic_count(const Dim& extent, const Dim& start, const Dim& end, std::int64_t step) {
  const bool from_end = start.is_constant() && (start.constant() == -1 || start.constant() >= far);
  const bool to_start = end.is_constant() && end.constant() <= -far;
  if (step < 0) {
    if (!from_end || !to_start) {
      fail(ErrorCode::unsupported,
           "step {} from {} to {} over the symbolic extent {}; accepted: the whole axis", step,
           to_string(start), to_string(end), to_string(extent));
    }
    return Dim::floor_div(extent + (-step - 1), -step);
  }
  const Dim first =
      start.is_constant() && start.constant() <= -far ? Dim(0) : symbolic_bound(extent, start);
  Dim last = symbolic_bound(extent, end);
  if (end.is_constant() && end.constant() >= 0 && end.constant() < far) {
    last = Dim::min(extent, end);
  }
  if (step == 1) return last - first;
  return Dim::floor_div(last - first + (step - 1), step);
}

struct Bounds {
  std::vector<Dim> starts, ends;
  std::vector<std::int64_t> axes, steps;
};

/// Nothing if they are not known.
std::optional<Bounds> read_bounds(const InferContext& context) {
  constexpr std::string_view names[] = {"data", "starts", "ends", "axes", "steps"};
  for (int i = 1; i < 5; ++i) {
    if (!context.has_input(i)) continue;
    expect_index(context, i, names[i]);
    context.expect_rank(i, names[i], 1);
  }
  if (!context.elements(1) || !context.elements(2) ||
      (context.has_input(3) && !context.integers(3)) ||
      (context.has_input(4) && !context.integers(4))) {
    return std::nullopt;
  }
  Bounds bounds{expect_elements(context, 1, "starts"), expect_elements(context, 2, "ends"), {}, {}};
  const std::size_t count = bounds.starts.size();
  expect_count("ends", bounds.ends.size(), count);
  if (context.has_input(3)) {
    bounds.axes = expect_integers(context, 3, "axes");
    expect_count("axes", bounds.axes.size(), count);
  } else {
    for (std::size_t i = 0; i < count; ++i) bounds.axes.push_back(std::int64_t(i));
  }
  bounds.steps.assign(count, 1);
  if (context.has_input(4)) {
    bounds.steps = expect_integers(context, 4, "steps");
    expect_count("steps", bounds.steps.size(), count);
  }
  for (const std::int64_t step : bounds.steps) {
    if (step == 0) fail(ErrorCode::model, "steps has a 0; accepted: anything else");
    expect_between("steps entry", step, -far, far);
  }
  normalize_axes(bounds.axes, rank_of(context, 0), "axes");
  return bounds;
}

void set_sliced_elements(InferContext& context, const Bounds& bounds) {
  const auto elements = context.elements(0);
  if (!elements || rank_of(context, 0) != 1 || bounds.axes.size() != 1) return;
  if (!bounds.starts[0].is_constant() || !bounds.ends[0].is_constant()) return;
  const Stretch taken = stretch(std::int64_t(elements->size()), bounds.starts[0].constant(),
                                bounds.ends[0].constant(), bounds.steps[0]);
  std::vector<Dim> kept;
  for (std::int64_t i = 0; i < taken.count; ++i) {
    kept.push_back((*elements)[std::size_t(taken.start + i * taken.step)]);
  }
  context.set_elements(0, std::move(kept));
}

/// Sliced axes have extents that data tell; the others keep theirs, if the axes are known.
void infer_open(InferContext& context) {
  TensorType y = context.input(0);
  const int rank = int(y.shape.size());
  std::vector<std::int64_t> axes;
  if (!context.has_input(3)) {
    for (int i = 0; i < std::min(rank, expect_length(context, 1, "starts")); ++i) axes.push_back(i);
  } else if (const auto known = context.integers(3)) {
    axes = *known;
  } else {
    return context.set_open_output(0, y.dtype, rank);
  }
  for (const int axis : normalize_axes(axes, rank, "axes")) {
    y.shape[std::size_t(axis)] = context.open_extent(0, axis);
  }
  context.set_output(0, std::move(y));
}

void infer(InferContext& context) {
  const auto known = read_bounds(context);
  if (!known) return infer_open(context);
  const Bounds& bounds = *known;
  TensorType y = context.input(0);
  for (std::size_t i = 0; i < bounds.axes.size(); ++i) {
    Dim& extent = y.shape[std::size_t(normalize_axis(bounds.axes[i], int(y.shape.size()), "axes"))];
    const Dim& start = bounds.starts[i];
    const Dim& end = bounds.ends[i];
    if (extent.is_constant() && start.is_constant() && end.is_constant()) {
      extent = stretch(extent.constant(), start.constant(), end.constant(), bounds.steps[i]).count;
    } else {
      extent = symbolic_count(extent, start, end, bounds.steps[i]);
    }
  }
  context.set_output(0, std::move(y));
  set_sliced_elements(context, bounds);
}

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  std::array<Stretch, max_rank> stretches;
  for (int axis = 0; axis < x.rank(); ++axis) stretches[std::size_t(axis)] = {0, 1, x[axis]};
  for (std::int64_t i = 0; i < args.inputs[1].elements(); ++i) {
    const int axis =
        args.has_input(3) ? normalize_axis(index_at(args.inputs[3], i), x.rank(), "axes") : int(i);
    const std::int64_t step = args.has_input(4) ? index_at(args.inputs[4], i) : 1;
    stretches[std::size_t(axis)] =
        stretch(x[axis], index_at(args.inputs[1], i), index_at(args.inputs[2], i), step);
  }
  StridedCopy copy;
  std::int64_t offset = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Stretch& taken = stretches[std::size_t(axis)];
    if (taken.count != y[axis]) return {"the bounds do not give the planned extent"};
    offset += taken.start * stride_of(x, axis);
    copy.axis(taken.count, taken.step * stride_of(x, axis), stride_of(y, axis));
  }
  copy.run(args.inputs[0], offset, args.outputs[0], 0);
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {
      {"axes", {f32({5, 6, 4}), i64({1, 0}), i64({4, 3}), i64({0, 2})}},
      {"default_axes", {f32({5, 6}), i64({1, 2}), i64({4, 5})}},
      {"steps", {f32({9, 4}), i64({1}), i64({8}), i64({0}), i64({3})}},
      {"negative_step", {f32({7, 3}), i64({-1}), i64({-8}), i64({0}), i64({-2})}},
      {"negative_bounds", {f32({7, 3}), i64({-5}), i64({-1}), i64({0})}},
      {"far_end", {f32({7, 3}), i64({2}), i64({INT64_MAX}), i64({-1})}},
      {"reversed", {f32({4, 3}), i64({INT64_MAX}), i64({INT64_MIN}), i64({1}), i64({-1})}},
      {"empty", {f32({4, 3}), i64({2}), i64({2}), i64({0})}},
      {"symbolic", {f32({Dim::symbol("N"), 6}), i64({0, 1}), i64({INT64_MAX, 5})}},
      {"i32_bounds", {f32({5}), values<std::int32_t>({1}, {1}), values<std::int32_t>({1}, {3})}}};
}

}  // namespace

extern const OpDef slice_op;
constinit const OpDef slice_op = {
    .name = "Slice", .inputs = {3, 5}, .infer = infer, .reference = reference, .cases = cases};

}  // namespace strata::ir
