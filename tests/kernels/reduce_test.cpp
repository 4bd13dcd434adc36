#include "strata/kernels/reduce/reduce.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

using Function = ReduceProblem::Function;

void check(ReduceProblem p, std::uint64_t seed) {
  const Plain x = random_floats({p.outer, p.size, p.inner}, seed);
  std::vector<double> expected;
  for (std::int64_t o = 0; o < p.outer; ++o) {
    for (std::int64_t i = 0; i < p.inner; ++i) {
      double sum = 0, largest = -HUGE_VAL;
      for (std::int64_t s = 0; s < p.size; ++s) {
        const double v = double(floats(x)[std::size_t((o * p.size + s) * p.inner + i)]);
        sum += v;
        largest = std::max(largest, v);
      }
      expected.push_back(p.function == Function::max   ? largest
                         : p.function == Function::sum ? sum
                                                       : sum / double(p.size));
    }
  }
  const double divisor = p.function == Function::mean ? double(p.size) : 1;
  const double tolerance =
      p.function == Function::max ? 0 : dot_tolerance(p.size + 1, 1, 1) / divisor;
  const std::string what =
      fmt::format("{} x {} x {} function {}", p.outer, p.size, p.inner, int(p.function));
  const int rows = for_each_option(reduce_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, {{x}}, {p.outer, p.inner}), expected,
                 [&](std::size_t) { return tolerance; });
  });
  EXPECT_GT(rows, 0);
}

TEST(Reduce, EveryShapeAndFunction) {
  const std::int64_t shapes[][3] = {{1, 1, 1},    {1, 2000, 1}, {9, 31, 1},   {700, 10, 1},
                                    {2, 49, 100}, {3, 7, 5},    {1, 500, 65}, {4, 3, 1}};
  std::uint64_t seed = 1;
  for (const auto& [outer, size, inner] : shapes) {
    for (const Function function : {Function::sum, Function::mean, Function::max}) {
      ReduceProblem p;
      p.function = function;
      p.outer = outer;
      p.size = size;
      p.inner = inner;
      check(p, ++seed);
    }
  }
}

}  // namespace
}  // namespace strata::kernels
