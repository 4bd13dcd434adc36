#include <algorithm>

#include "strata/kernels/attention/plan.hpp"
#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/gemm/few_rows.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const AttentionProblem& attention(const Problem& problem) {
  return static_cast<const AttentionProblem&>(problem);
}

/// The functions of a row.
template <Isa isa, const VectorForm& Vector, const AttentionKernels& Kernels>
struct Streaming {
  static AttentionPlan plan(const Problem& problem) {
    return plan_attention(attention(problem), Vector);
  }

  static const char* rejects(const Problem& problem) {
    const AttentionProblem& p = attention(problem);
    if (p.keys == 0) return "there are no keys";
    if (p.depth > 0x7fffffff) return "more than 2^31 products in a sum";
    // Matrices of a batch may share keys and values, so that these are small.
    const double lanes = Vector.lanes, keys = double(p.keys) + lanes;
    const double packed = keys * double(p.depth) + keys * (double(p.columns) + lanes);
    const bool empty = p.batch == 0 || p.queries == 0 || p.columns == 0;
    if (!empty && sizeof(float) * double(p.batch) * packed > 0x1p40) {
      return "keys and values take more than 2^40 bytes packed";
    }
    return nullptr;
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const std::size_t inputs = attention(problem).masked ? 4 : 3;
    options.push_back({std::vector<Layout>(inputs, plain_layout), {plain_layout}});
  }

  static CostEstimate cost(const Problem& problem, const Machine& machine) {
    const AttentionProblem& p = attention(problem);
    const AttentionPlan s = plan(problem);
    const double rows = s.tiles == 0 ? 1 : double(p.queries) / double(s.tiles);
    const double slowdown = std::max(1.0, (rows / 2 + 2) / rows);  // low tiles wait for their loads
    const double batch = double(p.batch), queries = double(p.queries);
    const double products =
        double(s.padded_keys) * double(p.depth) + double(p.keys) * double(s.padded_columns);
    constexpr double per_power = 30;  // as in a Softmax alone
    const double packed = double(s.packed_keys(p) + s.packed_values(p));
    // Products of few rows read both as they lie; of more, they pack them as this does. Packed ones
    // are read once more, and to turn keys takes as long as to copy them twice.
    const bool few = p.queries <= most_few_rows;
    const double packing = few ? 2 * packed : 0;
    const double moving = few ? packed + 2 * double(s.packed_keys(p)) : 0;
    return estimate(
        isa, batch * (queries * (2 * products * slowdown + per_power * double(p.keys)) + packing),
        4 * batch * (packed * 2 + moving + queries * double(p.depth + p.columns)), machine);
  }

  static std::size_t scratch_bytes(const Problem& problem) {
    return attention_scratch_bytes(plan(problem), attention(problem));
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return attention_worker_scratch_bytes(plan(problem));
  }
  static int phases(const Problem&) { return 2; }
  static std::int64_t units(const Problem& problem, int phase) {
    return attention_units(plan(problem), attention(problem), phase);
  }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    run_attention(plan(*args.problem), Kernels, args, phase, begin, end);
    return nullptr;
  }
};

constexpr AttentionKernels avx512_kernels{avx512::f32_tile, avx512::soften_scores,
                                          avx512::scale_rows};
constexpr AttentionKernels avx2_kernels{avx2::f32_tile, avx2::soften_scores, avx2::scale_rows};
constexpr AttentionKernels baseline_kernels{baseline::f32_tile, baseline::soften_scores,
                                            baseline::scale_rows};

template <Isa isa, const VectorForm& Vector, const AttentionKernels& Kernels>
constexpr Row row(std::string_view name) {
  return row_of<Streaming<isa, Vector, Kernels>>(name, ProblemKind::attention, isa);
}

constexpr Row table[] = {
    row<Isa::avx512, avx512_form, avx512_kernels>("attention_f32_streaming_14x32_avx512"),
    row<Isa::avx2, avx2_form, avx2_kernels>("attention_f32_streaming_6x16_avx2"),
    row<Isa::baseline, baseline_form, baseline_kernels>("attention_f32_streaming_4x8_baseline"),
};

}  // namespace

std::span<const Row> attention_rows() { return built_rows<table>; }

}  // namespace strata::kernels
