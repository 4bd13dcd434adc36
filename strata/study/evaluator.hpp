#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "strata/study/configuration.hpp"
#include "strata/tune/rows.hpp"
#include "strata/tune/timing.hpp"

namespace strata::study {

/// What was found out about one configuration.
struct Measured {
  std::string failure;  ///< why it could not be built or run; empty: it could
  // On the search records, against the default configuration.
  std::int64_t count = 0;
  std::int64_t correct = 0;
  std::int64_t lost = 0;    ///< right only by the default
  std::int64_t gained = 0;  ///< right only by this one
  tune::Timing ratio;       ///< time of one inference over that of the default, paired
  tune::Timing latency;     ///< seconds of one inference
  std::int64_t file_bytes = 0;
  std::int64_t peak_bytes = 0;
  /// Why the memory budget does not hold; empty: it does. Of versions other than the default that
  /// is their failure, and only file and peak are known then.
  std::string over_budget;

  bool failed() const { return !failure.empty(); }
  double accuracy() const { return count ? double(correct) / double(count) : 0; }
  double drop() const { return count ? double(lost - gained) / double(count) : 0; }
};

/// Measures configurations of one model: by running it, or from a recording.
class Evaluator {
 public:
  using Stopped = std::function<bool()>;

  virtual ~Evaluator() = default;
  /// Nothing if `stopped` said so before the end; it may be asked by other threads, one at a time.
  /// `effort` multiplies the time spent on latency.
  virtual std::optional<Measured> measure(const Configuration& configuration, double effort,
                                          const Stopped& stopped) = 0;
  /// Which kernels are worth trying in this configuration, by modelled times.
  virtual std::vector<tune::NodeRows> kernels(const Configuration& configuration) = 0;
  /// The same by measured times, as far as there is time; those that can be told to win.
  virtual std::vector<tune::NodeRows> timed_kernels(const Configuration& configuration,
                                                    const Stopped& stopped);
  /// Layers computed on integers that take longer so than on floats.
  virtual std::vector<std::string> slow_integers(const Configuration& configuration,
                                                 const Stopped& stopped);
};

}  // namespace strata::study
