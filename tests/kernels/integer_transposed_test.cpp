// Transposed convolutions of bytes beside plain loops, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
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
  IntegerConvTransposeProblem problem;
  std::vector<std::int32_t> x, w, w_zero, bias;
  std::vector<float> w_scale;
  float x_scale = 0.0625f, y_scale = 1;
};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::int64_t operator()(std::int64_t low, std::int64_t high) {
    return low + std::int64_t(random_() % std::uint64_t(high - low + 1));
  }
  /// Extremes are frequent: they are what saturating instructions get wrong.
  std::vector<std::int32_t> codes(std::int64_t count, bool is_signed) {
    std::vector<std::int32_t> codes;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t kind = (*this)(0, 7);
      const std::int64_t byte = kind == 0 ? 255 : kind == 1 ? 0 : (*this)(0, 255);
      codes.push_back(std::int32_t(is_signed ? byte - 128 : byte));
    }
    return codes;
  }

 private:
  std::mt19937_64 random_;
};

TransposedAxis random_axis(Draw& draw) {
  TransposedAxis axis;
  axis.in = draw(0, 3) == 0 ? 1 : draw(2, 17);
  axis.kernel = draw(1, 5);
  axis.stride = draw(1, 4);
  axis.dilation = draw(0, 2) == 0 ? draw(2, 4) : 1;
  axis.pad = draw(0, 3);
  const std::int64_t full = (axis.in - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  axis.out = std::max<std::int64_t>(1, full - axis.pad - draw(0, 3) + draw(0, axis.stride - 1));
  return axis;
}

/// Types, zero points, scales and bias for a geometry.
Case random_case(IntegerConvTransposeProblem p, Draw& draw) {
  Case c;
  p.x_signed = draw(0, 1) == 1;
  p.w_signed = draw(0, 1) == 1;
  p.x_zero = draw.codes(1, p.x_signed)[0];
  p.output = p.x_signed ? Output::i8 : Output::u8;
  p.y_zero = draw.codes(1, p.x_signed)[0];
  p.w_zeros = draw(0, 1) == 1;
  p.w_zero_per_channel = p.w_zeros && draw(0, 1) == 1;
  c.w_zero = p.w_zeros ? draw.codes(p.w_zero_per_channel ? p.out_channels : 1, p.w_signed)
                       : std::vector<std::int32_t>{p.w_signed ? 0 : 128};
  constexpr Arithmetic modes[] = {Arithmetic::onnx, Arithmetic::tflite_reference,
                                  Arithmetic::tflite_optimized, Arithmetic::tflite_xnnpack};
  p.arithmetic = modes[draw(0, 3)];
  p.sum = SumOf::transposed;
  const std::int64_t taps = p.channels / p.groups * p.h.kernel * p.w.kernel;
  c.w = draw.codes(p.out_channels * taps, p.w_signed);
  c.x = draw.codes(p.batch * p.channels * p.h.in * p.w.in, p.x_signed);
  p.w_scale_per_channel = draw(0, 1) == 1;
  for (std::int64_t i = 0; i < (p.w_scale_per_channel ? p.out_channels : 1); ++i) {
    c.w_scale.push_back(0.01f * float(draw(1, 30)));
  }
  c.y_scale = float(std::sqrt(double(taps)) * 128 * 128 * 0.0625 * 0.1 / 60);
  for (std::int64_t i = 0; draw(0, 3) > 0 && i < p.out_channels; ++i) {
    c.bias.push_back(std::int32_t(draw(-20000, 20000)));
  }
  if (std::int64_t(c.bias.size()) != p.out_channels) c.bias.clear();
  c.problem = p;
  return c;
}

std::vector<std::byte> expected(const Case& c) {
  const IntegerConvTransposeProblem& p = c.problem;
  const std::int64_t plane = p.h.out * p.w.out;
  const std::int64_t channels = p.channels / p.groups, filters = p.out_channels / p.groups;
  std::vector<std::uint32_t> sums(std::size_t(p.batch * p.out_channels * plane));
  for (std::int64_t at = 0; at < std::int64_t(c.x.size()); ++at) {
    const std::int64_t column = at % p.w.in, row = at / p.w.in % p.h.in;
    const std::int64_t k = at / p.w.in / p.h.in % p.channels;
    const std::int64_t image = at / p.w.in / p.h.in / p.channels;
    for (std::int64_t f = 0; f < filters; ++f) {
      const std::int64_t o = k / channels * filters + f;
      const std::int32_t zero = c.w_zero[p.w_zero_per_channel ? std::size_t(o) : 0];
      for (std::int64_t i = 0; i < p.h.kernel; ++i) {
        const std::int64_t y = row * p.h.stride - p.h.pad + i * p.h.dilation;
        for (std::int64_t j = 0; j < p.w.kernel && y >= 0 && y < p.h.out; ++j) {
          const std::int64_t z = column * p.w.stride - p.w.pad + j * p.w.dilation;
          if (z < 0 || z >= p.w.out) continue;
          const std::int64_t weight = ((k * filters + f) * p.h.kernel + i) * p.w.kernel + j;
          sums[std::size_t((image * p.out_channels + o) * plane + y * p.w.out + z)] +=
              std::uint32_t((c.x[std::size_t(at)] - p.x_zero) * (c.w[std::size_t(weight)] - zero));
        }
      }
    }
  }
  std::vector<std::byte> y;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::int64_t o = std::int64_t(i) / plane % p.out_channels;
    const Rescale rescale =
        rescale_of({.arithmetic = p.arithmetic,
                    .sum = p.sum,
                    .type = p.output == Output::i8 ? DType::i8 : DType::u8,
                    .wide = false,
                    .x_scale = c.x_scale,
                    .w_scale = c.w_scale[p.w_scale_per_channel ? std::size_t(o) : 0],
                    .y = {c.y_scale, p.y_zero},
                    .in_block_of_8 = o < p.out_channels / 8 * 8});
    const std::uint32_t bias = c.bias.empty() ? 0 : std::uint32_t(c.bias[std::size_t(o)]);
    y.push_back(std::byte(rescale(std::int32_t(sums[i] + bias))));
  }
  return y;
}

