#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strata::runtime {

/// A buffer that must be in memory from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

/// Where each lifetime lies. Offsets are multiples of arena_alignment.
struct MemoryPlan {
  std::vector<std::size_t> offsets;
  std::size_t peak = 0;         ///< bytes the arena needs
  std::size_t bound = 0;        ///< largest sum of bytes alive at one step: no plan can be smaller
  std::int32_t bound_step = 0;  ///< where that is
  std::vector<std::uint32_t> order;  ///< in which the buffers were placed
};

/// Places buffers that live at the same time side by side. First-fit by several orders (size,
/// size x duration, start, duration), then, if the bound is missed by more than 5 % and there is no
/// hint, by seeded moves of the best order. `hint`: the order of an earlier plan of the same graph,
/// tried first and kept if it is good enough, so that rebinding is fast.
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes,
                       std::span<const std::uint32_t> hint = {});

}  // namespace strata::runtime
