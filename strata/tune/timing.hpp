#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace strata::tune {

/// What repeated measurements of one thing say: the median and the 95 % interval of it that order
/// statistics give, without assumptions about the noise (Hollander and Wolfe, "Nonparametric
/// Statistical Methods", section 3.6). Seconds, or a ratio where so stated.
struct Timing {
  double median = 0;
  double low = 0;
  double high = 0;
  std::size_t samples = 0;
};

/// Throws usage for no samples.
Timing summarize(std::span<const double> samples);

/// When a race ends.
struct RaceOptions {
  double seconds = 0.1;           ///< of all contenders together, warm-up excluded
  std::size_t least_rounds = 11;  ///< whatever they cost
  std::size_t most_rounds = 2001;
  std::size_t warmup_rounds = 2;  ///< measured, but not counted
};

/// Alternating measurements: in each round every contender runs once, and the order of a round is
/// that of the one before turned by one place, so that whatever slows the machine down for a while
/// slows all of them. A state machine without a clock: the caller runs `next` and tells how long
/// that took.
class Race {
 public:
  Race(std::size_t contenders, const RaceOptions& options = {});

  bool done() const;
  /// Who runs now.
  std::size_t next() const;
  void tell(double seconds);

  /// Of one contender. At least one round must have been counted.
  Timing timing(std::size_t contender) const;
  /// Of contender / reference, paired by round.
  Timing ratio(std::size_t contender, std::size_t reference) const;
  std::size_t rounds() const { return rounds_; }

 private:
  RaceOptions options_;
  std::vector<std::vector<double>> samples_;  // (contender, round)
  std::size_t warmups_ = 0;
  std::size_t rounds_ = 0;
  std::size_t position_ = 0;  // within the round
  double spent_ = 0;
};

/// Runs a race by the wall clock. Short contenders are run several times for one sample, so that
/// the clock's resolution does not count, and once before, uncounted, to find their own data in the
/// caches. `stopped`, asked once a round, ends it early, but not before one round was counted.
Race run_race(std::span<const std::function<void()>> contenders, const RaceOptions& options = {},
              const std::function<bool()>& stopped = {});

/// A race in several heats. Where buffers lie in memory changes times by a percent or two for as
/// long as they stay there, so a single pair of programs says less than its many runs suggest: for
/// each heat `prepare` makes both anew (reference first), somewhere else. The ratio is that of the
/// heats' medians, its interval that of as many samples as there were heats.
struct HeatsResult {
  Timing reference;  ///< seconds
  Timing ratio;      ///< contender / reference; 1 if there is no contender
};
using Contenders = std::vector<std::function<void()>>;
HeatsResult run_heats(std::size_t heats, const std::function<Contenders(std::size_t heat)>& prepare,
                      const RaceOptions& options = {}, const std::function<bool()>& stopped = {});

}  // namespace strata::tune
