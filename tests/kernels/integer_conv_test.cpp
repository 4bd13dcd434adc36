// Convolutions of bytes beside plain loops, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/integer_geometry.hpp"

namespace strata::kernels {
namespace {

using Output = IntegerConvProblem::Output;

/// A problem with its constants. Numbers are kept as i32; bytes are made of them for the kernel.
struct Case {
  IntegerConvProblem problem;
  std::vector<std::int32_t> x, w, w_zero, bias;
  std::vector<float> w_scale;
  float x_scale = 0.05f, y_scale = 1;
};

std::vector<std::int32_t> random_codes(std::mt19937_64& random, std::int64_t count,
                                       bool is_signed) {
  std::vector<std::int32_t> codes(static_cast<std::size_t>(count));
  for (auto& code : codes) {
    // Extremes are frequent: they are what saturating instructions get wrong.
    const auto draw = random();
    const std::int32_t byte = draw % 8 == 0   ? 255
                              : draw % 8 == 1 ? 0
                                              : std::int32_t(draw >> 8 & 255);
    code = is_signed ? byte - 128 : byte;
  }
  return codes;
}

/// Fills in what the geometry leaves open: types, zero points, scales, bias.
Case random_case(IntegerConvProblem p, std::uint64_t seed, bool w_zeros) {
  std::mt19937_64 random(seed);
  Case c;
  p.x_signed = random() % 2;
  p.w_signed = random() % 2;
  p.x_zero = random_codes(random, 1, p.x_signed)[0];
  const std::int64_t channels = p.out_channels;
  const std::int64_t weights = channels * (p.channels / p.groups) * p.kernel_h * p.kernel_w;
  const std::int32_t neutral = p.w_signed ? 0 : 128;
  p.w_zeros = w_zeros;
  p.w_zero_per_channel = w_zeros && random() % 2;
  c.w_zero = w_zeros ? random_codes(random, p.w_zero_per_channel ? channels : 1, p.w_signed)
                     : std::vector<std::int32_t>{neutral};
  c.w = random_codes(random, weights, p.w_signed);
  c.x = random_codes(random, p.batch * p.channels * p.height * p.width, p.x_signed);
  p.output = random() % 2 ? Output::i8 : Output::u8;
  p.y_zero = random_codes(random, 1, p.output == Output::i8)[0];
  constexpr Arithmetic modes[] = {Arithmetic::onnx, Arithmetic::tflite_reference,
                                  Arithmetic::tflite_optimized, Arithmetic::tflite_xnnpack};
  p.arithmetic = modes[random() % 4];
  p.sum = p.matrix               ? (p.transposed_weights ? SumOf::matmul : SumOf::fully_connected)
          : p.groups == channels ? SumOf::depthwise
                                 : SumOf::convolution;
  p.w_scale_per_channel = random() % 2;
  std::uniform_real_distribution<float> uniform(0.01f, 0.3f);
  c.w_scale.resize(p.w_scale_per_channel ? std::size_t(channels) : 1);
  for (float& scale : c.w_scale) scale = uniform(random);
  const double spread = std::sqrt(double(weights) / double(channels)) * 128 * 128;
  c.y_scale = float(spread * 0.05 * 0.1 / 60);
  // Scales that are powers of two have ties.
  if (random() % 2) {
    c.x_scale = 0.0625f;
    c.y_scale = std::exp2(std::round(std::log2(c.y_scale)));
    for (float& scale : c.w_scale) scale = std::exp2(std::round(std::log2(scale)));
  }
  if (random() % 4) {
    for (std::int64_t i = 0; i < channels; ++i) {
      c.bias.push_back(std::int32_t(random()) / 65536);
    }
  }
  c.problem = p;
  return c;
}

std::uint32_t sum_at(const Case& c, std::int64_t n, std::int64_t o, std::int64_t oy,
                     std::int64_t ox) {
  const IntegerConvProblem& p = c.problem;
  const std::int64_t in = p.channels / p.groups, group = o / (p.out_channels / p.groups);
  const std::int32_t zero = c.w_zero[p.w_zero_per_channel ? std::size_t(o) : 0];
  std::uint32_t sum = c.bias.empty() ? 0 : std::uint32_t(c.bias[std::size_t(o)]);
  for (std::int64_t k = 0; k < in; ++k) {
    for (std::int64_t i = 0; i < p.kernel_h; ++i) {
      for (std::int64_t j = 0; j < p.kernel_w; ++j) {
        const std::int64_t y = oy * p.stride_h - p.pad_top + i * p.dilation_h;
        const std::int64_t x = ox * p.stride_w - p.pad_left + j * p.dilation_w;
        if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
        const std::int64_t channel = group * in + k;
        // A matrix has its channels last.
        const std::int64_t at = p.matrix
                                    ? (n * p.width + x) * p.channels + channel
                                    : ((n * p.channels + channel) * p.height + y) * p.width + x;
        const std::int64_t tap = (k * p.kernel_h + i) * p.kernel_w + j;
        const std::int64_t matrix = p.weight_matrices > 1 ? n * p.channels * p.out_channels : 0;
        const std::int64_t weight =
            matrix + (p.transposed_weights ? tap * p.out_channels + o
                                           : o * in * p.kernel_h * p.kernel_w + tap);
        sum += std::uint32_t((c.x[std::size_t(at)] - p.x_zero) * (c.w[std::size_t(weight)] - zero));
      }
    }
  }
  return sum;
}

std::vector<std::byte> expected(const Case& c) {
  const IntegerConvProblem& p = c.problem;
  const std::int64_t positions = p.out_height * p.out_width;
  std::vector<std::byte> y(std::size_t(p.batch * p.out_channels * positions) *
                           (p.output == Output::i32 ? 4 : 1));
  for (std::int64_t i = 0; i < p.batch * p.out_channels * positions; ++i) {
    const std::int64_t image = i / (p.out_channels * positions);
    const std::int64_t rest = i % (p.out_channels * positions);
    const std::int64_t o = p.matrix ? rest % p.out_channels : rest / positions;
    const std::int64_t position = p.matrix ? rest / p.out_channels : rest % positions;
    const std::uint32_t sum = sum_at(c, image, o, position / p.out_width, position % p.out_width);
    if (p.output == Output::i32) {
      std::memcpy(y.data() + i * 4, &sum, 4);
      continue;
    }
    const Rescale rescale =
        rescale_of({.arithmetic = p.arithmetic,
                    .sum = p.sum,
                    .type = p.output == Output::i8 ? DType::i8 : DType::u8,
                    .wide = false,
                    .x_scale = c.x_scale,
                    .w_scale = c.w_scale[p.w_scale_per_channel ? std::size_t(o) : 0],
                    .y = {c.y_scale, p.y_zero},
                    .in_block_of_8 = o < p.out_channels / 8 * 8});
    y[std::size_t(i)] = std::byte(rescale(std::int32_t(sum)));
  }
  return y;
}

std::string text_of(const IntegerConvProblem& p) {
  return fmt::format(
      "x {} {} {} {} w {} {} {} groups {} strides {} {} dilations {} {} pads {} {} {} {} signed {} "
      "{} zeros {} {} arithmetic {}",
      p.batch, p.channels, p.height, p.width, p.out_channels, p.kernel_h, p.kernel_w, p.groups,
      p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.pad_top, p.pad_left, p.pad_bottom,
      p.pad_right, p.x_signed, p.w_signed, p.x_zero, p.w_zeros, to_string(p.arithmetic));
}

int check(const Case& c, std::uint64_t seed) {
  IntegerConvProblem p = c.problem;
  const Dims in =
      p.matrix ? Dims{p.batch, p.width, p.channels} : Dims{p.batch, p.channels, p.height, p.width};
  const Dims out = p.matrix ? Dims{p.batch, p.out_width, p.out_channels}
                            : Dims{p.batch, p.out_channels, p.out_height, p.out_width};
  std::vector<Plain> inputs{{in, bytes_of(c.x)}};
  if (!p.constant_weights) {
    inputs.push_back({{p.weight_matrices, p.channels, p.out_channels}, bytes_of(c.w)});
  }
  const auto w = bytes_of(c.w), w_zero = bytes_of(c.w_zero);
  const bool sums = p.output == Output::i32;
  const std::vector<const void*> constants{p.constant_weights ? w.data() : nullptr,
                                           c.w_zero.empty() ? nullptr : w_zero.data(),
                                           sums ? nullptr : c.w_scale.data(),
                                           c.bias.empty() ? nullptr : c.bias.data(),
                                           sums ? nullptr : &c.x_scale,
                                           sums ? nullptr : &c.y_scale};
  const auto reference = expected(c);
  return for_each_option(
      integer_conv_rows(), p, text_of(p) + fmt::format(" seed {}", seed), [&](const Row& row) {
        const Plain got = run_row(row, p, inputs, out, constants, 1, sums ? 4 : 1);
        ASSERT_EQ(got.bytes.size(), reference.size());
        for (std::size_t i = 0; i < reference.size(); ++i) {
          ASSERT_EQ(int(got.bytes[i]), int(reference[i])) << "byte " << i;
        }
      });
}

constexpr auto geometry = [](auto... numbers) {
  return geometry_of<IntegerConvProblem>(numbers...);
};

TEST(IntegerConv, AgreesWithPlainLoops) {
  const IntegerConvProblem shapes[] = {
      geometry(1, 16, 7, 7, 32, 1),
      geometry(2, 3, 17, 19, 24, 3, 2, 1),
      geometry(1, 20, 9, 30, 70, 3, 1, 1),
      geometry(1, 3, 30, 31, 8, 7, 2, 3),
      geometry(1, 8, 12, 13, 33, 1, 2),
      geometry(1, 12, 14, 15, 20, 3, 1, 1, 4),
      geometry(2, 6, 10, 11, 9, 3, 2, 1, 3),
      geometry(1, 8, 15, 14, 16, 3, 1, 2, 2, 2),
      geometry(1, 1, 9, 9, 5, 2),
      geometry(1, 64, 4, 4, 100, 1),
      geometry(1, 5, 11, 12, 6, 3, 1, 0, 1, 2),
      geometry(1, 4, 6, 6, 12, 3, 1, 1, 4),
      geometry(0, 4, 6, 6, 12, 3),
  };
  for (std::uint64_t seed = 0; const IntegerConvProblem& shape : shapes) {
    for (const bool w_zeros : {false, true}) {
      ++seed;
      EXPECT_GT(check(random_case(shape, seed, w_zeros), seed), 0) << "no row takes it";
    }
  }
}

TEST(IntegerConv, DepthwiseAgreesWithPlainLoops) {
  IntegerConvProblem uneven = geometry(1, 35, 13, 12, 35, 3, 1, 1, 35);
  uneven.kernel_h = 4;
  uneven.pad_bottom = 0;
  uneven.stride_h = 2;
  set_output_size(uneven);
  const IntegerConvProblem shapes[] = {
      geometry(1, 32, 14, 14, 32, 3, 1, 1, 32),    geometry(2, 58, 15, 17, 58, 3, 2, 1, 58),
      geometry(1, 8, 9, 21, 8, 3, 1, 1, 8),        geometry(1, 100, 7, 7, 100, 5, 1, 2, 100),
      geometry(1, 24, 11, 10, 24, 5, 2, 2, 24),    geometry(1, 40, 9, 9, 40, 3, 3, 1, 40),
      geometry(1, 17, 12, 12, 17, 3, 1, 2, 17, 2), geometry(1, 3, 6, 6, 3, 2, 1, 0, 3),
      geometry(1, 64, 5, 40, 64, 9, 1, 4, 64),     uneven,
  };
  for (std::uint64_t seed = 100; const IntegerConvProblem& shape : shapes) {
    for (const bool w_zeros : {false, true}) {
      ++seed;
      EXPECT_GT(check(random_case(shape, seed, w_zeros), seed), 1) << "no depthwise row";
    }
  }
}

TEST(IntegerConv, SmallDepthwiseWindowsAgreeForEveryNumberOfChannels) {
  std::uint64_t seed = 300;
  for (const std::int64_t channels : {1, 8, 31, 32, 33, 48, 64, 65, 96, 100, 144, 170}) {
    for (const std::int64_t stride : {1, 2}) {
      for (const std::int64_t width : {2, 3, 4, 11, 16}) {
        IntegerConvProblem p = geometry(1, channels, 5, width, channels, 3, stride, 1, channels);
        p.pad_left = std::int64_t(seed % 3);
        p.dilation_h = 1 + std::int64_t(seed % 2);
        set_output_size(p);
        Case c = random_case(p, ++seed, false);
        c.problem.arithmetic = Arithmetic::onnx;
        if (seed % 5 == 0) c.y_scale = 1e-9f;  // sums leave the range of 32 bits
        EXPECT_GT(check(c, seed), 1) << "no depthwise row";
      }
    }
  }
}

TEST(IntegerConv, SumsBeyondAllCodesSaturate) {
  std::uint64_t seed = 500;
  for (const std::int64_t channels : {3, 16, 20, 32, 75}) {
    for (const bool w_zeros : {false, true}) {
      Case c = random_case(geometry(1, 3, 7, 19, channels, 3, 1, 1), ++seed, w_zeros);
      c.problem.arithmetic = Arithmetic::onnx;
      c.y_scale = 1e-9f;
      EXPECT_GT(check(c, seed), 0);
    }
  }
}

TEST(IntegerConv, RandomShapes) {
  const std::uint64_t base = 4000;
  for (std::uint64_t seed = base; seed < base + 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
      return low + std::int64_t(random() % std::uint64_t(high - low + 1));
    };
    IntegerConvProblem p;
    p.groups = draw(0, 2) == 0 ? draw(2, 5) : 1;
    p.batch = draw(1, 2);
    p.channels = p.groups * draw(1, 12);
    p.out_channels = p.groups * draw(1, p.groups == 1 ? 50 : 12);
    p.height = draw(1, 12);
    p.width = draw(1, 20);
    p.dilation_h = draw(1, 2);
    p.dilation_w = draw(1, 2);
    p.kernel_h = draw(1, 3);
    p.kernel_w = draw(1, 4);
    p.stride_h = draw(1, 3);
    p.stride_w = draw(1, 3);
    p.pad_top = draw(0, 3);
    p.pad_left = draw(0, 3);
    p.pad_bottom =
        std::max<std::int64_t>(draw(0, 3), (p.kernel_h - 1) * p.dilation_h + 1 - p.height);
    p.pad_right = std::max<std::int64_t>(draw(0, 3), (p.kernel_w - 1) * p.dilation_w + 1 - p.width);
    set_output_size(p);
    check(random_case(p, seed, draw(0, 1) == 1), seed);
  }
}

TEST(IntegerConv, GroupsThatShareVectors) {
  for (std::uint64_t seed = 700; seed < 716; ++seed) {
    IntegerConvProblem p;
    const std::int64_t group = seed % 2 == 0 ? 4 : 8;
    p.batch = 1 + std::int64_t(seed % 3 == 0);
    p.channels = p.out_channels = 16 * (1 + std::int64_t(seed % 4));
    p.groups = p.channels / group;
    p.height = 5 + std::int64_t(seed % 3);
    p.width = 3 + std::int64_t(seed % 7) * 4;
    p.kernel_h = p.kernel_w = seed % 5 == 0 ? 1 : 3;
    p.stride_h = p.stride_w = 1 + std::int64_t(seed % 6 == 1);
    p.dilation_w = 1 + std::int64_t(seed % 7 == 3);
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = std::int64_t(seed / 2 % 2) * 2;
    set_output_size(p);
    EXPECT_GT(check(random_case(p, seed, seed % 8 == 7), seed), 0);
  }
}

TEST(IntegerConv, MatricesAndSums) {
  for (std::uint64_t seed = 500; seed < 512; ++seed) {
    IntegerConvProblem p;
    p.matrix = true;
    p.width = p.out_width = 1 + std::int64_t(seed % 5) * 9;
    p.channels = 30 + std::int64_t(seed % 3);
    p.out_channels = 10 + std::int64_t(seed % 4) * 13;
    p.transposed_weights = seed % 2 == 0;
    Case c = random_case(p, seed, seed % 3 == 0);
    if (seed % 4 < 2) c.problem.output = Output::i32;
    EXPECT_GT(check(c, seed), 0);
  }
}

TEST(IntegerConv, WeightsThatAreActivations) {
  for (std::uint64_t seed = 700; seed < 716; ++seed) {
    IntegerConvProblem p;
    p.matrix = p.transposed_weights = true;
    p.batch = seed % 2 ? 3 : 1;
    p.width = p.out_width = 5 + std::int64_t(seed % 7);
    p.channels = 9 + std::int64_t(seed % 5);
    p.out_channels = 12 + std::int64_t(seed % 3) * 17;
    Case c = random_case(p, seed, seed % 3 == 0);
    c.problem.constant_weights = false;
    c.problem.weight_matrices = seed % 4 == 1 ? 3 : 1;
    std::mt19937_64 random(seed);
    c.w = random_codes(random, c.problem.weight_matrices * p.channels * p.out_channels,
                       c.problem.w_signed);
    EXPECT_GT(check(c, seed), 0);
  }
}

TEST(IntegerConv, SumsWrapAsTheReferenceDoes) {
  Case c = random_case(geometry(1, 40, 5, 5, 20, 3, 1, 1), 77, true);
  c.bias.assign(20, 2147483647);
  c.problem.output = Output::i32;
  EXPECT_GT(check(c, 77), 0);
}

}  // namespace
}  // namespace strata::kernels
