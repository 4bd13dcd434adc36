#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <string>
#include <vector>

#include "strata/runtime/profile.hpp"

namespace strata::python {

/// When each step of each run ran, until there are too many.
class RunLog {
 public:
  RunLog() : origin_(Clock::now()) {}

  void run(runtime::Context& context, std::span<const void* const> in, std::span<void* const> out);
  /// Dicts of name, op, kernel, start and seconds, in the order in which they ran; forgets them.
  pybind11::list take();

 private:
  using Clock = std::chrono::steady_clock;
  struct Event {
    std::string name, op, kernel;
    double start, seconds;
  };
  void add(const runtime::Context& context, double start);

  Clock::time_point origin_;
  runtime::RunTrace trace_;
  std::vector<Event> events_;
};

/// A measured profile as the dict that strata/session.py documents.
pybind11::dict profile_dict(const runtime::Profile& profile, const runtime::Binding& binding);
/// Steps with their kernels: dicts of name, op, kernel, sources and rejected.
pybind11::list kernel_list(const runtime::Program& program);
/// Sizes and memory of a plan.
pybind11::dict plan_dict(const runtime::Binding& binding);

}  // namespace strata::python
