// Places of extrema beside plain loops.
#include "strata/kernels/arg/arg.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "tests/kernels/harness.hpp"

namespace strata::kernels {
namespace {

using Type = ArgProblem::Type;

std::size_t size_of(Type type) { return type == Type::f32 ? 4 : 1; }

/// Few different numbers, so that many are equal; among f32 what is no number.
Plain random_elements(Type type, const Dims& dims, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::uint64_t kinds = 2 + random() % 300;
  Plain x{dims, std::vector<std::byte>(std::size_t(count(dims)) * size_of(type))};
  for (std::int64_t i = 0; i < count(dims); ++i) {
    const auto kind = random() % kinds;
    if (type == Type::f32) {
      const float v = kind == 0 ? std::numeric_limits<float>::quiet_NaN() : float(kind) - 100.5f;
      std::memcpy(x.bytes.data() + i * 4, &v, 4);
    } else {
      x.bytes[std::size_t(i)] = std::byte(kind * 37);
    }
  }
  return x;
}

double element(const Plain& x, Type type, std::int64_t i) {
  const std::byte byte = x.bytes[std::size_t(i)];
  if (type == Type::f32) return double(floats(x)[std::size_t(i)]);
  return type == Type::i8 ? double(std::int8_t(byte)) : double(byte);
}

void check(ArgProblem p, const Dims& dims, std::uint64_t seed) {
  const Plain x = random_elements(p.type, dims, seed);
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < p.outer * p.inner; ++i) {
    const auto at = [&](std::int64_t k) {
      return element(x, p.type, (i / p.inner * p.extent + k) * p.inner + i % p.inner);
    };
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < p.extent; ++k) {
      const bool better = p.largest ? at(k) > at(best) : at(k) < at(best);
      if (better || (p.last && at(k) == at(best))) best = k;
    }
    expected.push_back(best);
  }
  const std::string what =
      fmt::format("seed {}: type {} outer {} extent {} inner {} largest {} last {}", seed,
                  int(p.type), p.outer, p.extent, p.inner, p.largest, p.last);
  const int rows = for_each_option(arg_rows(), p, what, [&](const Row& row) {
    const Plain got =
        run_row(row, p, {{x}}, {p.outer, 1, p.inner}, {}, size_of(p.type), sizeof(std::int64_t));
    std::vector<std::int64_t> places(expected.size());
    std::memcpy(places.data(), got.bytes.data(), got.bytes.size());
    EXPECT_EQ(places, expected);
  });
  EXPECT_GT(rows, 0);
}

TEST(Arg, AgreesWithPlainLoops) {
  std::uint64_t seed = 1;
  for (const std::int64_t extent : {1, 2, 15, 16, 17, 21, 32, 50, 300}) {
    for (const std::int64_t inner : {1, 7, 64, 600}) {
      for (const Type type : {Type::u8, Type::i8, Type::f32}) {
        for (int form = 0; form < 4; ++form) {
          ArgProblem p;
          p.type = type;
          p.largest = form % 2 == 0;
          p.last = form >= 2;
          p.outer = inner == 1 ? 700 : 2;
          p.extent = extent;
          p.inner = inner;
          check(p, {p.outer, extent, inner}, seed++);
        }
      }
    }
  }
}

TEST(Arg, ChannelsOfImages) {
  std::uint64_t seed = 5000;
  for (const std::int64_t channels : {3, 16, 21, 40}) {
    for (const Type type : {Type::u8, Type::i8, Type::f32}) {
      ArgProblem p;
      p.type = type;
      p.channels = true;
      p.outer = 2;
      p.extent = channels;
      p.inner = 5 * 9;
      check(p, {2, channels, 5, 9}, seed++);
    }
  }
}

}  // namespace
}  // namespace strata::kernels
