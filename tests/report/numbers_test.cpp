#include "strata/report/numbers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace strata::report {
namespace {

TEST(numbers, counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(105658), "105,658");
  EXPECT_EQ(format_count(-1234567), "-1,234,567");
  EXPECT_EQ(format_count(-123), "-123");
  EXPECT_EQ(format_count(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(numbers, seconds) {
  EXPECT_EQ(format_seconds(0), "0 s");
  EXPECT_EQ(format_seconds(850e-9), "850 ns");
  EXPECT_EQ(format_seconds(38.24e-6), "38.2 µs");
  EXPECT_EQ(format_seconds(0.0012), "1.20 ms");
  EXPECT_EQ(format_seconds(0.99996), "1.00 s") << "rounding carries into the next unit";
  EXPECT_EQ(format_seconds(59.94), "59.9 s");
  EXPECT_EQ(format_seconds(65), "1:05");
  EXPECT_EQ(format_seconds(3725), "1:02:05");
  EXPECT_EQ(format_seconds(std::nan("")), "–");
}

TEST(numbers, bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1,023 B");
  EXPECT_EQ(format_bytes(9999), "9.76 KiB");
  EXPECT_EQ(format_bytes(105658), "103 KiB");
  EXPECT_EQ(format_bytes(4.72 * 0x1p20), "4.72 MiB");
}

TEST(numbers, others) {
  EXPECT_EQ(format_si(980), "980");
  EXPECT_EQ(format_si(999.7), "1.00 k");
  EXPECT_EQ(format_si(2656768), "2.66 M");
  EXPECT_EQ(format_percent(0.9094), "90.94 %");
  EXPECT_EQ(format_points(-0.0015), "−0.15");
  EXPECT_EQ(format_points(0.003), "+0.30");
  EXPECT_EQ(format_points(-0.00001), "0.00");
  EXPECT_EQ(format_ratio(0.3567), "0.357");
  EXPECT_EQ(format_ratio(12.35), "12.3");
  EXPECT_EQ(format_ratio(0.03567), "0.0357");
}

TEST(numbers, times_in_one_unit) {
  const TimeUnit unit = time_unit(0.0123);
  EXPECT_STREQ(unit.name, "ms");
  EXPECT_EQ(unit.text(0.0123), "12.3");
  EXPECT_EQ(unit.text(1.234), "1234");
  EXPECT_EQ(unit.text(0.000518), "0.518");
  EXPECT_EQ(unit.text(1.7e-6), "0.00170");
  EXPECT_EQ(unit.text(99.97e-6), "0.100") << "rounding carries";
  EXPECT_EQ(unit.text(0), "0");
  EXPECT_EQ(unit.text(std::nullopt), "–");
}

}  // namespace
}  // namespace strata::report
