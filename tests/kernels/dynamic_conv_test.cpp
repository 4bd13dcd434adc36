// Convolutions of numbers that become codes on the fly, beside plain loops, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/tensor/tflite_dynamic.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/integer_geometry.hpp"

namespace strata::kernels {
namespace {

struct Case {
  DynamicConvProblem problem;
  std::vector<float> x, w_scale, bias;
  std::vector<std::int8_t> w;
};

Case random_case(DynamicConvProblem p, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr Arithmetic modes[] = {Arithmetic::tflite_reference, Arithmetic::tflite_optimized,
                                  Arithmetic::tflite_xnnpack};
  p.arithmetic = modes[random() % 3];
  p.w_scale_per_channel = random() % 2;
  const bool one_tap = p.kernel_h * p.kernel_w * p.groups == 1 && p.stride_h * p.stride_w == 1 &&
                       p.pad_top + p.pad_left + p.pad_bottom + p.pad_right == 0;
  p.grid_per_pixel = p.matrix || (one_tap && p.arithmetic == Arithmetic::tflite_xnnpack);
  Case c;
  c.problem = p;
  std::uniform_real_distribution<float> uniform(-3, 5);
  c.x.resize(std::size_t(p.batch * p.channels * p.height * p.width));
  const bool small = random() % 4 == 0;  // ties between codes
  for (float& x : c.x) x = small ? float(int(random() % 511) - 255) / 2 : uniform(random);
  if (!c.x.empty() && random() % 3 == 0) {
    c.x[random() % c.x.size()] = std::numeric_limits<float>::quiet_NaN();
  }
  if (!c.x.empty() && random() % 6 == 0) {
    c.x[random() % c.x.size()] = std::numeric_limits<float>::infinity();
  }
  if (random() % 5 == 0) c.x.assign(c.x.size(), 0);
  c.w.resize(std::size_t(p.out_channels * (p.channels / p.groups) * p.kernel_h * p.kernel_w));
  for (std::int8_t& w : c.w) w = std::int8_t(random());
  c.w_scale.resize(p.w_scale_per_channel ? std::size_t(p.out_channels) : 1);
  for (float& scale : c.w_scale) scale = 0.01f + 0.001f * float(random() % 100);
  if (random() % 3) {
    for (std::int64_t o = 0; o < p.out_channels; ++o) c.bias.push_back(uniform(random));
  }
  return c;
}

/// Where a channel's pixel is; a matrix has its channels last.
std::size_t place(const DynamicConvProblem& p, std::int64_t n, std::int64_t channel,
                  std::int64_t pixel) {
  const std::int64_t plane = p.height * p.width;
  return std::size_t(p.matrix ? (n * plane + pixel) * p.channels + channel
                              : (n * p.channels + channel) * plane + pixel);
}

/// The grid of a pixel, or of the image that it is in.
DynamicGrid grid_at(const Case& c, std::int64_t n, std::int64_t pixel) {
  const DynamicConvProblem& p = c.problem;
  std::vector<float> numbers;
  for (std::int64_t k = 0; k < p.channels; ++k) {
    for (std::int64_t at = 0; at < p.height * p.width; ++at) {
      if (!p.grid_per_pixel || at == pixel) numbers.push_back(c.x[place(p, n, k, at)]);
    }
  }
  return dynamic_grid(p.arithmetic, !p.matrix, p.w_scale_per_channel, range_of(numbers));
}

std::vector<float> expected(const Case& c) {
  const DynamicConvProblem& p = c.problem;
  const std::int64_t plane = p.out_height * p.out_width, in = p.channels / p.groups;
  std::vector<float> y(std::size_t(p.batch * p.out_channels * plane));
  for (std::int64_t i = 0; i < p.batch * plane; ++i) {
    const std::int64_t n = i / plane, at = i % plane;
    const DynamicGrid grid = grid_at(c, n, at);
    for (std::int64_t o = 0; o < p.out_channels; ++o) {
      std::int32_t sum = 0;
      for (std::int64_t tap = 0; tap < in * p.kernel_h * p.kernel_w; ++tap) {
        const std::int64_t row = at / p.out_width * p.stride_h - p.pad_top +
                                 tap / p.kernel_w % p.kernel_h * p.dilation_h;
        const std::int64_t column =
            at % p.out_width * p.stride_w - p.pad_left + tap % p.kernel_w * p.dilation_w;
        if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
        const std::int64_t channel =
            o / (p.out_channels / p.groups) * in + tap / (p.kernel_h * p.kernel_w);
        const float x = c.x[place(p, n, channel, row * p.width + column)];
        sum += (grid.code(x) - grid.zero_point) *
               c.w[std::size_t(o * in * p.kernel_h * p.kernel_w + tap)];
      }
      const std::int64_t to =
          p.matrix ? i * p.out_channels + o : (n * p.out_channels + o) * plane + at;
      y[std::size_t(to)] = grid.number(sum, c.w_scale[p.w_scale_per_channel ? std::size_t(o) : 0],
                                       c.bias.empty() ? 0 : c.bias[std::size_t(o)]);
    }
  }
  return y;
}

void check(const Case& c, std::uint64_t seed) {
  DynamicConvProblem p = c.problem;
  const Dims in =
      p.matrix ? Dims{p.width, p.channels} : Dims{p.batch, p.channels, p.height, p.width};
  const Dims out = p.matrix ? Dims{p.out_width, p.out_channels}
                            : Dims{p.batch, p.out_channels, p.out_height, p.out_width};
  const std::vector<const void*> constants{c.w.data(),
                                           nullptr,
                                           c.w_scale.data(),
                                           nullptr,
                                           nullptr,
                                           nullptr,
                                           c.bias.empty() ? nullptr : c.bias.data()};
  const std::vector<float> reference = expected(c);
  const std::string what =
      fmt::format("seed {}: x {} {} {} {} w {} {} {} groups {} strides {} {} dilations {} {} {}{}",
                  seed, p.batch, p.channels, p.height, p.width, p.out_channels, p.kernel_h,
                  p.kernel_w, p.groups, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w,
                  to_string(p.arithmetic), p.grid_per_pixel ? ", a grid for each pixel" : "");
  const int rows = for_each_option(dynamic_conv_rows(), p, what, [&](const Row& row) {
    const Plain got = run_row(row, p, {{of_floats(in, c.x)}}, out, constants);
    const auto numbers = floats(got);
    ASSERT_EQ(numbers.size(), reference.size());
    for (std::size_t i = 0; i < reference.size(); ++i) {
      if (std::isnan(reference[i]) && std::isnan(numbers[i])) continue;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(numbers[i]),
                std::bit_cast<std::uint32_t>(reference[i]))
          << "element " << i << ": " << numbers[i] << ", expected " << reference[i];
    }
  });
  EXPECT_GT(rows, 0) << what;
}

constexpr auto geometry = [](auto... numbers) {
  return geometry_of<DynamicConvProblem>(numbers...);
};

TEST(DynamicConv, AgreesWithPlainLoops) {
  const DynamicConvProblem shapes[] = {
      geometry(1, 16, 7, 7, 32, 1),
      geometry(2, 3, 17, 19, 24, 3, 2, 1),
      geometry(1, 64, 5, 5, 64, 1),
      geometry(2, 35, 3, 4, 33, 1),
      geometry(1, 1, 12, 10, 20, 4, 2, 1),
      geometry(1, 8, 12, 13, 33, 1, 2),
      geometry(1, 12, 9, 8, 20, 3, 1, 1, 4),
      geometry(2, 6, 10, 11, 9, 3, 2, 1, 3),
      geometry(1, 16, 8, 7, 16, 3, 1, 1, 16),
      geometry(1, 8, 9, 9, 16, 3, 1, 2, 2, 2),
      geometry(1, 32, 7, 9, 32, 3, 1, 1, 8),
      geometry(1, 48, 6, 5, 48, 2, 2, 0, 6),
      geometry(1, 5, 11, 12, 6, 3, 1, 0, 1, 2),
      geometry(0, 4, 6, 6, 12, 3),
  };
  for (std::uint64_t seed = 0; const DynamicConvProblem& shape : shapes) {
    for (int i = 0; i < 6; ++i, ++seed) check(random_case(shape, seed), seed);
  }
}

TEST(DynamicConv, RowsOfMatrices) {
  for (std::uint64_t seed = 200; seed < 230; ++seed) {
    DynamicConvProblem p;
    p.matrix = true;
    p.width = p.out_width = std::int64_t(seed % 4) * 9 + 1;
    p.channels = 1 + std::int64_t(seed * 7 % 41);
    p.out_channels = 1 + std::int64_t(seed * 13 % 70);
    check(random_case(p, seed), seed);
  }
}

TEST(DynamicConv, RandomShapes) {
  for (std::uint64_t seed = 5000; seed < 5060; ++seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
      return low + std::int64_t(random() % std::uint64_t(high - low + 1));
    };
    const std::int64_t groups = draw(0, 2) == 0 ? draw(2, 5) : 1;
    DynamicConvProblem p = geometry(draw(1, 2), groups * draw(1, 12), draw(1, 9), draw(1, 15),
                                    groups * draw(1, 20), 1, 1, 0, groups);
    p.kernel_h = draw(1, 3);
    p.kernel_w = draw(1, 4);
    p.dilation_h = draw(1, 2);
    p.dilation_w = draw(1, 2);
    p.stride_h = draw(1, 2);
    p.stride_w = draw(1, 3);
    p.pad_top = draw(0, 2);
    p.pad_left = draw(0, 3);
    p.pad_bottom =
        std::max<std::int64_t>(draw(0, 3), (p.kernel_h - 1) * p.dilation_h + 1 - p.height);
    p.pad_right = std::max<std::int64_t>(draw(0, 3), (p.kernel_w - 1) * p.dilation_w + 1 - p.width);
    set_output_size(p);
    check(random_case(p, seed), seed);
  }
}

}  // namespace
}  // namespace strata::kernels
