// Each matrix product row on sizes of known networks and on squares, one thread.
// bench_gemm --benchmark_filter='1024x1024x1024.*avx512'

#include <benchmark/benchmark.h>

#include <string>

#include "bench/kernels/buffers.hpp"
#include "strata/kernels/gemm/gemm.hpp"

namespace {

using namespace strata;
using namespace strata::kernels;

struct Size {
  std::int64_t m, n, k;
  bool constant_b = true;
  bool transpose_b = true;
};

const Size sizes[] = {
    {1, 12, 64},
    {1, 64, 64},
    {1, 1000, 512},
    {1, 1000, 2048},
    {1, 4096, 4096},
    {4, 1000, 512},
    {16, 1000, 512},
    {64, 1000, 2048},
    {128, 768, 768},
    {128, 3072, 768},
    {49, 512, 512},
    {1024, 1024, 1024},
    {1000, 1000, 1000},
    {128, 128, 64, false},
    {128, 64, 128, false, false},
    {1024, 1024, 1024, false},
    {1, 1000, 512, false, false},
};

void run(benchmark::State& state, const Row& row, const Size& size) {
  GemmProblem p;
  p.m = size.m;
  p.n = size.n;
  p.k = size.k;
  p.constant_b = size.constant_b;
  p.transpose_b = size.transpose_b;
  p.epilogue.bias = size.constant_b;
  if (std::string(row.name).find("f32i8") != std::string::npos) p.weights = WeightType::i8_channel;
  if (std::string(row.name).find("f32f16") != std::string::npos) p.weights = WeightType::f16;
  const bench::Floats a(p.m * p.k), b(p.n * p.k), bias(p.n), y(p.m * p.n);
  const auto m = double(p.m), n = double(p.n), k = double(p.k);
  bench::run(state, row, p, {a.data(), b.data()}, {b.data(), bias.data(), bias.data()}, y.data(),
             {2 * m * n * k, 4 * (m * k + n * k + m * n)});
}

}  // namespace

int main(int argc, char** argv) {
  for (const Row& row : gemm_rows()) {
    if (!has_isa(detected_isa(), row.isa)) continue;
    for (const Size& s : sizes) {
      std::string name = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                         std::to_string(s.k) + (s.constant_b ? "" : "/activation");
      name += std::string("/") + std::string(row.name);
      benchmark::RegisterBenchmark(name.c_str(), run, row, s);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