int check(const Case& c, std::uint64_t seed) {
  IntegerConvTransposeProblem p = c.problem;
  const Plain x{{p.batch, p.channels, p.h.in, p.w.in}, bytes_of(c.x)};
  const auto w = bytes_of(c.w), w_zero = bytes_of(c.w_zero);
  const std::vector<const void*> constants{
      w.data(),   w_zero.data(), c.w_scale.data(), c.bias.empty() ? nullptr : c.bias.data(),
      &c.x_scale, &c.y_scale};
  const auto reference = expected(c);
  const std::string what = fmt::format(
      "channels {} to {} groups {} rows {} by {} stride {} dilation {} pad {}, columns {} by {} "
      "stride {} dilation {} pad {} arithmetic {} seed {}",
      p.channels, p.out_channels, p.groups, p.h.in, p.h.kernel, p.h.stride, p.h.dilation, p.h.pad,
      p.w.in, p.w.kernel, p.w.stride, p.w.dilation, p.w.pad, to_string(p.arithmetic), seed);
  return for_each_option(integer_conv_transpose_rows(), p, what, [&](const Row& row) {
    const Plain got =
        run_row(row, p, {&x, 1}, {p.batch, p.out_channels, p.h.out, p.w.out}, constants, 1);
    ASSERT_EQ(got.bytes.size(), reference.size());
    for (std::size_t i = 0; i < reference.size(); ++i) {
      ASSERT_EQ(int(got.bytes[i]), int(reference[i])) << "byte " << i;
    }
  });
}

TEST(IntegerConvTranspose, RandomShapesAgreeWithPlainLoops) {
  constexpr std::uint64_t base = 600, count = 60;
  for (std::uint64_t seed = base; seed < base + count; ++seed) {
    Draw draw(seed);
    IntegerConvTransposeProblem p;
    p.groups = draw(0, 2) == 0 ? draw(2, 4) : 1;
    p.batch = draw(1, 2);
    p.channels = p.groups * draw(1, 12);
    p.out_channels = p.groups * draw(1, p.groups == 1 ? 50 : 10);
    p.h = random_axis(draw);
    p.w = random_axis(draw);
    if (seed % 5 == 0) p.h.in = p.w.in = 1;
    if (seed % 5 == 0) p.h.out = (p.h.kernel - 1) * p.h.dilation + 1;
    EXPECT_GT(check(random_case(p, draw), seed), 0) << "no row takes seed " << seed;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace strata::kernels
