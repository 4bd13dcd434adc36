#include <algorithm>
#include <cstring>

#include "strata/kernels/cost.hpp"
#include "strata/kernels/movement/rows.hpp"

namespace strata::kernels {
namespace {

const PadProblem& pad(const Problem& problem) { return static_cast<const PadProblem&>(problem); }

/// Y in rows along the last axis; a work unit is some of them.
struct PadPlan {
  std::int64_t rows = 1, columns = 1, unit_rows = 1;
};

PadPlan plan_pad(const PadProblem& p) {
  constexpr std::int64_t unit_elements = 8192;
  PadPlan plan;
  if (p.rank > 0) plan.columns = p.out_dims[std::size_t(p.rank - 1)];
  for (int i = 0; i + 1 < p.rank; ++i) plan.rows *= p.out_dims[std::size_t(i)];
  if (plan.columns == 0) plan.rows = 0;
  plan.unit_rows =
      std::max<std::int64_t>(1, unit_elements / std::max<std::int64_t>(plan.columns, 1));
  return plan;
}

/// Where the row of X lies that row `row` of Y shows, in elements; negative if that is padding.
std::int64_t row_of_input(const PadProblem& p, std::int64_t row) {
  std::int64_t offset = 0, stride = 1;
  for (int i = p.rank - 1; i >= 0; --i) {
    const auto axis = std::size_t(i);
    if (i < p.rank - 1) {
      const std::int64_t at = row % p.out_dims[axis] - p.begin[axis];
      row /= p.out_dims[axis];
      if (at < 0 || at >= p.in_dims[axis]) return -1;
      offset += at * stride;
    }
    stride *= p.in_dims[axis];
  }
  return offset;
}

void fill(const PadProblem& p, std::byte* out, std::int64_t count) {
  switch (p.element_size) {
    case 1:
      std::memset(out, int(p.value[0]), std::size_t(count));
      break;
    default:
      for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(out + i * std::int64_t(p.element_size), p.value.data(), p.element_size);
      }
  }
}

const char* rejects(const Problem& problem) {
  return reject_element_size(pad(problem).element_size);
}

CostEstimate cost(const Problem& problem, const Machine& machine) {
  const PadPlan plan = plan_pad(pad(problem));
  const double bytes =
      2 * double(plan.rows) * double(plan.columns) * double(pad(problem).element_size);
  return estimate(Isa::baseline, 100 * double(plan.rows), bytes, machine);
}

std::int64_t units(const Problem& problem, int) {
  const PadPlan plan = plan_pad(pad(problem));
  return (plan.rows + plan.unit_rows - 1) / plan.unit_rows;
}

const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const PadProblem& p = pad(*args.problem);
  const PadPlan plan = plan_pad(p);
  const auto size = std::int64_t(p.element_size);
  const std::byte* in = static_cast<const std::byte*>(args.in[0]);
  std::byte* out = static_cast<std::byte*>(args.out[0]);
  const std::int64_t width = p.rank > 0 ? p.in_dims[std::size_t(p.rank - 1)] : 1;
  const std::int64_t shift = p.rank > 0 ? p.begin[std::size_t(p.rank - 1)] : 0;
  const std::int64_t left = std::clamp<std::int64_t>(shift, 0, plan.columns);
  const std::int64_t right = std::clamp<std::int64_t>(shift + width, left, plan.columns);
  for (std::int64_t r = begin * plan.unit_rows; r < std::min(end * plan.unit_rows, plan.rows);
       ++r) {
    std::byte* y = out + r * plan.columns * size;
    const std::int64_t x = row_of_input(p, r);
    if (x < 0 || left == right) {
      fill(p, y, plan.columns);
      continue;
    }
    fill(p, y, left);
    std::memcpy(y + left * size, in + (x + left - shift) * size,
                std::size_t((right - left) * size));
    fill(p, y + right * size, plan.columns - right);
  }
  return nullptr;
}

}  // namespace

constexpr Row pad_row = {.name = "pad_any_rows_baseline",
                         .kind = ProblemKind::pad,
                         .rejects = rejects,
                         .layouts = plain_layouts,
                         .cost = cost,
                         .units = units,
                         .run = run};

}  // namespace strata::kernels
