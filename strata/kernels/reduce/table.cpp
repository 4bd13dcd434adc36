#include <algorithm>

#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/reduce/runs.hpp"

namespace strata::kernels {

std::int64_t reduce_rows_per_unit(const ReduceProblem& problem) {
  constexpr std::int64_t unit_elements = 4096;
  return std::max<std::int64_t>(1, unit_elements / std::max<std::int64_t>(problem.size, 1));
}

namespace {

const ReduceProblem& reduce(const Problem& problem) {
  return static_cast<const ReduceProblem&>(problem);
}

const char* accept(const Problem&) { return nullptr; }

void layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
}

template <Isa isa>
CostEstimate cost(const Problem& problem, const Machine& machine) {
  const ReduceProblem& p = reduce(problem);
  const double elements = double(p.outer) * double(p.size) * double(p.inner);
  return estimate(isa, 2 * elements, 4 * elements, machine);
}

std::int64_t units(const Problem& problem, int) {
  const ReduceProblem& p = reduce(problem);
  if (p.inner == 1) return (p.outer + reduce_rows_per_unit(p) - 1) / reduce_rows_per_unit(p);
  return p.outer * ((p.inner + reduce_columns - 1) / reduce_columns);
}

template <Isa isa>
constexpr Row row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::reduce,
          .isa = isa,
          .rejects = accept,
          .layouts = layouts,
          .cost = cost<isa>,
          .units = units,
          .run = run};
}

constexpr Row table[] = {
    row<Isa::avx512>("reduce_f32_direct_avx512", avx512::run_reduce),
    row<Isa::avx2>("reduce_f32_direct_avx2", avx2::run_reduce),
    row<Isa::baseline>("reduce_f32_direct_baseline", baseline::run_reduce),
};

}  // namespace

std::span<const Row> reduce_rows() { return built_rows<table>; }

}  // namespace strata::kernels
