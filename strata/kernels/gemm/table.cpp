#include <algorithm>

#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/gemm/plan.hpp"
#include "strata/kernels/row_of.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {
namespace {

const GemmProblem& gemm(const Problem& problem) { return static_cast<const GemmProblem&>(problem); }

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const GemmProblem& p = gemm(problem);
  const std::size_t inputs = 1 + std::size_t(!p.constant_b) + std::size_t(p.epilogue.residual);
  options.push_back({std::vector<Layout>(inputs, plain_layout), {plain_layout}});
}

/// Each of a residual's elements is read once, right before its place is written.
std::uint32_t in_place(const Problem& problem) {
  const GemmProblem& p = gemm(problem);
  return p.epilogue.residual ? (p.constant_b ? 1u << 1 : 1u << 2) : 0;
}

std::uint64_t packed_form(const Problem& problem) { return gemm(problem).transpose_b; }

/// The functions of a row.
template <Isa isa, const VectorForm& Vector, const GemmKernels& Kernels>
struct Packed {
  static constexpr std::size_t Element = Kernels.element;
  // Not from Kernels.pairs: with sanitizers GCC 12 takes no address for a constant.
  static constexpr bool Pairs = isa == Isa::avx512_bf16;

  static GemmPlan plan(const Problem& problem) { return plan_gemm(gemm(problem), Vector, Pairs); }

  static const char* rejects(const Problem& problem) {
    const GemmProblem& p = gemm(problem);
    if (p.k > 0x7fffffff) return "more than 2^31 products in a sum";
    if (p.constant_b && !p.shares_b()) return "constant matrices differ within the batch";
    if (!p.constant_b && p.weights != WeightType::f32) return "B is neither constant nor f32";
    if (Pairs && !p.constant_b && p.m <= most_few_rows) return "B would be packed for few rows";
    if (Element == 2 && p.weights != WeightType::f16) return "weights are not f16";
    if (Element == 1 && p.weights != WeightType::i8_tensor && p.weights != WeightType::i8_channel) {
      return "weights are not i8";
    }
    return nullptr;
  }

  static CostEstimate cost(const Problem& problem, const Machine& machine) {
    const GemmProblem& p = gemm(problem);
    const GemmPlan s = plan(problem);
    const double batch = double(p.batch), m = double(p.m), n = double(p.n), k = double(p.k);
    const double rows = s.tiles == 0 ? 1 : m / double(s.tiles);
    // Low tiles wait for their loads, and convert weights for few products.
    const double conversion = Element == sizeof(float) ? 1 : 1.2;
    const double slowdown = s.few_rows ? std::max(1.0, 2.2 * conversion / rows)
                                       : std::max(1.0, (rows / 2 + 2 * conversion) / rows);
    const double depth = double(s.depth);
    double bytes = 4 * batch * m * (k + 2 * n) + double(Element) * double(s.b_copies) * depth * n;
    if (s.packs_b) bytes += 8 * double(s.b_copies) * k * n;
    if (s.copies_a) bytes += 8 * batch * m * k * double(s.column_blocks);
    return estimate(isa, 2 * batch * m * double(s.columns) * depth * slowdown, bytes, machine);
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return gemm_packed_bytes(plan(problem), gemm(problem), Element);
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_gemm(plan(problem), gemm(problem), constants, Kernels, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) {
    return gemm_scratch_bytes(plan(problem));
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return gemm_worker_scratch_bytes(plan(problem), gemm(problem));
  }
  static int phases(const Problem& problem) { return plan(problem).packs_b ? 2 : 1; }
  static std::int64_t units(const Problem& problem, int phase) {
    return gemm_units(plan(problem), gemm(problem), phase);
  }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    run_gemm(plan(*args.problem), Kernels, args, phase, begin, end);
    return nullptr;
  }
};

template <Isa isa, const VectorForm& Vector, const GemmKernels& Kernels>
constexpr Row row(std::string_view name) {
  using Functions = Packed<isa, Vector, Kernels>;
  return {.name = name,
          .kind = ProblemKind::gemm,
          .isa = isa,
          .precision = Functions::Pairs ? Precision::bf16 : Precision::f32,
          .rejects = Functions::rejects,
          .layouts = layouts,
          .cost = Functions::cost,
          .packed_bytes = Functions::packed_bytes,
          .pack = Functions::pack,
          .packed_form = packed_form,
          .scratch_bytes = Functions::scratch_bytes,
          .worker_scratch_bytes = Functions::worker_scratch_bytes,
          .phases = Functions::phases,
          .units = Functions::units,
          .run = Functions::run,
          .in_place = in_place};
}

