#include "strata/runtime/memory_plan.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "strata/base/random.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

/// Which placed buffers are alive between two steps: a tree over the steps, in which a buffer hangs
/// at the few nodes that together cover its lifetime.
class AliveIndex {
 public:
  explicit AliveIndex(std::span<const Lifetime> lifetimes) {
    std::int32_t steps = 1;
    for (const Lifetime& l : lifetimes) steps = std::max(steps, l.last + 1);
    leaves_ = std::bit_ceil(std::size_t(steps));
    nodes_.resize(2 * leaves_);
  }

  void clear() {
    for (Node& node : nodes_) {
      node.buffers.clear();
      node.is_used = false;
    }
  }

  void add(std::uint32_t buffer, const Lifetime& life) {
    visit_cover(life, [&](std::size_t at) {
      nodes_[at].buffers.push_back(buffer);
      for (; at > 0 && !nodes_[at].is_used; at /= 2) nodes_[at].is_used = true;
    });
  }

  /// Those alive within the lifetime; some more than once.
  void collect(const Lifetime& life, std::vector<std::uint32_t>& found) const {
    collect_below(1, 0, leaves_, life, found);
  }

 private:
  struct Node {
    std::vector<std::uint32_t> buffers;
    bool is_used = false;  // here or below
  };

  template <class F>
  void visit_cover(const Lifetime& life, F&& visit) {
    std::size_t begin = std::size_t(life.first) + leaves_,
                end = std::size_t(life.last) + 1 + leaves_;
    for (; begin < end; begin /= 2, end /= 2) {
      if (begin & 1) visit(begin++);
      if (end & 1) visit(--end);
    }
  }

  void collect_below(std::size_t at, std::size_t begin, std::size_t end, const Lifetime& life,
                     std::vector<std::uint32_t>& found) const {
    const Node& node = nodes_[at];
    if (!node.is_used || begin > std::size_t(life.last) || end <= std::size_t(life.first)) return;
    found.insert(found.end(), node.buffers.begin(), node.buffers.end());
    if (at >= leaves_) return;
    const std::size_t middle = begin + (end - begin) / 2;
    collect_below(2 * at, begin, middle, life, found);
    collect_below(2 * at + 1, middle, end, life, found);
  }

  std::size_t leaves_ = 1;
  std::vector<Node> nodes_;  // the root is 1, the children of i are 2i and 2i + 1
};

/// Places buffers in the given order, each at the lowest gap that it fits into, smallest gap first.
class Placer {
 public:
  explicit Placer(std::span<const Lifetime> lifetimes) : lifetimes_(lifetimes), alive_(lifetimes) {}

  std::size_t place(std::span<const std::uint32_t> order, std::vector<std::size_t>& offsets) {
    alive_.clear();
    std::size_t peak = 0;
    for (std::uint32_t i : order) {
      if (lifetimes_[i].bytes == 0) {
        offsets[i] = 0;
        continue;
      }
      offsets[i] = best_gap(i, offsets);
      peak = std::max(peak, offsets[i] + aligned(lifetimes_[i].bytes));
      alive_.add(i, lifetimes_[i]);
    }
    return peak;
  }

 private:
  std::size_t best_gap(std::uint32_t i, const std::vector<std::size_t>& offsets) {
    neighbours_.clear();
    alive_.collect(lifetimes_[i], neighbours_);
    std::ranges::sort(neighbours_, {}, [&](std::uint32_t j) { return offsets[j]; });
    const std::size_t wanted = aligned(lifetimes_[i].bytes);
    std::size_t end = 0, best = 0, best_size = std::numeric_limits<std::size_t>::max();
    for (std::uint32_t j : neighbours_) {
      if (offsets[j] >= end + wanted && offsets[j] - end < best_size) {
        best = end;
        best_size = offsets[j] - end;
      }
      end = std::max(end, offsets[j] + aligned(lifetimes_[j].bytes));
    }
    return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
  }

  std::span<const Lifetime> lifetimes_;
  AliveIndex alive_;
  std::vector<std::uint32_t> neighbours_;
};

