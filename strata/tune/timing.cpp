#include "strata/tune/timing.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "strata/base/error.hpp"

namespace strata::tune {
namespace {

/// A sample shorter than this says more about the clock and its call than about the contender.
constexpr double shortest_sample_s = 20e-6;
/// To contenders slower than this, caches that another one filled make little difference.
constexpr double short_s = 2e-3;

double median_of_sorted(std::span<const double> sorted) {
  const std::size_t n = sorted.size();
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double time_of(const std::function<void()>& contender, std::size_t times) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < times; ++i) contender();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / double(times);
}

}  // namespace

Timing summarize(std::span<const double> samples) {
  if (samples.empty()) fail(ErrorCode::usage, "no measurements to summarise");
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  // The quantiles n/2 -+ 1.96 sqrt(n)/2 of the binomial distribution, by its normal approximation.
  const double n = double(sorted.size());
  const double reach = 1.96 * std::sqrt(n) / 2;
  const double low = std::max(std::floor(n / 2 - reach) - 1, 0.0);
  const double high = std::min(std::ceil(n / 2 + reach), n - 1);
  return {median_of_sorted(sorted), sorted[std::size_t(low)], sorted[std::size_t(high)],
          sorted.size()};
}

Race::Race(std::size_t contenders, const RaceOptions& options)
    : options_(options), samples_(contenders) {
  STRATA_ASSERT(contenders > 0);
}

bool Race::done() const {
  if (position_ != 0 || rounds_ == 0) return false;
  return rounds_ >= options_.most_rounds ||
         (rounds_ >= options_.least_rounds && spent_ >= options_.seconds);
}

std::size_t Race::next() const { return (position_ + rounds_ + warmups_) % samples_.size(); }

void Race::tell(double seconds) {
  const bool warm = warmups_ >= options_.warmup_rounds;
  if (warm) {
    samples_[next()].push_back(seconds);
    spent_ += seconds;
  }
  if (++position_ < samples_.size()) return;
  position_ = 0;
  ++(warm ? rounds_ : warmups_);
}

Timing Race::timing(std::size_t contender) const { return summarize(samples_[contender]); }

Timing Race::ratio(std::size_t contender, std::size_t reference) const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < rounds_; ++i) {
    ratios.push_back(samples_[contender][i] / std::max(samples_[reference][i], 1e-12));
  }
  return summarize(ratios);
}

Race run_race(std::span<const std::function<void()>> contenders, const RaceOptions& options,
              const std::function<bool()>& stopped) {
  double fastest = short_s;
  for (const auto& contender : contenders) {
    time_of(contender, 1);  // cold
    fastest = std::min(fastest, time_of(contender, 1));
  }
  const bool prime = fastest < short_s;
  const auto repeats = std::size_t(std::ceil(shortest_sample_s / std::max(fastest, 1e-9)));
  RaceOptions counted = options;
  counted.seconds /= double(repeats + prime);
  Race race(contenders.size(), counted);
  while (!race.done()) {
    if (stopped && race.rounds() > 0 && stopped()) break;
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const auto& contender = contenders[race.next()];
      if (prime) contender();
      race.tell(time_of(contender, repeats));
    }
  }
  return race;
}

HeatsResult run_heats(std::size_t heats, const std::function<Contenders(std::size_t heat)>& prepare,
                      const RaceOptions& options, const std::function<bool()>& stopped) {
  STRATA_ASSERT(heats > 0);
  std::vector<double> seconds, ratios;
  for (std::size_t heat = 0; heat < heats; ++heat) {
    if (heat > 0 && stopped && stopped()) break;
    const Contenders contenders = prepare(heat);
    const Race race = run_race(contenders, options, stopped);
    seconds.push_back(race.timing(0).median);
    ratios.push_back(race.ratio(contenders.size() - 1, 0).median);
  }
  return {summarize(seconds), summarize(ratios)};
}

}  // namespace strata::tune
