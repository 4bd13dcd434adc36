#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "strata/runtime/context.hpp"
#include "strata/runtime/profile.hpp"

namespace strata::eval {

/// Inputs for a graph at these sizes: floats in [-1, 1), integers 0 or 1, the same for a seed.
std::vector<Tensor> seeded_inputs(const ir::Graph& graph, std::span<const Shape> shapes,
                                  std::uint64_t seed);

/// A context with operands of its own: runs again and again on the same input.
class Runner {
 public:
  /// Inputs as the graph lists them; without any they are seeded_inputs. Throws usage for inputs
  /// of other types or sizes than were bound.
  Runner(std::shared_ptr<const runtime::Binding> binding, std::shared_ptr<ThreadPool> pool,
         std::span<const Tensor> inputs = {}, std::uint64_t seed = 1);

  void run() { context_.run(in_, out_); }
  /// One run; wall time in seconds.
  double timed_run();
  /// One run that says when each step ran.
  void run_traced(runtime::RunTrace& trace) { context_.run_traced(in_, out_, trace); }
  /// Runs alternately with and without looking at the steps; see runtime/profile.hpp.
  runtime::Profile profile(const runtime::ProfileOptions& options = {}) {
    return runtime::profile(context_, in_, out_, options);
  }
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
