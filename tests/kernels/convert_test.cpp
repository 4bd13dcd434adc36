#include "strata/kernels/convert/convert.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "tests/kernels/harness.hpp"

namespace strata::kernels {
namespace {

void check(const Dims& dims, const Layout& from, const Layout& into, std::size_t element,
           int least_rows) {
  ReorderProblem p;
  p.element_size = element;
  p.rank = int(dims.size());
  std::copy(dims.begin(), dims.end(), p.dims.begin());
  p.layouts = {{from}, {into}};
  Plain x = random_floats({count(dims) * 2}, 7);
  x.dims = dims;
  x.bytes.resize(std::size_t(count(dims)) * element);
  const int rows = for_each_option(
      convert_rows(), p, "from " + to_string(from),
      [&](const Row& row) { EXPECT_EQ(run_row(row, p, {{x}}, dims, {}, element).bytes, x.bytes); });
  EXPECT_GE(rows, least_rows);
}

TEST(Reorder, BetweenAllLayoutsOfImages) {
  const Layout layouts[] = {plain_layout, channels_last_layout, channel_blocked_layout(16),
                            channel_blocked_layout(8)};
  for (const Dims& dims : {Dims{1, 3, 9, 11},
                           {2, 16, 5, 5},
                           {1, 40, 33, 35},
                           {3, 17, 1, 1},
                           {1, 1, 7, 2},
                           {2, 8, 4, 1},
                           {1, 100, 2, 3}}) {
    for (const Layout& from : layouts) {
      for (const Layout& into : layouts) check(dims, from, into, 4, 2);
    }
  }
}

TEST(Reorder, AnyLayoutRankAndElement) {
  const Layout swapped{{1, 0, 2}, 3, -1, 1};
  const Layout odd_blocks{{2, 1, 0}, 3, 0, 3};
  for (const std::size_t element : {1, 2, 4, 8}) {
    check({5, 7, 4}, swapped, odd_blocks, element, 1);
    check({5, 7, 4}, odd_blocks, plain_layout, element, 1);
    check({2, 9, 3, 4}, channels_last_layout, channel_blocked_layout(16), element, 2);
    check({2, 9, 3, 4}, channel_blocked_layout(4), channel_blocked_layout(6), element, 1);
  }
}

template <class From, class To>
void check_cast(CastProblem::Type from, CastProblem::Type to) {
  const Dims dims{3, 41};
  std::mt19937_64 random(std::uint64_t(from) * 8 + std::uint64_t(to));
  Plain x{dims, std::vector<std::byte>(std::size_t(count(dims)) * sizeof(From))};
  std::vector<std::byte> expected(std::size_t(count(dims)) * sizeof(To));
  for (std::int64_t i = 0; i < count(dims); ++i) {
    const auto value = From(std::int64_t(random()));
    const auto converted = To(value);
    std::memcpy(x.bytes.data() + std::size_t(i) * sizeof(From), &value, sizeof value);
    std::memcpy(expected.data() + std::size_t(i) * sizeof(To), &converted, sizeof converted);
  }
  CastProblem p;
  p.from = from;
  p.to = to;
  p.elements = count(dims);
  const std::string what = "from " + std::to_string(int(from)) + " to " + std::to_string(int(to));
  const int rows = for_each_option(convert_rows(), p, what, [&](const Row& row) {
    EXPECT_EQ(run_row(row, p, {{x}}, dims, {}, sizeof(From), sizeof(To)).bytes, expected);
  });
  EXPECT_GT(rows, 0) << what;
}

template <class From>
void check_casts(CastProblem::Type from) {
  using Type = CastProblem::Type;
  check_cast<From, std::uint8_t>(from, Type::u8);
  check_cast<From, std::int8_t>(from, Type::i8);
  check_cast<From, std::int32_t>(from, Type::i32);
  check_cast<From, std::int64_t>(from, Type::i64);
  check_cast<From, float>(from, Type::f32);
}

TEST(Cast, IntegersBecomeWhatTheStandardConversionGives) {
  check_casts<std::uint8_t>(CastProblem::Type::u8);
  check_casts<std::int8_t>(CastProblem::Type::i8);
  check_casts<std::int32_t>(CastProblem::Type::i32);
  check_casts<std::int64_t>(CastProblem::Type::i64);
}

}  // namespace
}  // namespace strata::kernels
