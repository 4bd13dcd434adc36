#pragma once

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "strata/kernels/row.hpp"

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

/// Times a row on a problem; layouts that are not set yet become the row's first option.
inline void run(benchmark::State& state, const strata::kernels::Row& row,
                strata::kernels::Problem& problem, const std::vector<const void*>& in,
                const std::vector<const void*>& constants, void* out) {
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
  for (auto _ : state) {
    const int phases = row.phases ? row.phases(problem) : 1;
    for (int phase = 0; phase < phases; ++phase) {
      row.run(args, phase, 0, row.units(problem, phase));
    }
    benchmark::ClobberMemory();
  }
  state.counters["estimate_us"] = row.cost(problem, strata::this_machine()).seconds * 1e6;
}

}  // namespace bench
