#pragma once

#include "strata/kernels/speed.hpp"
#include "strata/kernels/vec.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Enough chains to hide the latency of a multiply-add on two ports, and few enough for 16
/// registers.
constexpr int chains = 12;

float speed_multiply_adds(std::int64_t rounds, float factor) noexcept {
  const Vec a = broadcast(factor), b = broadcast(1.0f);
  Vec sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = broadcast(float(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < chains; ++i) sums[i] = fma(sums[i], a, b);
  }
  for (int i = 1; i < chains; ++i) sums[0] = sums[0] + sums[i];
  return sum(sums[0]);
}

float speed_read(const float* data, std::int64_t count) noexcept {
  constexpr int streams = 8;
  Vec sums[streams];
  for (int i = 0; i < streams; ++i) sums[i] = zero();
  for (std::int64_t at = 0; at < count; at += streams * Vec::size) {
    for (int i = 0; i < streams; ++i) sums[i] = sums[i] + load(data + at + i * Vec::size);
  }
  for (int i = 1; i < streams; ++i) sums[0] = sums[0] + sums[i];
  return sum(sums[0]);
}

}  // namespace

constinit const SpeedLoops speed_loops{speed_multiply_adds, 2 * chains* Vec::size, speed_read};

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
