#include <algorithm>

#include "strata/kernels/cost.hpp"
#include "strata/kernels/movement/copy_2d.hpp"
#include "strata/kernels/movement/rows.hpp"

namespace strata::kernels {
namespace {

/// The copy in few axes, innermost first: axes that walk together are merged. A work unit is a
/// tile of axes 0 (columns) and 1 (rows) at one place of the others.
struct StridedPlan {
  struct Axis {
    std::int64_t extent = 1, in = 0, out = 0;
  };
  Axis axes[9];
  int rank = 0;
  std::int64_t rows = 1, columns = 1;  ///< of a tile
  std::int64_t row_units = 1, column_units = 1, outer = 1;
};

const StridedCopyProblem& strided(const Problem& problem) {
  return static_cast<const StridedCopyProblem&>(problem);
}

/// Axis 1 becomes the one along which X is contiguous, if axis 0 is not that.
void choose_second_axis(StridedPlan& plan) {
  if (plan.axes[0].in == 1) return;
  for (int i = 1; i < plan.rank; ++i) {
    if (plan.axes[i].in == 1) return std::swap(plan.axes[1], plan.axes[i]);
  }
}

StridedPlan plan_strided(const StridedCopyProblem& p) {
  StridedPlan plan;
  int last = -1;
  std::int64_t out = 1;
  const Layout& layout = p.layouts.out[0];
  for (std::size_t stored = std::size_t(p.rank); stored-- > 0;) {
    const std::size_t i = layout.is_plain() ? stored : layout.order[stored];
    const StridedPlan::Axis axis{p.out_dims[i], p.in_strides[i], out};
    out *= axis.extent;
    if (axis.extent == 0) return plan.outer = 0, plan;
    if (axis.extent == 1) continue;
    if (last >= 0 && axis.in == plan.axes[last].in * plan.axes[last].extent) {
      plan.axes[last].extent *= axis.extent;
    } else {
      plan.axes[++last] = axis;
    }
  }
  plan.rank = std::max(last + 1, 2);
  if (last < 0) plan.axes[0] = {1, 1, 1};
  choose_second_axis(plan);
  constexpr std::int64_t unit_elements = 8192, tile = 64;
  const StridedPlan::Axis &columns = plan.axes[0], &rows = plan.axes[1];
  if (rows.in == 1 && columns.in != 1 && rows.extent > 1) {
    plan.columns = std::min(columns.extent, tile);
    plan.rows = std::min(rows.extent, tile);
  } else {
    plan.columns = std::min(columns.extent, unit_elements);
    plan.rows = std::clamp<std::int64_t>(unit_elements / columns.extent, 1, rows.extent);
  }
  plan.column_units = (columns.extent + plan.columns - 1) / plan.columns;
  plan.row_units = (rows.extent + plan.rows - 1) / plan.rows;
  for (int i = 2; i < plan.rank; ++i) plan.outer *= plan.axes[i].extent;
  return plan;
}

const char* rejects(const Problem& problem) {
  return reject_element_size(strided(problem).element_size);
}

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
  if (strided(problem).rank == channels_last_layout.rank) {
    options.push_back({{plain_layout}, {channels_last_layout}});
  }
}

CostEstimate cost(const Problem& problem, const Machine& machine) {
  constexpr double view_seconds = 1e-9;
  if (is_whole_copy(strided(problem))) return {view_seconds};
  const StridedPlan plan = plan_strided(strided(problem));
  double elements = double(plan.outer);
  for (int i = 0; i < 2; ++i) elements *= double(plan.axes[i].extent);
  const double bytes = 2 * elements * double(strided(problem).element_size);
  const bool runs = plan.axes[0].in == 1;
  const double calls = runs ? elements / double(plan.axes[0].extent) : 0;
  return estimate(Isa::baseline, (runs ? 0 : 8) * elements + 20 * calls, bytes, machine);
}

std::int64_t units(const Problem& problem, int) {
  const StridedPlan plan = plan_strided(strided(problem));
  return plan.column_units * plan.row_units * plan.outer;
}

const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const StridedCopyProblem& p = strided(*args.problem);
  const StridedPlan plan = plan_strided(p);
  const auto size = std::int64_t(p.element_size);
  const std::byte* in = static_cast<const std::byte*>(args.in[0]) + p.in_offset * size;
  std::byte* out = static_cast<std::byte*>(args.out[0]);
  const StridedPlan::Axis& inner = plan.axes[0];
  const StridedPlan::Axis& second = plan.axes[1];
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t column = unit % plan.column_units * plan.columns;
    std::int64_t rest = unit / plan.column_units;
    const std::int64_t row = rest % plan.row_units * plan.rows;
    rest /= plan.row_units;
    std::int64_t from = column * inner.in + row * second.in;
    std::int64_t to = column * inner.out + row * second.out;
    for (int i = 2; i < plan.rank; ++i) {
      from += rest % plan.axes[i].extent * plan.axes[i].in;
      to += rest % plan.axes[i].extent * plan.axes[i].out;
      rest /= plan.axes[i].extent;
    }
    const Copy2d copy{.rows = std::min(plan.rows, second.extent - row),
                      .columns = std::min(plan.columns, inner.extent - column),
                      .in_row = second.in,
                      .in_column = inner.in,
                      .out_row = second.out,
                      .out_column = inner.out};
    copy_2d(copy, p.element_size, in + from * size, out + to * size);
  }
  return nullptr;
}

}  // namespace

bool is_whole_copy(const StridedCopyProblem& problem) {
  const StridedPlan plan = plan_strided(problem);
  const auto alone = [](const StridedPlan::Axis& axis) { return axis.extent == 1; };
  return problem.in_offset == 0 && plan.outer == 1 && plan.axes[0].in == 1 && alone(plan.axes[1]);
}

constexpr Row strided_copy_row = {.name = "strided_copy_any_tiles_baseline",
                                  .kind = ProblemKind::strided_copy,
                                  .rejects = rejects,
                                  .layouts = layouts,
                                  .cost = cost,
                                  .units = units,
                                  .run = run};

}  // namespace strata::kernels
