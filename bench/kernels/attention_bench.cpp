// Attention as one step beside the three that compute the same (scores, softmax, mix), on heads of
// known networks, one thread. Names are queries x keys x size x heads.
// bench_attention --benchmark_filter='128x128.*avx512'

#include <benchmark/benchmark.h>

#include <string>

#include "bench/kernels/buffers.hpp"
#include "strata/kernels/attention/attention.hpp"
#include "strata/kernels/gemm/gemm.hpp"
#include "strata/kernels/norm/norm.hpp"

namespace {

using namespace strata;
using namespace strata::kernels;

struct Size {
  std::int64_t queries, keys, size, heads;

  std::int64_t scores() const { return heads * queries * keys; }
  double products() const { return 2 * double(scores()) * double(size); }
};

const Size sizes[] = {{128, 128, 64, 8},   {197, 197, 64, 3}, {99, 99, 64, 1},
                      {384, 384, 64, 12},  {49, 49, 32, 16},  {1024, 1024, 64, 8},
                      {4096, 4096, 64, 2}, {3, 512, 64, 8},   {1, 128, 64, 8}};

void run_whole(benchmark::State& state, const Row& row, const Size& s) {
  AttentionProblem p;
  p.batch = p.batch_inner = s.heads;
  p.queries = s.queries;
  p.keys = s.keys;
  p.depth = p.columns = s.size;
  p.scale = 0.125f;
  p.q = p.k = p.v = p.y = {0, s.size, s.heads * s.size, 1};
  const std::int64_t tokens = s.heads * s.size;
  const bench::Floats q(s.queries * tokens), k(s.keys * tokens), v(s.keys * tokens);
  const bench::Floats y(s.queries * tokens);
  bench::run(state, row, p, {q.data(), k.data(), v.data()}, {}, y.data(),
             {2 * s.products(), 8 * double(tokens) * double(s.queries + s.keys)});
}

/// Scores from queries and keys, or with `mix` results from weights and values.
void run_product(benchmark::State& state, const Row& row, const Size& s, bool mix) {
  GemmProblem p;
  p.batch = p.batch_inner = s.heads;
  p.m = s.queries;
  p.n = mix ? s.size : s.keys;
  p.k = mix ? s.keys : s.size;
  p.constant_b = false;
  p.transpose_b = !mix;
  p.alpha = mix ? 1 : 0.125f;
  p.a_inner_stride = mix ? s.queries * s.keys : s.size;
  p.a_row = mix ? s.keys : s.heads * s.size;
  p.b_inner_stride = s.size;
  p.b_row = s.heads * s.size;
  const std::int64_t tokens = s.heads * s.size;
  const bench::Floats a(mix ? s.scores() : s.queries * tokens), b(s.keys * tokens);
  const bench::Floats y(mix ? s.queries * tokens : s.scores());
  bench::run(state, row, p, {a.data(), b.data()}, {}, y.data(),
             {s.products(), 4 * double(s.scores() + tokens * (s.queries + s.keys))});
}

void run_softmax(benchmark::State& state, const Row& row, const Size& s) {
  SoftmaxProblem p;
  p.outer = s.heads * s.queries;
  p.size = s.keys;
  const bench::Floats x(s.scores());
  bench::run(state, row, p, {x.data()}, {}, x.data(), {0, 8 * double(s.scores())});
}

template <class Run>
void add(std::span<const Row> rows, std::string_view prefix, const std::string& part, Run run) {
  for (const Row& row : rows) {
    if (!has_isa(detected_isa(), row.isa) || !row.name.starts_with(prefix)) continue;
    for (const Size& s : sizes) {
      std::string name;
      for (const std::int64_t extent : {s.queries, s.keys, s.size, s.heads}) {
        name += (name.empty() ? "" : "x") + std::to_string(extent);
      }
      name += "/" + part + "/" + std::string(row.name);
      benchmark::RegisterBenchmark(
          name.c_str(), [run, &row, &s](benchmark::State& state) { run(state, row, s); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  add(attention_rows(), "attention_f32", "one_step", run_whole);
  add(gemm_rows(), "gemm_f32_packed", "scores",
      [](benchmark::State& state, const Row& row, const Size& s) {
        run_product(state, row, s, false);
      });
  add(norm_rows(), "softmax", "softmax", run_softmax);
  add(gemm_rows(), "gemm_f32_packed", "mix",
      [](benchmark::State& state, const Row& row, const Size& s) {
        run_product(state, row, s, true);
      });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
