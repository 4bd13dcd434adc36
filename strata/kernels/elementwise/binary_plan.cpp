#include "strata/kernels/elementwise/binary_plan.hpp"

#include <algorithm>
#include <array>

namespace strata::kernels {
namespace {

using Axis = BinaryPlan::Axis;

/// Axes as stored, outermost first; blocks of channels are an axis of their own.
struct StoredAxes {
  std::array<std::int64_t, 9> extent{};
  std::array<bool, 9> broadcast{};
  int rank = 0;

  void add(std::int64_t stored, bool repeats) {
    extent[std::size_t(rank)] = stored;
    broadcast[std::size_t(rank++)] = repeats;
  }
};

StoredAxes stored_axes(const Layout& layout, const std::array<std::int64_t, 8>& dims,
                       const std::array<std::int64_t, 8>& out_dims, int rank) {
  StoredAxes axes;
  bool blocks_repeat = false;
  for (int i = 0; i < rank; ++i) {
    const std::size_t axis = layout.is_plain() ? std::size_t(i) : layout.order[std::size_t(i)];
    const bool repeats = dims[axis] != out_dims[axis];
    if (!layout.is_plain() && int(axis) == layout.blocked_axis) {
      axes.add((dims[axis] + layout.block - 1) / layout.block, repeats);
      blocks_repeat = repeats;
    } else {
      axes.add(dims[axis], repeats);
    }
  }
  if (layout.blocked_axis >= 0) axes.add(layout.block, blocks_repeat);
  return axes;
}

/// Strides of an operand; 0 along the axes it repeats on. A constant stores no padding, but its
/// blocks repeat or hold whole rows of channels, so the same strides hold.
std::array<std::int64_t, 9> strides_of(const StoredAxes& axes) {
  std::array<std::int64_t, 9> strides{};
  std::int64_t stride = 1;
  for (std::size_t i = std::size_t(axes.rank); i-- > 0;) {
    strides[i] = axes.broadcast[i] ? 0 : stride;
    stride *= axes.extent[i];
  }
  return strides;
}

void set_units(BinaryPlan& plan) {
  const auto [inner, rows] = std::pair(plan.axes[0].extent, plan.axes[1].extent);
  plan.columns = std::min(inner, elementwise_unit);
  plan.column_units = (inner + plan.columns - 1) / plan.columns;
  plan.rows = std::clamp<std::int64_t>(elementwise_unit / inner, 1, rows);
  plan.row_units = (rows + plan.rows - 1) / plan.rows;
  for (int i = 2; i < plan.rank; ++i) plan.outer *= plan.axes[i].extent;
}

}  // namespace

BinaryPlan plan_binary(const BinaryProblem& p) {
  const Layout& layout = p.layouts.out[0];
  const StoredAxes out = stored_axes(layout, p.out_dims, p.out_dims, p.rank);
  const auto a = strides_of(stored_axes(layout, p.a_dims, p.out_dims, p.rank));
  const auto b = strides_of(stored_axes(layout, p.b_dims, p.out_dims, p.rank));
  BinaryPlan plan;
  int last = -1;
  for (std::size_t i = std::size_t(out.rank); i-- > 0;) {
    const Axis axis{out.extent[i], a[i], b[i]};
    if (axis.extent == 0) {
      plan.outer = 0;
      return plan;
    }
    if (axis.extent == 1) continue;
    if (last >= 0) {
      Axis& inner = plan.axes[last];
      if (axis.a == inner.a * inner.extent && axis.b == inner.b * inner.extent) {
        inner.extent *= axis.extent;
        continue;
      }
    }
    plan.axes[++last] = axis;
  }
  plan.rank = std::max(last + 1, 2);
  set_units(plan);
  return plan;
}

}  // namespace strata::kernels
