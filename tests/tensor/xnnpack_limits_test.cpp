#include "strata/tensor/xnnpack_limits.hpp"

#include <gtest/gtest.h>

namespace strata::xnnpack {
namespace {

TEST(XnnpackLimits, AreThoseOfTheDelegate) {
  EXPECT_TRUE(takes_sum(0x1p-10f, 1, 1));
  EXPECT_FALSE(takes_sum(0x1p-11f, 1, 1));
  EXPECT_FALSE(takes_sum(1, 0x1p8f, 1));
  EXPECT_TRUE(takes_product(0x1p-16f, 1, 1));
  EXPECT_FALSE(takes_product(0x1p-17f, 1, 1));
  EXPECT_FALSE(takes_product(16, 16, 1));
  EXPECT_TRUE(takes_regrid(0x1p-8f, 1));
  EXPECT_TRUE(takes_regrid(0x1p7f, 1));
  EXPECT_FALSE(takes_regrid(0x1p8f, 1));
  EXPECT_TRUE(takes_leaky_relu(1, 1, -100));
  EXPECT_FALSE(takes_leaky_relu(1, 1, -200));
  EXPECT_FALSE(takes_leaky_relu(1, 1, 0.003f));
  EXPECT_FALSE(takes_leaky_relu(0x1p-8f, 1, 0.5f));
}

}  // namespace
}  // namespace strata::xnnpack
