#include "strata/base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "strata/base/error.hpp"

namespace strata {
namespace {

// SplitMix64 from seed 0 starts e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f,
// f88bb8a8724c81ec (published test vector); xoshiro256** of that state follows by hand:
// rotl(s1 * 5, 7) * 9.
TEST(Random, MatchesThePublishedSeeding) {
  const std::uint64_t product = 0x6e789e6aa1b965f4u * 5u;
  EXPECT_EQ(Random(0).next(), ((product << 7) | (product >> 57)) * 9u);
}

/// The reference step, written out again on a plain array.
std::uint64_t reference_next(std::array<std::uint64_t, 4>& s) {
  const auto rotl = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const std::uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

TEST(Random, FollowsTheReferenceStream) {
  std::array<std::uint64_t, 4> state = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f,
                                        0xf88bb8a8724c81ec};
  Random random(0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(random.next(), reference_next(state)) << i;
}

TEST(Random, BelowIsUniform) {
  Random random(7);
  constexpr int draws = 60000, sides = 6;
  std::array<int, sides> counts{};
  for (int i = 0; i < draws; ++i) ++counts.at(random.below(sides));
  // Binomial standard deviation; six of them fail once in 10^8 seeds, and the seed is fixed.
  const double expected = double(draws) / sides;
  const double deviation = std::sqrt(expected * (1 - 1.0 / sides));
  for (const int count : counts) EXPECT_NEAR(count, expected, 6 * deviation);
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_LT(random.below(~0ull), ~0ull);
  EXPECT_THROW(random.below(0), Error);
}

TEST(Random, UniformAndNormalHaveTheirMoments) {
  Random random(11);
  constexpr int draws = 100000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    const double z = random.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  // Six standard errors: of the mean of U(0,1), of N(0,1), and of its variance.
  const double root = std::sqrt(double(draws));
  EXPECT_NEAR(sum / draws, 0.5, 6 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(normal_sum / draws, 0, 6 / root);
  EXPECT_NEAR(normal_squares / draws, 1, 6 * std::sqrt(2.0) / root);
}

}  // namespace
}  // namespace strata
