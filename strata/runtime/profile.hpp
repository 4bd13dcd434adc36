#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "strata/runtime/context.hpp"
#include "strata/runtime/roofline.hpp"

namespace strata::runtime {

/// What a step has to do at the bound sizes, however well it does it.
struct Work {
  /// Numbers that the operations are done on; moving data takes none.
  enum class Arithmetic : std::uint8_t { none, f32, other };
  Arithmetic arithmetic = Arithmetic::none;
  double flops = 0;  ///< of the op: a multiply-accumulate is two
  double bytes = 0;  ///< every operand, result and packed weight once
};
Work work_of(const Binding& binding, std::size_t step);

/// One step with its wall time.
struct StepProfile {
  double seconds = 0;
  double gap = 0;  ///< since the step before ended, or since the run began
  Work work;
};

/// Where the time of a run goes. Every run that nobody looks into has a traced one beside it. All
/// times are means over the middle half of these pairs by length, and the clock's own time is taken
/// off those of traced runs, so that steps, gaps and finish add up to run_seconds.
struct Profile {
  std::vector<StepProfile> steps;  ///< as the binding lists them
  double finish = 0;               ///< copying results after the last step, seconds
  double finish_gap = 0;           ///< between the last step and that
  double run_seconds = 0;          ///< a whole traced run
  double plain_seconds = 0;        ///< a whole run that nobody looks into
  double clock_seconds = 0;        ///< what reading the clock once takes
  int readings = 0;                ///< of the clock, in a traced run
  int runs = 0;                    ///< of either kind
  int kept = 0;                    ///< of either kind: those that the means are over
  RunTrace example;                ///< the traced run of the pair whose length is the median

  /// Sum over the steps and the copies after them.
  double node_seconds() const;
  /// Sum over what lies between them.
  double gap_seconds() const;
};

struct ProfileOptions {
  double warm_up_s = 0.1;
  double seconds = 1;  ///< runs go on for so long,
  int min_runs = 10;   ///< but there are at least
  int max_runs = 2000;
  std::function<bool()> stopped;  ///< ends early, after one run of each kind at least
};

/// Runs in pairs, as it is and traced, each first in turn: both meet the same state of the machine.
Profile profile(Context& context, std::span<const void* const> inputs,
                std::span<void* const> outputs, const ProfileOptions& options = {});

/// A piece of the arena: which values lie there, or whose scratch, between which steps (both
/// included; the number of steps: until the results are copied out).
struct ArenaBlock {
  std::vector<std::string> values;  ///< empty: scratch of step `first`
  std::size_t offset = 0, bytes = 0;
  std::int32_t first = 0, last = 0;
};
/// All blocks that have bytes, by first step and offset.
std::vector<ArenaBlock> arena_blocks(const Binding& binding);

}  // namespace strata::runtime
