#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "strata/runtime/context.hpp"
#include "strata/tune/timing.hpp"

namespace strata::tune {

/// Inputs for a typed graph under these values of its symbols, filled from a seed: floats normal,
/// integers and booleans zero.
std::vector<Tensor> seeded_inputs(const ir::Graph& graph, const DimValues& dims,
                                  std::uint64_t seed);

/// One program bound and ready to run on fixed inputs: what is timed.
class Workload {
 public:
  /// `inputs` as the graph lists them. `pool` may be shared with other workloads, as they do not
  /// run at the same time; its size is the number of threads.
  Workload(std::shared_ptr<const runtime::Program> program, std::vector<Tensor> inputs,
           std::shared_ptr<ThreadPool> pool);

  void run() { context_.run(in_, out_); }
  const runtime::Program& program() const { return context_.binding().program(); }
  const runtime::Binding& binding() const { return context_.binding(); }

  /// Each step's time over this many runs, in the order of Program::steps().
  std::vector<Timing> time_steps(std::size_t rounds);

 private:
  std::vector<Tensor> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  runtime::Context context_;
};

}  // namespace strata::tune
