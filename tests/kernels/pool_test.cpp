#include "strata/kernels/pool/pool.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t batch, channels, height, width, kernel_h, kernel_w;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pads[4] = {0, 0, 0, 0};  // top, left, bottom, right
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t ceil = 0;  ///< more outputs than fit without it
};

const Shape shapes[] = {
    {1, 16, 8, 8, 2, 2, 2, 2},
    {2, 33, 13, 17, 3, 3, 2, 2, {1, 1, 1, 1}},
    {1, 100, 7, 40, 3, 3, 1, 1, {1, 1, 1, 1}},
    {1, 5, 6, 35, 1, 5, 1, 1, {0, 2, 0, 2}},
    {1, 64, 25, 5, 25, 5},
    {2, 70, 7, 7, 7, 7},
    {1, 3, 40, 50, 40, 50},
    {1, 9, 12, 11, 3, 2, 2, 3, {2, 1, 0, 0}, 2, 3},
    {1, 17, 6, 7, 3, 3, 2, 2, {0, 0, 1, 1}, 1, 1, 1},
    {1, 4, 5, 5, 2, 2, 3, 3, {0, 0, 0, 0}, 1, 1, 1},
    {1, 2, 4, 4, 9, 9, 1, 1, {5, 5, 5, 5}},
    {1, 6, 3, 3, 1, 1, 2, 2},
    {3, 8, 1, 9, 1, 9, 1, 1, {0, 0, 0, 0}},
    {1, 8, 4, 4, 1, 1, 4, 4, {1, 1, 2, 2}},  // windows of padding alone
};

PoolProblem problem_of(const Shape& s) {
  PoolProblem p;
  p.batch = s.batch;
  p.channels = s.channels;
  p.height = s.height;
  p.width = s.width;
  p.kernel_h = s.kernel_h;
  p.kernel_w = s.kernel_w;
  p.stride_h = s.stride_h;
  p.stride_w = s.stride_w;
  p.dilation_h = s.dilation_h;
  p.dilation_w = s.dilation_w;
  p.pad_top = s.pads[0];
  p.pad_left = s.pads[1];
  p.pad_bottom = s.pads[2];
  p.pad_right = s.pads[3];
  p.out_height =
      (s.height + s.pads[0] + s.pads[2] - (s.kernel_h - 1) * s.dilation_h - 1) / s.stride_h + 1 +
      s.ceil;
  p.out_width =
      (s.width + s.pads[1] + s.pads[3] - (s.kernel_w - 1) * s.dilation_w - 1) / s.stride_w + 1 +
      s.ceil;
  return p;
}

/// The window of one output in double precision.
struct Window {
  double sum = 0, largest = -std::numeric_limits<double>::infinity();
  std::int64_t count = 0, padded_count = 0;
};

Window window_at(const PoolProblem& p, std::span<const float> plane, std::int64_t oy,
                 std::int64_t ox) {
  Window window;
  for (std::int64_t i = 0; i < p.kernel_h; ++i) {
    for (std::int64_t j = 0; j < p.kernel_w; ++j) {
      const std::int64_t y = oy * p.stride_h - p.pad_top + i * p.dilation_h;
      const std::int64_t x = ox * p.stride_w - p.pad_left + j * p.dilation_w;
      window.padded_count += y < p.height + p.pad_bottom && x < p.width + p.pad_right;
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
      const double value = double(plane[std::size_t(y * p.width + x)]);
      window.sum += value;
      window.largest = std::max(window.largest, value);
      ++window.count;
    }
  }
  return window;
}

std::string text_of(const PoolProblem& p) {
  return fmt::format("x {} {} {} {} kernel {} {} out {} {} function {} pads count {}", p.batch,
                     p.channels, p.height, p.width, p.kernel_h, p.kernel_w, p.out_height,
                     p.out_width, int(p.function), p.count_include_pad);
}

void check(PoolProblem p, std::uint64_t seed) {
  const Plain x = random_floats({p.batch, p.channels, p.height, p.width}, seed);
  const Dims out{p.batch, p.channels, p.out_height, p.out_width};
  std::vector<double> expected, tolerances;
  for (std::int64_t plane = 0; plane < p.batch * p.channels; ++plane) {
    const auto values =
        floats(x).subspan(std::size_t(plane * p.height * p.width), std::size_t(p.height * p.width));
    for (std::int64_t oy = 0; oy < p.out_height; ++oy) {
      for (std::int64_t ox = 0; ox < p.out_width; ++ox) {
        const Window w = window_at(p, values, oy, ox);
        const std::int64_t n = p.count_include_pad ? w.padded_count : w.count;
        const bool average = p.function == PoolProblem::Function::average;
        expected.push_back(!average ? w.largest : n == 0 ? 0 : w.sum / double(n));
        tolerances.push_back(average && n > 0 ? dot_tolerance(w.count + 1, 1, 1) / double(n) : 0);
      }
    }
  }
  const int rows = for_each_option(pool_rows(), p, text_of(p), [&](const Row& row) {
    expect_close(run_row(row, p, {{x}}, out), expected,
                 [&](std::size_t i) { return tolerances[i]; });
  });
  EXPECT_GT(rows, 0);
}

TEST(Pool, EveryShapeInEveryLayout) {
  std::uint64_t seed = 1;
  for (const Shape& s : shapes) {
    PoolProblem p = problem_of(s);
    check(p, ++seed);
    p.function = PoolProblem::Function::average;
    check(p, ++seed);
    p.count_include_pad = true;
    check(p, ++seed);
  }
}

TEST(Pool, AveragesEqualNumbersExactly) {
  PoolProblem p = problem_of(shapes[1]);
  p.function = PoolProblem::Function::average;
  const Dims in{p.batch, p.channels, p.height, p.width};
  const std::vector<float> ones(std::size_t(count(in)), 3.0f);
  const Dims out{p.batch, p.channels, p.out_height, p.out_width};
  const std::vector<double> expected(std::size_t(count(out)), 3.0);
  for_each_option(pool_rows(), p, "equal numbers", [&](const Row& row) {
    expect_close(run_row(row, p, {{of_floats(in, ones)}}, out), expected,
                 [](std::size_t) { return 0.0; });
  });
}

}  // namespace
}  // namespace strata::kernels
