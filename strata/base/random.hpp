#pragma once

#include <cstdint>

namespace strata {

/// Counter-free 64-bit generator (xoshiro256**, Blackman and Vigna 2018), seeded by SplitMix64.
/// The same seed gives the same numbers on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in [0, bound), without bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal (polar method).
  double normal();

 private:
  std::uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace strata
