#include <array>

#include "strata/kernels/built.hpp"
#include "strata/kernels/rnn/plan.hpp"

namespace strata::kernels {
namespace {

const RecurrentProblem& recurrent(const Problem& problem) {
  return static_cast<const RecurrentProblem&>(problem);
}

const char* rejects(const Problem& problem) {
  const RecurrentProblem& p = recurrent(problem);
  if (p.steps == 0 || p.batch == 0 || p.input == 0 || p.hidden == 0) return "an extent of 0";
  constexpr double most = 2147483647.0;
  constexpr int most_gates = 4, most_lanes = 16;
  const double hidden = double(p.hidden + most_lanes) * double(p.directions);
  const double sums = double(p.steps) * double(p.batch) * hidden * most_gates;
  const double weights = double(p.input + p.hidden) * hidden * most_gates;
  return sums < most && weights < most ? nullptr : "a size beyond 2^31";
}

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const RecurrentProblem& p = recurrent(problem);
  const auto inputs = std::size_t(1 + p.has_lengths + p.has_h + p.has_c);
  const auto outputs = std::size_t(p.wants_y + p.wants_h + p.wants_c);
  options.push_back(
      {std::vector<Layout>(inputs, plain_layout), std::vector<Layout>(outputs, plain_layout)});
}

std::uint64_t packed_form(const Problem& problem) {
  const RecurrentProblem& p = recurrent(problem);
  return std::uint64_t(p.cell) << 1 | std::uint64_t(p.linear_before_reset);
}

template <const RecurrentKernels& Kernels>
RecurrentPlan plan(const Problem& problem) {
  return {recurrent(problem), Kernels};
}

template <Isa isa, const RecurrentKernels& Kernels>
constexpr Row row(std::string_view name) {
  return {.name = name,
          .kind = ProblemKind::recurrent,
          .isa = isa,
          .rejects = rejects,
          .layouts = layouts,
          .cost = [](const Problem& p, const Machine& machine) -> CostEstimate {
            return {plan<Kernels>(p).seconds(isa, machine)};
          },
          .packed_bytes = [](const Problem& p) { return plan<Kernels>(p).packed_bytes(); },
          .pack = [](const Problem& p, const Constants& constants,
                     std::byte* packed) { plan<Kernels>(p).pack(constants, packed); },
          .packed_form = packed_form,
          .scratch_bytes = [](const Problem& p) { return plan<Kernels>(p).scratch_bytes(); },
          .worker_scratch_bytes =
              [](const Problem& p) { return plan<Kernels>(p).worker_scratch_bytes(); },
          .phases = [](const Problem& p) { return plan<Kernels>(p).phases(); },
          .units = [](const Problem& p, int phase) { return plan<Kernels>(p).units(phase); },
          .run =
              [](const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept {
                return plan<Kernels>(*args.problem).run(args, phase, begin, end);
              }};
}

constexpr RecurrentKernels avx512_kernels{
    avx512_form,
    {avx512::f32_tile, avx512::f32_few_rows, avx512::unpacked_few_rows, 4},
    avx512::find_recurrent};
constexpr RecurrentKernels avx2_kernels{
    avx2_form,
    {avx2::f32_tile, avx2::f32_few_rows, avx2::unpacked_few_rows, 4},
    avx2::find_recurrent};
constexpr RecurrentKernels baseline_kernels{
    baseline_form,
    {baseline::f32_tile, baseline::f32_few_rows, baseline::unpacked_few_rows, 4},
    baseline::find_recurrent};

constexpr std::array rows{
    row<Isa::avx512, avx512_kernels>("recurrent_f32_fused_avx512"),
    row<Isa::avx2, avx2_kernels>("recurrent_f32_fused_avx2"),
    row<Isa::baseline, baseline_kernels>("recurrent_f32_fused_baseline"),
};

}  // namespace

std::span<const Row> recurrent_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
