#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "strata/base/thread_pool.hpp"
#include "strata/runtime/binding.hpp"
#include "strata/runtime/states.hpp"
#include "strata/runtime/step_result.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {

/// When something ran: seconds since the run began, by the wall clock.
struct Interval {
  double start = 0, end = 0;
  double seconds() const { return end - start; }
};

/// The times of one run.
struct RunTrace {
  std::vector<Interval> steps;  ///< one per step; empty ones where a step is skipped
  Interval finish;              ///< copying outputs and states that no step writes in place
};

/// What one caller needs to run a binding: arena, states, pointers. One run at a time.
class Context {
 public:
  /// `pool` has at least binding->threads() workers of which that many are used. Without an arena
  /// (of at least peak_bytes), one is allocated; without states, they start here.
  Context(std::shared_ptr<const Binding> binding, std::shared_ptr<ThreadPool> pool,
          std::optional<Arena> arena = {}, std::shared_ptr<States> states = {});
  /// In an arena that others use too, at other times. Its owner may replace it by another of at
  /// least peak_bytes, which the next run then uses.
  Context(std::shared_ptr<const Binding> binding, std::shared_ptr<ThreadPool> pool,
          std::shared_ptr<const Arena> arena, std::shared_ptr<States> states);
  Context(Context&&) noexcept;
  ~Context();

  /// Runs once. Pointers in the order of the graph's inputs and outputs, plain layout, sizes as
  /// bound. Allocates nothing while the arena stays the same. Throws model naming the node for
  /// errors in the data.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);

  /// The same, saying when each step ran. Allocates nothing once `trace` has its size.
  void run_traced(std::span<const void* const> inputs, std::span<void* const> outputs,
                  RunTrace& trace);

  /// The same for whoever looks at results or replaces them: called after each step.
  void run_hooked(std::span<const void* const> inputs, std::span<void* const> outputs,
                  const StepHook& after);

  /// For tests: overwrites buffers with bytes of this pattern as soon as they are dead.
  void poison_dead_buffers(std::byte pattern) { poison_ = pattern; }

  /// States back to their initial values.
  void reset() { states_->reset(); }

  const Binding& binding() const { return *binding_; }

 private:
  struct Call;
  struct Patch {
    int index;          ///< of the graph input or output
    std::size_t slot;   ///< in in_ or out_
    std::size_t begin;  ///< bytes behind the caller's pointer
    bool from_input;    ///< the pointer of a graph input (else of an output)
    bool into_out;      ///< goes to out_ (else in_)
  };
  struct Copy {
    int source;                  ///< buffer
    int output = -1;             ///< graph output, or
    int state = -1;              ///< state
    std::byte* stage = nullptr;  ///< set: by way of this, as another copy overwrites the source
  };

  void connect();
  void connect_steps();
  void connect_copies();
  void* fixed_address(int buffer) const;
  void add_slot(int buffer, bool into_out);
  void patch(std::span<const void* const> inputs, std::span<void* const> outputs);
  const char* run_call(const Call& call);
  const void* source_of(const Copy& copy, std::span<const void* const> inputs,
                        std::span<void* const> outputs) const;
  void finish(std::span<const void* const> inputs, std::span<void* const> outputs);
  void poison_after(std::size_t step);
  [[noreturn]] void report(std::size_t step, const char* message) const;

  std::shared_ptr<const Binding> binding_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<const Arena> arena_;
  const std::byte* connected_ = nullptr;  // the arena's memory when addresses were resolved
  std::shared_ptr<States> states_;
  std::vector<Arena> stages_;
  std::vector<const void*> in_;  // operands of all calls, one after the other
  std::vector<void*> out_;
  std::vector<Call> calls_;
  std::vector<Patch> patches_;
  std::vector<Copy> copies_;
  std::optional<std::byte> poison_;
};

}  // namespace strata::runtime
