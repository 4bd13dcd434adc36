#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "strata/base/byte_reader.hpp"

namespace strata::compress {

/// A closed interval of numbers.
struct Interval {
  double low = 0, high = 0;
};

/// How often numbers occur, in memory that does not grow: bins have a power of two as width and lie
/// on its multiples. Where they no longer reach, neighbours are merged, so that the outcome does
/// not depend on the order of what is added.
class Histogram {
 public:
  static constexpr std::size_t bins = 4096;

  /// Throws model for a number that is not finite.
  void add(std::span<const float> values);

  std::uint64_t count() const { return count_; }
  /// Smallest and largest number seen; 0 and 0 before any was.
  Interval seen() const { return seen_; }
  /// Middle of a bin, and how many numbers fell into it.
  double middle(std::size_t bin) const {
    return (double(first_ + std::int64_t(bin)) + 0.5) * width();
  }
  double width() const;
  std::uint64_t in_bin(std::size_t bin) const { return counts_.empty() ? 0 : counts_[bin]; }

  /// Appends its state, little endian, to bytes; and reads it back. Throws model for what cannot
  /// be a state.
  void write(std::string& bytes) const;
  static Histogram read(ByteReader& reader);

 private:
  void reach(Interval interval);
  /// Which multiple of the width lies below: beyond 64 bits while bins are too narrow.
  double place(double value) const;

  std::uint64_t count_ = 0;
  Interval seen_;
  int exponent_ = 0;        // the width is 2^exponent
  std::int64_t first_ = 0;  // bin 0 begins at first * width
  std::vector<std::uint64_t> counts_;
};

}  // namespace strata::compress