/// Pairs of buffers that are alive at once: what one placement has to look at.
double count_pairs(std::span<const Lifetime> lifetimes) {
  std::int32_t steps = 0;
  for (const Lifetime& l : lifetimes) steps = std::max(steps, l.last + 1);
  std::vector<std::int64_t> starts(std::size_t(steps) + 1), ends(std::size_t(steps) + 1);
  for (const Lifetime& l : lifetimes) {
    if (l.bytes == 0) continue;
    ++starts[std::size_t(l.first)];
    ++ends[std::size_t(l.last) + 1];
  }
  double pairs = 0;
  std::int64_t alive = 0;
  for (std::size_t step = 0; step < starts.size(); ++step) {
    alive += starts[step] - ends[step];
    pairs += double(starts[step]) * double(alive);
  }
  return pairs;
}

/// Free stretches of an arena that grows as needed.
class FreeSpace {
 public:
  /// The smallest stretch that is large enough, else the end.
  std::size_t take(std::size_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit == by_size_.end()) {
      std::size_t begin = end_;
      if (!by_begin_.empty() && by_begin_.rbegin()->second == end_) {
        begin = by_begin_.rbegin()->first;
        erase(begin, end_);
      }
      end_ = begin + bytes;
      return begin;
    }
    const auto [size, begin] = *fit;
    erase(begin, begin + size);
    if (size > bytes) insert(begin + bytes, begin + size);
    return begin;
  }

  void give(std::size_t begin, std::size_t bytes) {
    std::size_t end = begin + bytes;
    if (const auto after = by_begin_.find(end); after != by_begin_.end()) {
      end = after->second;
      erase(after->first, after->second);
    }
    auto before = by_begin_.lower_bound(begin);
    if (before != by_begin_.begin() && (--before)->second == begin) {
      begin = before->first;
      erase(before->first, before->second);
    }
    insert(begin, end);
  }

  std::size_t end() const { return end_; }

 private:
  void insert(std::size_t begin, std::size_t end) {
    by_begin_[begin] = end;
    by_size_.insert({end - begin, begin});
  }
  void erase(std::size_t begin, std::size_t end) {
    by_begin_.erase(begin);
    by_size_.erase({end - begin, begin});
  }

  std::map<std::size_t, std::size_t> by_begin_;
  std::set<std::pair<std::size_t, std::size_t>> by_size_;
  std::size_t end_ = 0;
};

/// Places buffers as they come to life, in the smallest gap then free: n log n, however many are
/// alive at once.
void place_in_time(std::span<const Lifetime> lifetimes, MemoryPlan& plan) {
  std::vector<std::uint32_t> ends(lifetimes.size());
  plan.order.resize(lifetimes.size());
  std::iota(plan.order.begin(), plan.order.end(), 0u);
  std::iota(ends.begin(), ends.end(), 0u);
  std::ranges::stable_sort(plan.order, {}, [&](std::uint32_t i) { return lifetimes[i].first; });
  std::ranges::stable_sort(ends, {}, [&](std::uint32_t i) { return lifetimes[i].last; });
  FreeSpace space;
  auto ended = ends.begin();
  for (const std::uint32_t i : plan.order) {
    for (; lifetimes[*ended].last < lifetimes[i].first; ++ended) {
      const std::size_t bytes = aligned(lifetimes[*ended].bytes);
      if (bytes > 0) space.give(plan.offsets[*ended], bytes);
    }
    const std::size_t bytes = aligned(lifetimes[i].bytes);
    plan.offsets[i] = bytes > 0 ? space.take(bytes) : 0;
  }
  plan.peak = space.end();
}

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
  // What looking at all pairs may cost; beyond that they are placed in time alone.
  constexpr double most_pairs = 1e7, most_pairs_in_all = 4e6;
  const double pairs = count_pairs(lifetimes) + double(lifetimes.size());
  if (pairs > most_pairs) {
    place_in_time(lifetimes, plan);
    return plan;
  }

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
  const int tries = hint.empty() ? int(std::min(400.0, most_pairs_in_all / pairs)) : 0;
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
