#include "strata/kernels/arg/runs.hpp"
#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"

namespace strata::kernels {
namespace {

const ArgProblem& arg(const Problem& problem) { return static_cast<const ArgProblem&>(problem); }

const char* rejects(const Problem& problem) {
  return arg(problem).extent > INT32_MAX ? "an axis of 2^31 elements or more" : nullptr;
}

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
  if (arg(problem).channels) options.push_back({{channels_last_layout}, {plain_layout}});
}

template <Isa isa>
CostEstimate cost(const Problem& problem, const Machine& machine) {
  const ArgProblem& p = arg(problem);
  const ArgShape s = arg_shape(p);
  const bool codes = p.type != ArgProblem::Type::f32;
  const double rows = double(s.outer) * double(s.inner);
  const double elements = rows * double(s.extent);
  const bool vectors = s.inner > 1 || (codes && isa != Isa::baseline && s.extent >= 16);
  return estimate(isa, elements * (vectors ? 4 : 60) + 60 * rows,
                  elements * (codes ? 1 : 4) + 8 * rows, machine);
}

std::int64_t units(const Problem& problem, int) {
  const ArgShape s = arg_shape(arg(problem));
  if (s.inner == 1) return (s.outer + arg_unit - 1) / arg_unit;
  return s.outer * ((s.inner + arg_unit - 1) / arg_unit);
}

template <Isa isa>
constexpr Row row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::arg_extremum,
          .isa = isa,
          .rejects = rejects,
          .layouts = layouts,
          .cost = cost<isa>,
          .units = units,
          .run = run};
}

constexpr Row table[] = {
    row<Isa::avx2>("arg_any_scan_avx2", avx2::run_arg),
    row<Isa::baseline>("arg_any_scan_baseline", baseline::run_arg),
};

}  // namespace

ArgShape arg_shape(const ArgProblem& p) {
  if (p.layouts.in.empty() || p.layouts.in[0].is_plain()) return {p.outer, p.extent, p.inner};
  return {p.outer * p.inner, p.extent, 1};
}

std::span<const Row> arg_rows() { return built_rows<table>; }

}  // namespace strata::kernels
