#include <array>

#include "strata/kernels/built.hpp"
#include "strata/kernels/rnn/codes.hpp"
#include "strata/kernels/rnn/plan.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const RecurrentProblem& recurrent(const Problem& problem) {
  return static_cast<const RecurrentProblem&>(problem);
}

const char* rejects(const Problem& problem) {
  const RecurrentProblem& p = recurrent(problem);
  if (p.codes) return "on codes";
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

/// The functions of a row on codes.
template <const LstmKernels& Kernels>
struct OnCodes {
  static const IntegerLstmProblem& lstm(const Problem& problem) {
    return static_cast<const IntegerLstmProblem&>(problem);
  }

  static const char* rejects(const Problem& problem) {
    const RecurrentProblem& p = recurrent(problem);
    if (!p.codes) return "on numbers";
    constexpr std::int64_t most = 1 << 20;
    if (p.steps == 0 || p.batch == 0 || p.input == 0 || p.hidden == 0) return "an extent of 0";
    return p.steps < most && p.input < most / 16 && p.hidden < most / 1024 * 4
               ? nullptr
               : "a size beyond what is foreseen";
  }
  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const RecurrentProblem& p = recurrent(problem);
    const auto outputs = std::size_t(p.wants_y + p.wants_h + p.wants_c);
    options.push_back(
        {std::vector<Layout>(3, plain_layout), std::vector<Layout>(outputs, plain_layout)});
  }
  static CostEstimate cost(const Problem& problem, const Machine&) {
    return {LstmPlan(lstm(problem), Kernels).seconds()};
  }
  static std::size_t packed_bytes(const Problem& problem) {
    return LstmPlan(lstm(problem), Kernels).packed_bytes();
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    LstmPlan(lstm(problem), Kernels).pack(constants, packed);
  }
  /// The zero points are part of the biases.
  static std::uint64_t packed_form(const Problem& problem) {
    const IntegerLstmProblem& p = lstm(problem);
    return std::uint64_t(p.x_zero + 128) << 8 | std::uint64_t(p.h_zero + 128);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return LstmPlan(lstm(problem), Kernels).worker_scratch_bytes();
  }
  static std::int64_t units(const Problem& problem, int) { return lstm(problem).batch; }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    const LstmPlan plan(lstm(*args.problem), Kernels);
    for (std::int64_t sequence = begin; sequence < end; ++sequence) plan.run(args, sequence);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    return row_of<OnCodes>(name, ProblemKind::recurrent, isa);
  }
};

constexpr std::array rows{
    OnCodes<avx512_vnni::lstm_kernels>::row("recurrent_i8_fused_avx512_vnni", Isa::avx512_vnni),
    OnCodes<avx512::lstm_kernels>::row("recurrent_i8_fused_avx512", Isa::avx512),
    OnCodes<avx2::lstm_kernels>::row("recurrent_i8_fused_avx2", Isa::avx2),
    row<Isa::avx512, avx512_kernels>("recurrent_f32_fused_avx512"),
    row<Isa::avx2, avx2_kernels>("recurrent_f32_fused_avx2"),
    row<Isa::baseline, baseline_kernels>("recurrent_f32_fused_baseline"),
};

}  // namespace

std::span<const Row> recurrent_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
