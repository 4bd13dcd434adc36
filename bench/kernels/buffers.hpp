#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "strata/kernels/row.hpp"
#include "strata/runtime/roofline.hpp"

namespace bench {

/// 64-byte aligned floats between -0.5 and 0.5, with a vector to spare.
class Floats {
 public:
  explicit Floats(std::int64_t count)
      : memory_(static_cast<float*>(
            std::aligned_alloc(64, (std::size_t(count) * sizeof(float) + 127) / 64 * 64))) {
    for (std::int64_t i = 0; i < count; ++i) memory_.get()[i] = float(i % 17) / 16 - 0.5f;
  }
  float* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> memory_;
};

/// What a problem asks for by its definition: operations on f32, an addition and a multiplication
/// apart, and bytes of all operands, each once.
struct Work {
  double operations = 0;
  double bytes = 0;
};

/// Of one core, measured once.
inline const strata::runtime::Roofline& roofline() {
  static const strata::runtime::Roofline measured = [] {
    strata::ThreadPool one(1);
    return strata::runtime::measure_roofline(strata::detected_isa(), one);
  }();
  return measured;
}

/// Times a row on a problem, the best of all runs; layouts that are not set yet become the row's
/// first option. `roofline_%` is the share of what this core can do at best for that work in f32:
/// algorithms that multiply less often, and shorter types, may exceed 100.
inline void run(benchmark::State& state, const strata::kernels::Row& row,
                strata::kernels::Problem& problem, const std::vector<const void*>& in,
                const std::vector<const void*>& constants, void* out, const Work& work) {
  if (problem.layouts.out.empty()) {
    std::vector<strata::kernels::OperandLayouts> options;
    row.layouts(problem, options);
    problem.layouts = options.front();
  }
  if (const char* reason = row.rejects(problem)) return state.SkipWithError(reason);
  const auto memory = [&](auto size) {
    return Floats(size ? std::int64_t(size(problem) + 3) / 4 : 0);
  };
  const Floats packed = memory(row.packed_bytes), scratch = memory(row.scratch_bytes),
               worker = memory(row.worker_scratch_bytes);
  const auto bytes = [](const Floats& f) { return reinterpret_cast<std::byte*>(f.data()); };
  if (row.pack) row.pack(problem, {constants.data()}, bytes(packed));
  const strata::kernels::Args args{&problem,      in.data(),      &out,
                                   bytes(packed), bytes(scratch), bytes(worker)};
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const int phases = row.phases ? row.phases(problem) : 1;
    for (int phase = 0; phase < phases; ++phase) {
      row.run(args, phase, 0, row.units(problem, phase));
    }
    benchmark::ClobberMemory();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  state.counters["best_us"] = best * 1e6;
  state.counters["GFLOP/s"] = work.operations / best / 1e9;
  state.counters["GB/s"] = work.bytes / best / 1e9;
  state.counters["roofline_%"] = 100 * roofline().bound_seconds(work.operations, work.bytes) / best;
  state.counters["estimate_us"] = row.cost(problem, strata::this_machine()).seconds * 1e6;
}

}  // namespace bench
