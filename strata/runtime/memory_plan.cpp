#include "strata/runtime/memory_plan.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "strata/base/random.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

bool overlap(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Places buffers in the given order, each at the lowest gap that it fits into, smallest gap first.
class Placer {
 public:
  explicit Placer(std::span<const Lifetime> lifetimes) : lifetimes_(lifetimes) {}

  std::size_t place(std::span<const std::uint32_t> order, std::vector<std::size_t>& offsets) {
    placed_.clear();
    std::size_t peak = 0;
    for (std::uint32_t i : order) {
      if (lifetimes_[i].bytes == 0) {
        offsets[i] = 0;
        continue;
      }
      offsets[i] = best_gap(i, offsets);
      peak = std::max(peak, offsets[i] + aligned(lifetimes_[i].bytes));
      auto after =
          std::upper_bound(placed_.begin(), placed_.end(), offsets[i],
                           [&](std::size_t at, std::uint32_t j) { return at < offsets[j]; });
      placed_.insert(after, i);
    }
    return peak;
  }

 private:
  std::size_t best_gap(std::uint32_t i, const std::vector<std::size_t>& offsets) const {
    const std::size_t wanted = aligned(lifetimes_[i].bytes);
    std::size_t end = 0, best = 0, best_size = std::numeric_limits<std::size_t>::max();
    for (std::uint32_t j : placed_) {  // by rising offset
      if (!overlap(lifetimes_[i], lifetimes_[j])) continue;
      if (offsets[j] >= end + wanted && offsets[j] - end < best_size) {
        best = end;
        best_size = offsets[j] - end;
      }
      end = std::max(end, offsets[j] + aligned(lifetimes_[j].bytes));
    }
    return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
  }

  std::span<const Lifetime> lifetimes_;
  std::vector<std::uint32_t> placed_;
};

void set_bound(std::span<const Lifetime> lifetimes, MemoryPlan& plan) {
  std::int32_t steps = 0;
  for (const Lifetime& l : lifetimes) steps = std::max(steps, l.last + 1);
  std::vector<std::int64_t> change(std::size_t(steps) + 1);
  for (const Lifetime& l : lifetimes) {
    change[std::size_t(l.first)] += std::int64_t(aligned(l.bytes));
    change[std::size_t(l.last) + 1] -= std::int64_t(aligned(l.bytes));
  }
  std::int64_t alive = 0;
  for (std::int32_t step = 0; step < steps; ++step) {
    alive += change[std::size_t(step)];
    if (std::size_t(alive) > plan.bound) {
      plan.bound = std::size_t(alive);
      plan.bound_step = step;
    }
  }
}

bool good_enough(const MemoryPlan& plan) { return plan.peak <= plan.bound + plan.bound / 20; }

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes, std::span<const std::uint32_t> hint) {
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  plan.peak = std::numeric_limits<std::size_t>::max();
  set_bound(lifetimes, plan);

  Placer placer(lifetimes);
  std::vector<std::size_t> offsets(lifetimes.size());
  auto attempt = [&](const std::vector<std::uint32_t>& order) {
    const std::size_t peak = placer.place(order, offsets);
    if (peak >= plan.peak) return false;
    plan.peak = peak;
    plan.offsets = offsets;
    plan.order = order;
    return true;
  };

  std::vector<std::uint32_t> order(hint.begin(), hint.end());
  if (order.size() == lifetimes.size()) {
    attempt(order);
    if (good_enough(plan)) return plan;
  }
  order.resize(lifetimes.size());
  auto attempt_sorted = [&](auto key) {
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return key(lifetimes[a]) > key(lifetimes[b]);
    });
    attempt(order);
  };
  attempt_sorted([](const Lifetime& l) { return double(l.bytes); });
  attempt_sorted([](const Lifetime& l) { return double(l.bytes) * (l.last - l.first + 1); });
  attempt_sorted([](const Lifetime& l) { return -double(l.first); });
  attempt_sorted([](const Lifetime& l) { return double(l.last - l.first); });

  // Seeded moves of single buffers to the front half; the first bind of a graph can afford them.
  const int tries = hint.empty() ? 400 : 0;
  Random random(1);
  for (int i = 0; i < tries && !good_enough(plan) && lifetimes.size() > 2; ++i) {
    order = plan.order;
    const auto from = std::size_t(random.below(order.size()));
    const auto to = std::size_t(random.below(from + 1));
    std::rotate(order.begin() + std::ptrdiff_t(to), order.begin() + std::ptrdiff_t(from),
                order.begin() + std::ptrdiff_t(from) + 1);
    attempt(order);
  }
  return plan;
}

}  // namespace strata::runtime
