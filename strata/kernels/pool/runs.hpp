#pragma once

#include "strata/kernels/pool/pool.hpp"

namespace strata::kernels {

/// How a pooling walks memory. Layouts with channels innermost (blocked, channels last) reduce a
/// few vectors of channels at a time; plain planes first reduce the window's rows, then its
/// columns.
struct PoolPlan {
  bool plain = false;
  std::int64_t images = 0;        ///< batch, times blocks of channels or planes
  std::int64_t channels = 0;      ///< innermost, of one image
  std::int64_t channel_unit = 0;  ///< of a work unit
  std::int64_t channel_units = 1;
};

PoolPlan plan_pool(const PoolProblem& problem);

/// Work units: an output row of channel_unit channels, or of a plane.
std::int64_t pool_units(const PoolPlan& plan, const PoolProblem& problem);

/// Floats of a plane's row that is reduced over the window's height, with room for its padding.
std::int64_t pool_row_floats(const PoolProblem& problem);

namespace avx512 {
const char* run_pool(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace avx2 {
const char* run_pool(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace baseline {
const char* run_pool(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}

}  // namespace strata::kernels
