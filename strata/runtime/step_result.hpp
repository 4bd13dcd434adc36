#pragma once

#include <functional>

#include "strata/runtime/binding.hpp"

namespace strata::runtime {

/// What a step has just computed, in the memory of a run.
class StepResult {
 public:
  /// `out`: where the step's results lie.
  StepResult(const Binding& binding, std::size_t step, void* const* out)
      : binding_(binding), step_(step), out_(out) {}

  std::size_t step() const { return step_; }
  /// How many results there are.
  std::size_t size() const { return buffers().size(); }
  /// Of the program's graph.
  ir::ValueId value(std::size_t i) const;
  /// A copy, row-major whatever the layout.
  Tensor read(std::size_t i) const;
  /// Later steps read this instead; type and shape must be those of the value.
  void write(std::size_t i, const Tensor& tensor);

 private:
  const std::vector<int>& buffers() const { return binding_.program().steps()[step_].out; }

  const Binding& binding_;
  std::size_t step_;
  void* const* out_;
};

using StepHook = std::function<void(StepResult& result)>;

}  // namespace strata::runtime