/// The functions of a row of Strassen's algorithm.
template <Isa isa, const VectorForm& Vector, const StrassenKernels& Kernels>
struct Strassen {
  static StrassenPlan plan(const Problem& problem) { return plan_strassen(gemm(problem), Vector); }

  static const char* rejects(const Problem& problem) {
    return strassen_rejects(gemm(problem), Vector);
  }
  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    kernels::layouts(problem, options);
  }
  static CostEstimate cost(const Problem& problem, const Machine& machine) {
    const GemmProblem& p = gemm(problem);
    const StrassenPlan s = plan(problem);
    const double batch = double(p.batch), m = double(p.m), n = double(p.n), k = double(p.k);
    double bytes = 4 * batch * m * (k + 2 * n) + double(strassen_packed_bytes(s));
    bytes += (s.copies ? 3.5 : 2) * 4 * batch * m * k;  // sums, and copies of X
    return estimate(isa, 2 * Vector.lanes * strassen_vector_products(s), bytes, machine);
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return strassen_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    const GemmProblem& p = gemm(problem);
    pack_strassen(plan(problem), constants, p.transpose_b ? 1 : p.n, p.transpose_b ? p.k : 1,
                  packed);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return strassen_worker_scratch_bytes(plan(problem));
  }
  static std::uint32_t in_place(const Problem& problem) {
    return plan(problem).shares_row ? 0 : kernels::in_place(problem);
  }
  static std::int64_t units(const Problem& problem, int) { return strassen_units(plan(problem)); }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_strassen(plan(*args.problem), Kernels, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name) {
    Row row = row_of<Strassen>(name, ProblemKind::gemm, isa);
    row.packed_form = kernels::packed_form;
    row.rounding = strassen_rounding;
    return row;
  }
};

constexpr GemmKernels avx512_f32{avx512::f32_tile, avx512::f32_few_rows, avx512::unpacked_few_rows,
                                 4};
constexpr GemmKernels avx512_f16{avx512::f16_tile, avx512::f16_few_rows, avx512::unpacked_few_rows,
                                 2};
constexpr GemmKernels avx512_i8{avx512::i8_tile, avx512::i8_few_rows, avx512::unpacked_few_rows, 1};
constexpr GemmKernels avx512_bf16_pairs{nullptr, nullptr, nullptr, sizeof(Bf16Pair),
                                        &avx512_bf16::pair_kernels};
constexpr GemmKernels avx2_f32{avx2::f32_tile, avx2::f32_few_rows, avx2::unpacked_few_rows, 4};
constexpr GemmKernels avx2_f16{avx2::f16_tile, avx2::f16_few_rows, avx2::unpacked_few_rows, 2};
constexpr GemmKernels avx2_i8{avx2::i8_tile, avx2::i8_few_rows, avx2::unpacked_few_rows, 1};
constexpr GemmKernels baseline_f32{baseline::f32_tile, baseline::f32_few_rows,
                                   baseline::unpacked_few_rows, 4};

constexpr Row table[] = {
    row<Isa::avx512_bf16, avx512_form, avx512_bf16_pairs>("gemm_bf16_packed_14x32_avx512_bf16"),
    row<Isa::avx512, avx512_form, avx512_i8>("gemm_f32i8_packed_14x32_avx512"),
    row<Isa::avx512, avx512_form, avx512_f16>("gemm_f32f16_packed_14x32_avx512"),
    Strassen<Isa::avx512, avx512_form, avx512::strassen>::row("gemm_f32_strassen_14x32_avx512"),
    row<Isa::avx512, avx512_form, avx512_f32>("gemm_f32_packed_14x32_avx512"),
    row<Isa::avx2, avx2_form, avx2_i8>("gemm_f32i8_packed_6x16_avx2"),
    row<Isa::avx2, avx2_form, avx2_f16>("gemm_f32f16_packed_6x16_avx2"),
    Strassen<Isa::avx2, avx2_form, avx2::strassen>::row("gemm_f32_strassen_6x16_avx2"),
    row<Isa::avx2, avx2_form, avx2_f32>("gemm_f32_packed_6x16_avx2"),
    row<Isa::baseline, baseline_form, baseline_f32>("gemm_f32_packed_4x8_baseline"),
};

}  // namespace

std::span<const Row> gemm_rows() { return built_rows<table>; }

}  // namespace strata::kernels
