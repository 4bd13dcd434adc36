#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "strata/runtime/context.hpp"

namespace strata::eval {

/// A context with operands of its own: runs again and again on the same input.
class Runner {
 public:
  /// Inputs as the graph lists them; without any they are filled from the seed: floats in [-1, 1),
  /// integers 0 or 1. Throws usage for inputs of other types or sizes than were bound.
  Runner(std::shared_ptr<const runtime::Binding> binding, std::shared_ptr<ThreadPool> pool,
         std::span<const Tensor> inputs = {}, std::uint64_t seed = 1);

  void run() { context_.run(in_, out_); }
  /// One run; wall time in seconds.
  double timed_run();
  /// One run that adds each step's wall time in seconds.
  void run_timed(std::span<double> seconds) { context_.run_timed(in_, out_, seconds); }
  /// Each step's median wall time in seconds over this many runs, or fewer if stopped; at least
  /// one.
  std::vector<double> time_steps(int runs, const std::function<bool()>& stopped = {});

  const runtime::Binding& binding() const { return context_.binding(); }
  std::span<const Tensor> outputs() const { return outputs_; }

 private:
  runtime::Context context_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

}  // namespace strata::eval
