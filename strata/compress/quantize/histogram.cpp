#include "strata/compress/quantize/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"

namespace strata::compress {
namespace {

// Widths of bins, as powers of two.
constexpr int least_exponent = std::numeric_limits<float>::min_exponent - 24;
constexpr int largest_exponent = std::numeric_limits<float>::max_exponent;
// Of the first bin, exact as a double.
constexpr double largest_place = 0x1p53;

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// The least width with which the bins can reach over the interval, were its ends on multiples;
/// no finer than f32 tells numbers of this size apart.
int first_exponent(Interval interval) {
  const double magnitude = std::max(std::abs(interval.low), std::abs(interval.high));
  const double least = std::max((interval.high - interval.low) / double(Histogram::bins),
                                magnitude * double(std::numeric_limits<float>::epsilon()));
  if (least <= 0) return least_exponent;
  return std::clamp(int(std::ceil(std::log2(least))), least_exponent, largest_exponent);
}

}  // namespace

double Histogram::width() const { return std::ldexp(1.0, exponent_); }

double Histogram::place(double value) const { return std::floor(std::ldexp(value, -exponent_)); }

void Histogram::reach(Interval interval) {
  if (counts_.empty()) {
    counts_.resize(bins);
    exponent_ = first_exponent(interval);
    first_ = std::int64_t(place(interval.low));
  }
  while (place(interval.high) - place(interval.low) >= double(bins)) {
    std::vector<std::uint64_t> merged(bins);
    const std::int64_t half = first_ >> 1;
    for (std::size_t i = 0; i < bins; ++i) {
      if (counts_[i]) merged[std::size_t(((first_ + std::int64_t(i)) >> 1) - half)] += counts_[i];
    }
    counts_ = std::move(merged);
    first_ = half;
    ++exponent_;
  }
  // Bins in use stay: they lie between the numbers seen, which the interval spans.
  const std::int64_t shift = first_ - std::int64_t(place(interval.low));
  if (shift > 0) {
    std::shift_right(counts_.begin(), counts_.end(), shift);
    std::fill_n(counts_.begin(), std::min<std::int64_t>(shift, bins), 0);
    first_ -= shift;
  }
}

void Histogram::add(std::span<const float> values) {
  if (values.empty()) return;
  float low = values[0], high = values[0];
  bool finite = true;
  for (const float value : values) {
    finite &= std::isfinite(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!finite) {
    const auto at = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
    fail(ErrorCode::model, "element {} is {}, expected a finite number", at - values.begin(), *at);
  }
  seen_.low = count_ ? std::min(seen_.low, double(low)) : double(low);
  seen_.high = count_ ? std::max(seen_.high, double(high)) : double(high);
  count_ += values.size();
  reach(seen_);
  const double inverse = 1 / width();
  for (const float value : values) {
    ++counts_[std::size_t(std::int64_t(std::floor(double(value) * inverse)) - first_)];
  }
}

void Histogram::write(std::string& bytes) const {
  append(bytes, count_);
  append(bytes, seen_.low);
  append(bytes, seen_.high);
  append(bytes, std::int32_t(exponent_));
  append(bytes, first_);
  for (std::size_t i = 0; i < bins; ++i) append(bytes, in_bin(i));
}

Histogram Histogram::read(ByteReader& reader) {
  Histogram histogram;
  histogram.count_ = reader.read<std::uint64_t>();
  histogram.seen_.low = reader.read<double>();
  histogram.seen_.high = reader.read<double>();
  histogram.exponent_ = reader.read<std::int32_t>();
  histogram.first_ = reader.read<std::int64_t>();
  std::vector<std::uint64_t> counts(bins);
  std::uint64_t sum = 0;
  bool sound = true;
  for (std::uint64_t& count : counts) {
    count = reader.read<std::uint64_t>();
    sound &= count <= histogram.count_ - sum;
    sum += std::min(count, histogram.count_ - sum);
  }
  const auto [low, high] = histogram.seen_;
  constexpr double largest = std::numeric_limits<float>::max();
  sound = sound && sum == histogram.count_ && -largest <= low && low <= high && high <= largest &&
          histogram.exponent_ >= least_exponent && histogram.exponent_ <= largest_exponent;
  if (sound && histogram.count_ > 0) {
    const double first = histogram.place(low);
    sound = std::abs(first) <= largest_place && histogram.first_ == std::int64_t(first) &&
            histogram.place(high) - first < double(bins);
    histogram.counts_ = std::move(counts);
  }
  if (!sound) fail(ErrorCode::model, "the state of a histogram contradicts itself");
  return histogram;
}

}  // namespace strata::compress
