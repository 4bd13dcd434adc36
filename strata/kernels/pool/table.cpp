#include <algorithm>

#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/pool/runs.hpp"

namespace strata::kernels {
namespace {

const PoolProblem& pool(const Problem& problem) { return static_cast<const PoolProblem&>(problem); }

/// Extent of the row that windows read, with the padding that the last one reaches into.
std::int64_t reach(std::int64_t out, std::int64_t kernel, std::int64_t stride,
                   std::int64_t dilation) {
  return (out - 1) * stride + (kernel - 1) * dilation + 1;
}

}  // namespace

PoolPlan plan_pool(const PoolProblem& p) {
  const Layout& layout = p.layouts.in[0];
  PoolPlan plan;
  if (layout.is_plain()) {
    plan.plain = true;
    plan.images = p.batch * p.channels;
    plan.channels = plan.channel_unit = 1;
  } else if (layout.blocked_axis < 0) {
    plan.images = p.batch;
    plan.channels = p.channels;
    plan.channel_unit = std::min<std::int64_t>(p.channels, 64);
    plan.channel_units = (p.channels + plan.channel_unit - 1) / plan.channel_unit;
  } else {
    plan.images = p.batch * ((p.channels + layout.block - 1) / layout.block);
    plan.channels = plan.channel_unit = layout.block;
  }
  return plan;
}

std::int64_t pool_units(const PoolPlan& plan, const PoolProblem& problem) {
  return plan.images * problem.out_height * plan.channel_units;
}

std::int64_t pool_row_floats(const PoolProblem& p) {
  return std::max(reach(p.out_width, p.kernel_w, p.stride_w, p.dilation_w), p.pad_left + p.width);
}

namespace {

const char* accept(const Problem&) { return nullptr; }

void layouts(const Problem&, std::vector<OperandLayouts>& options) {
  for (const Layout& layout : {channel_blocked_layout(16), channels_last_layout,
                               channel_blocked_layout(8), plain_layout}) {
    options.push_back({{layout}, {layout}});
  }
}

template <Isa isa>
CostEstimate cost(const Problem& problem, const Machine& machine) {
  const PoolProblem& p = pool(problem);
  const double channels = p.layouts.in[0].blocked_axis >= 0
                              ? double((p.channels + p.layouts.in[0].block - 1) /
                                       p.layouts.in[0].block * p.layouts.in[0].block)
                              : double(p.channels);
  const double planes = double(p.batch) * channels;
  const double in = planes * double(p.height * p.width);
  const double out = planes * double(p.out_height * p.out_width);
  const double window = double(p.kernel_h) * double(p.kernel_w);
  // A tap is a load and an operation. Plain planes reduce rows with vectors and, unless the stride
  // is 1, columns one by one.
  double taps = out * window * 4;
  if (p.layouts.in[0].is_plain()) {
    taps = planes * double(p.out_height) *
           (4 * double(p.width * p.kernel_h) +
            (p.stride_w == 1 ? 4.0 : 40.0) * double(p.out_width * p.kernel_w) +
            (p.out_width > 1 ? 60.0 : 20.0) * double(p.out_width));
  }
  return estimate(isa, taps, 4 * (in + out), machine);
}

std::size_t worker_scratch_bytes(const Problem& problem) {
  const PoolProblem& p = pool(problem);
  constexpr std::int64_t widest_vector = 16;
  return p.layouts.in[0].is_plain()
             ? std::size_t(pool_row_floats(p) + widest_vector) * sizeof(float)
             : 0;
}

std::int64_t units(const Problem& problem, int) {
  return pool_units(plan_pool(pool(problem)), pool(problem));
}

template <Isa isa>
constexpr Row row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::pool,
          .isa = isa,
          .rejects = accept,
          .layouts = layouts,
          .cost = cost<isa>,
          .worker_scratch_bytes = worker_scratch_bytes,
          .units = units,
          .run = run};
}

constexpr Row table[] = {
    row<Isa::avx512>("pool_f32_direct_avx512", avx512::run_pool),
    row<Isa::avx2>("pool_f32_direct_avx2", avx2::run_pool),
    row<Isa::baseline>("pool_f32_direct_baseline", baseline::run_pool),
};

}  // namespace

std::span<const Row> pool_rows() { return built_rows<table>; }

}  // namespace strata::kernels
