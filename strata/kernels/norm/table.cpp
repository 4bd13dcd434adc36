#include <algorithm>

#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/norm/runs.hpp"

namespace strata::kernels {

std::int64_t softmax_rows(const SoftmaxProblem& problem) {
  constexpr std::int64_t unit_elements = 4096;
  return std::max<std::int64_t>(1, unit_elements / std::max<std::int64_t>(problem.size, 1));
}

std::int64_t layer_norm_rows(const LayerNormProblem& problem) {
  constexpr std::int64_t unit_elements = 4096;
  return std::max<std::int64_t>(1, unit_elements / std::max<std::int64_t>(problem.size, 1));
}

namespace {

const LayerNormProblem& layer_norm(const Problem& problem) {
  return static_cast<const LayerNormProblem&>(problem);
}

const SoftmaxProblem& softmax(const Problem& problem) {
  return static_cast<const SoftmaxProblem&>(problem);
}

const char* accept(const Problem&) { return nullptr; }

void layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
}

template <Isa isa>
CostEstimate cost(const Problem& problem, const Machine& machine) {
  const SoftmaxProblem& p = softmax(problem);
  const double elements = double(p.outer) * double(p.size) * double(p.inner);
  return estimate(isa, 30 * elements, 16 * elements, machine);
}

std::int64_t units(const Problem& problem, int) {
  const SoftmaxProblem& p = softmax(problem);
  if (p.size == 0) return 0;
  if (p.inner == 1) return (p.outer + softmax_rows(p) - 1) / softmax_rows(p);
  return p.outer * ((p.inner + softmax_columns - 1) / softmax_columns);
}

std::uint32_t in_place(const Problem&) { return 1; }

template <Isa isa>
constexpr Row row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::softmax,
          .isa = isa,
          .rejects = accept,
          .layouts = layouts,
          .cost = cost<isa>,
          .units = units,
          .run = run,
          .in_place = in_place};
}

void layer_norm_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  options.push_back(
      {std::vector<Layout>(layer_norm(problem).bias ? 3 : 2, plain_layout), {plain_layout}});
}

template <bool centred>
const char* accept_norm(const Problem& problem) {
  const LayerNormProblem& p = layer_norm(problem);
  if (centred && !p.centred) return "the mean is not subtracted";
  if (!centred && p.centred) return "the mean is subtracted";
  if (!centred && p.bias) return "there is a bias";
  return nullptr;
}

template <Isa isa>
CostEstimate layer_norm_cost(const Problem& problem, const Machine& machine) {
  const LayerNormProblem& p = layer_norm(problem);
  const double elements = double(p.rows) * double(p.size);
  const double operations = p.centred ? 30 : 18;
  return estimate(isa, operations * elements + 200 * double(p.rows), 8 * elements, machine);
}

std::int64_t layer_norm_units(const Problem& problem, int) {
  const LayerNormProblem& p = layer_norm(problem);
  if (p.size == 0) return 0;
  return (p.rows + layer_norm_rows(p) - 1) / layer_norm_rows(p);
}

template <Isa isa, bool centred>
constexpr Row norm_row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::layer_norm,
          .isa = isa,
          .rejects = accept_norm<centred>,
          .layouts = layer_norm_layouts,
          .cost = layer_norm_cost<isa>,
          .units = layer_norm_units,
          .run = run,
          .in_place = in_place};
}

constexpr Row table[] = {
    norm_row<Isa::avx512, true>("layernorm_f32_rows_avx512", avx512::run_layer_norm),
    norm_row<Isa::avx2, true>("layernorm_f32_rows_avx2", avx2::run_layer_norm),
    norm_row<Isa::baseline, true>("layernorm_f32_rows_baseline", baseline::run_layer_norm),
    norm_row<Isa::avx512, false>("rmsnorm_f32_rows_avx512", avx512::run_rms_norm),
    norm_row<Isa::avx2, false>("rmsnorm_f32_rows_avx2", avx2::run_rms_norm),
    norm_row<Isa::baseline, false>("rmsnorm_f32_rows_baseline", baseline::run_rms_norm),
    row<Isa::avx512>("softmax_f32_threepass_avx512", avx512::run_softmax),
    row<Isa::avx2>("softmax_f32_threepass_avx2", avx2::run_softmax),
    row<Isa::baseline>("softmax_f32_threepass_baseline", baseline::run_softmax),
};

}  // namespace

std::span<const Row> norm_rows() { return built_rows<table>; }

}  // namespace strata::kernels
