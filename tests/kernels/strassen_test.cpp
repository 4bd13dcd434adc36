#include "strata/kernels/strassen/strassen.hpp"

#include <gtest/gtest.h>

#include "tests/kernels/gemm_problem.hpp"

namespace strata::kernels {
namespace {

ConvProblem pointwise(std::int64_t channels, std::int64_t side, std::int64_t out) {
  ConvProblem p;
  p.channels = channels;
  p.out_channels = out;
  p.height = p.width = p.out_height = p.out_width = side;
  return p;
}

TEST(Strassen, LeavesWorkForManyWorkers) {
  for (const auto& [m, n, k] : {std::tuple{197, 192, 192}, {197, 768, 192}, {128, 512, 512}}) {
    EXPECT_GE(strassen_units(plan_strassen(product(m, n, k), avx512_form)), 8) << m << " " << n;
  }
  for (const auto& [channels, side, out] : {std::tuple{256, 35, 256}, {512, 14, 512}}) {
    EXPECT_GE(strassen_units(plan_strassen(pointwise(channels, side, out), avx512_form)), 8)
        << channels << " " << side;
  }
}

TEST(Strassen, ScratchStaysNearTheSecondCache) {
  constexpr std::size_t most = 4 << 20;
  for (const auto& [channels, side] : {std::pair{64, 1001}, {64, 1000}, {4096, 7}}) {
    const StrassenPlan plan = plan_strassen(pointwise(channels, side, 64), avx512_form);
    EXPECT_LE(strassen_worker_scratch_bytes(plan), most) << channels << " " << side;
  }
  const StrassenPlan plan = plan_strassen(product(4097, 64, 4096), avx512_form);
  EXPECT_LE(strassen_worker_scratch_bytes(plan), most);
}

/// Two workers must not write a row: the tiles that have it are in one block.
TEST(Strassen, OneBlockHasBothTilesOfASharedRow) {
  const StrassenPlan plan = plan_strassen(product(1001, 64, 64), avx512_form);
  ASSERT_TRUE(plan.shares_row);
  EXPECT_GE(plan.tiles / plan.blocks, 2);
  EXPECT_FALSE(plan_strassen(product(1000, 64, 64), avx512_form).shares_row);
}

TEST(Strassen, RowsOfOtherSamplesAreNotAdded) {
  GemmProblem p = product(64, 64, 64);
  EXPECT_EQ(strassen_rejects(p, avx512_form), nullptr);
  p.sample_rows = 1;
  EXPECT_STREQ(strassen_rejects(p, avx512_form), "too few rows of one sample");
  p.sample_rows = 32;
  EXPECT_EQ(strassen_rejects(p, avx512_form), nullptr);
  EXPECT_EQ(plan_strassen(p, avx512_form).images, 2);
  p.sample_rows = 48;
  EXPECT_STREQ(strassen_rejects(p, avx512_form), "no whole samples");
  EXPECT_STREQ(strassen_rejects(product(0, 64, 64), avx512_form), "no whole samples");
}

}  // namespace
}  // namespace strata::kernels
