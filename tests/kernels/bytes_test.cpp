// Element-wise work on codes beside the scalar definitions, bit for bit.
#include "strata/kernels/bytes/bytes.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "strata/tensor/tflite_arithmetic.hpp"
#include "tests/kernels/harness.hpp"

namespace strata::kernels {
namespace {

constexpr QuantizedRange range_of(bool is_signed) {
  return is_signed ? QuantizedRange{-128, 127} : QuantizedRange{0, 255};
}

Plain random_bytes(const Dims& dims, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Plain tensor{dims, std::vector<std::byte>(std::size_t(count(dims)))};
  for (std::byte& byte : tensor.bytes) byte = std::byte(random());
  return tensor;
}

std::int32_t code_of(std::byte byte, bool is_signed) {
  return is_signed ? std::int32_t(std::int8_t(byte)) : std::int32_t(byte);
}

void set_dims(std::array<std::int64_t, 8>& to, const Dims& dims) {
  to.fill(1);
  std::copy(dims.begin(), dims.end(), to.begin());
}

void expect_bytes(const Plain& got, const std::vector<std::byte>& expected) {
  ASSERT_EQ(got.bytes.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(int(got.bytes[i]), int(expected[i])) << "byte " << i;
  }
}

TEST(Bytes, TablesMapEveryCode) {
  ByteTableProblem p;
  for (int i = 0; i < 256; ++i) p.table[std::size_t(i)] = std::uint8_t(i * 7 + 3);
  const Dims dims{2, 5, 6, 7};
  set_dims(p.dims, dims);
  p.rank = 4;
  const Plain x = random_bytes(dims, 1);
  std::vector<std::byte> expected;
  for (const std::byte byte : x.bytes) expected.push_back(std::byte(p.table[std::size_t(byte)]));
  EXPECT_GT(for_each_option(byte_rows(), p, "table",
                            [&](const Row& row) {
                              expect_bytes(run_row(row, p, {{x}}, dims, {}, 1), expected);
                            }),
            0);
}

/// Numbers on the borders between codes, beyond the range, and what is no number.
Plain numbers_to_quantize(const Dims& dims, float scale, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(std::size_t(count(dims)));
  for (float& value : values) {
    const float steps = float(std::int64_t(random() % 1200)) / 2 - 300;
    const int ulps = int(random() % 3) - 1;
    value = std::nextafter(steps * scale, ulps < 0 ? -1e9f : ulps > 0 ? 1e9f : steps * scale);
  }
  for (const float special :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), -0.0f, std::numeric_limits<float>::denorm_min(),
        std::numeric_limits<float>::max()}) {
    values[random() % values.size()] = special;
  }
  return of_floats(dims, values);
}

TEST(Bytes, QuantizesAndDequantizesAsDefined) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    const bool is_signed = seed % 2 == 0, per_channel = seed % 4 >= 2;
    const Dims dims{2, 3, 5, 7};
    const std::size_t scales = per_channel ? 3 : 1;
    constexpr Arithmetic modes[] = {Arithmetic::onnx, Arithmetic::tflite_reference,
                                    Arithmetic::tflite_optimized};
    const Arithmetic mode = modes[seed % 3];
    std::vector<float> scale(scales);
    std::vector<std::byte> zero(scales);
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < scales; ++i) {
      scale[i] = seed % 8 < 4 ? 0.25f : 0.013f * float(i + 1);
      zero[i] = std::byte(random());
    }
    const auto channel = [&](std::size_t i) { return per_channel ? i / 35 % 3 : 0; };
    const auto problem = [&](ProblemKind kind) {
      QuantizeProblem p(kind);
      p.is_signed = is_signed;
      p.per_channel = per_channel;
      p.rule = QuantizeRule(seed % 3);
      p.apart = mode == Arithmetic::tflite_optimized;
      p.outer = 2;
      p.extent = 3;
      p.inner = 35;
      set_dims(p.dims, dims);
      p.rank = 4;
      return p;
    };
    const std::vector<const void*> constants{scale.data(), zero.data()};
    const std::string what = fmt::format("seed {}", seed);

    const Plain x = numbers_to_quantize(dims, scale[0], seed);
    std::vector<std::byte> codes;
    for (std::size_t i = 0; i < x.bytes.size() / 4; ++i) {
      const QuantizedOperand grid{scale[channel(i)], code_of(zero[channel(i)], is_signed)};
      const QuantizedRange range = range_of(is_signed);
      codes.push_back(std::byte(
          mode == Arithmetic::onnx
              ? onnx_arithmetic::quantize(floats(x)[i], grid.scale, grid.zero_point, range)
              : tflite_quantize(mode, floats(x)[i], grid, range)));
    }
    QuantizeProblem to_codes = problem(ProblemKind::quantize);
    EXPECT_GT(for_each_option(byte_rows(), to_codes, what,
                              [&](const Row& row) {
                                expect_bytes(run_row(row, to_codes, {{x}}, dims, constants, 4, 1),
                                             codes);
                              }),
              0);

    const Plain q = random_bytes(dims, seed);
    std::vector<float> numbers;
    for (std::size_t i = 0; i < q.bytes.size(); ++i) {
      const QuantizedOperand grid{scale[channel(i)], code_of(zero[channel(i)], is_signed)};
      numbers.push_back(tflite_dequantize(mode, code_of(q.bytes[i], is_signed), grid));
    }
    QuantizeProblem to_numbers = problem(ProblemKind::dequantize);
    EXPECT_GT(for_each_option(byte_rows(), to_numbers, what,
                              [&](const Row& row) {
                                expect_bytes(run_row(row, to_numbers, {{q}}, dims, constants, 1, 4),
                                             of_floats(dims, numbers).bytes);
                              }),
              0);
  }
}

TEST(Bytes, SumsAndProductsRoundAsDefined) {
  const Dims out{2, 33, 4, 5};
  const Dims operands[] = {{2, 33, 4, 5}, {1, 33, 1, 1}, {1, 1, 1, 1}, {2, 1, 4, 5}};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    ByteBinaryProblem p;
    using Form = ByteBinaryProblem::Form;
    p.form = Form(seed % 5);
    p.is_signed = random() % 2;
    const Dims& b_dims = operands[random() % 4];
    const DType type = p.is_signed ? DType::i8 : DType::u8;
    const QuantizedRange range = range_of(p.is_signed);
    const auto zero = [&] { return code_of(std::byte(random()), p.is_signed); };
    // A third of the grids has powers of two, and so ties.
    const auto scale = [&] { return seed % 3 ? 0.017f * float(random() % 9 + 1) : 0.25f; };
    const QuantizedOperand a{scale(), zero()}, b{scale(), zero()}, y{2 * scale(), zero()};
    const int sign = random() % 2 ? 1 : -1;
    p.ratios = onnx_arithmetic::add_ratios(a, {float(sign) * b.scale, b.zero_point}, y);
    p.scale = onnx_arithmetic::requantize_scale(a.scale, b.scale, y.scale);
    p.a_zero = a.zero_point;
    p.b_zero = b.zero_point;
    p.y_zero = y.zero_point;
    const auto sums =
        p.form == Form::integer_sum ? Arithmetic::tflite_xnnpack : Arithmetic::tflite_reference;
    p.sum = sum_of(sums, a, b, sign, y, type);
    const auto products = seed % 2 ? Arithmetic::tflite_xnnpack : Arithmetic::tflite_reference;
    p.rescale = product_of(products, a, b, y, range);
    p.rank = 4;
    set_dims(p.a_dims, out);
    set_dims(p.b_dims, b_dims);
    set_dims(p.out_dims, out);
    const Plain xa = random_bytes(out, seed + 100), xb = random_bytes(b_dims, seed + 200);
    std::vector<std::byte> expected;
    for (std::int64_t i = 0; i < count(out); ++i) {
      std::int64_t rest = i, at = 0, stride = 1;
      for (std::size_t axis = 4; axis-- > 0;) {
        at += b_dims[axis] == 1 ? 0 : rest % out[axis] * stride;
        stride *= b_dims[axis];
        rest /= out[axis];
      }
      const std::int32_t qa = code_of(xa.bytes[std::size_t(i)], p.is_signed);
      const std::int32_t qb = code_of(xb.bytes[std::size_t(at)], p.is_signed);
      const std::int32_t product = (qa - a.zero_point) * (qb - b.zero_point);
      const auto code = [&] {
        switch (p.form) {
          case Form::float_sum:
            return onnx_arithmetic::add(qa, qb, p.ratios, range);
          case Form::float_product:
            return onnx_arithmetic::multiply(product, p.scale, y.zero_point, range);
          case Form::product:
            return p.rescale(product);
          default:
            return p.sum(qa, qb);
        }
      };
      expected.push_back(std::byte(code()));
    }
    EXPECT_GT(for_each_option(byte_rows(), p, fmt::format("seed {}", seed),
                              [&](const Row& row) {
                                expect_bytes(run_row(row, p, {{xa, xb}}, out, {}, 1), expected);
                              }),
              0);
  }
}

struct PoolCase {
  std::int64_t channels, height, width, kernel, stride, pad, dilation;
};

/// What becomes of a window: its codes in the order of the taps.
std::int32_t pooled(const BytePoolProblem& p, const std::vector<std::int32_t>& codes) {
  if (p.function == PoolProblem::Function::max) {
    std::int32_t most = range_of(p.is_signed).low;
    for (const std::int32_t code : codes) most = std::max(most, code);
    return most;
  }
  std::int64_t sum = 0;
  for (const std::int32_t code : codes) sum += code;
  return p.average(sum, std::int64_t(codes.size()));
}

TEST(Bytes, PoolsOverWindows) {
  const PoolCase cases[] = {{33, 9, 11, 3, 2, 1, 1}, {5, 8, 8, 2, 2, 0, 1}, {64, 7, 7, 7, 1, 0, 1},
                            {3, 12, 10, 3, 1, 2, 2}, {8, 4, 4, 1, 3, 1, 1}, {1, 6, 30, 5, 3, 2, 1}};
  for (std::uint64_t seed = 1; const PoolCase& c : cases) {
    for (const bool is_signed : {false, true}) {
      BytePoolProblem p;
      p.is_signed = is_signed;
      p.batch = 2;
      p.channels = c.channels;
      p.height = c.height;
      p.width = c.width;
      p.kernel_h = p.kernel_w = c.kernel;
      p.stride_h = p.stride_w = c.stride;
      p.dilation_h = p.dilation_w = c.dilation;
      p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = c.pad;
      const std::int64_t reach = (c.kernel - 1) * c.dilation + 1;
      p.out_height = (c.height + 2 * c.pad - reach) / c.stride + 1;
      p.out_width = (c.width + 2 * c.pad - reach) / c.stride + 1;
      const Plain x = random_bytes({2, c.channels, c.height, c.width}, ++seed);
      const std::int32_t zero = is_signed ? -3 : 120;
      p.average = {.x = {0.05f, zero}, .y = {0.07f, zero + 5}, .range = range_of(is_signed)};
      p.average.mean = mean_of(Arithmetic::tflite_reference, p.average.x, c.kernel * c.kernel,
                               p.average.y, p.average.range);
      for (int rule = -1; rule <= 3; ++rule) {
        p.function = rule < 0 ? PoolProblem::Function::max : PoolProblem::Function::average;
        if (rule >= 0) p.average.rule = CodeAverage::Rule(rule);
        std::vector<std::byte> expected;
        for (std::int64_t i = 0; i < 2 * c.channels * p.out_height * p.out_width; ++i) {
          std::vector<std::int32_t> codes;
          for (std::int64_t tap = 0; tap < c.kernel * c.kernel; ++tap) {
            const std::int64_t row =
                i / p.out_width % p.out_height * c.stride - c.pad + tap / c.kernel * c.dilation;
            const std::int64_t column =
                i % p.out_width * c.stride - c.pad + tap % c.kernel * c.dilation;
            if (row < 0 || row >= c.height || column < 0 || column >= c.width) continue;
            const std::int64_t plane = i / p.out_width / p.out_height;
            const std::int64_t at = (plane * c.height + row) * c.width + column;
            codes.push_back(code_of(x.bytes[std::size_t(at)], is_signed));
          }
          expected.push_back(std::byte(pooled(p, codes)));
        }
        const Dims out{2, c.channels, p.out_height, p.out_width};
        EXPECT_GT(for_each_option(byte_rows(), p, fmt::format("seed {} rule {}", seed, rule),
                                  [&](const Row& row) {
                                    expect_bytes(run_row(row, p, {{x}}, out, {}, 1), expected);
                                  }),
                  0);
      }
    }
  }
}

/// Beside tensor's definitions, pixel by pixel.
void check_resize(const Dims& dims, std::int64_t height, std::int64_t width, ResizeCorners corners,
                  ResizeRule rule, bool is_signed, std::uint64_t seed) {
  ByteResizeProblem p;
  p.batch = dims[0];
  p.channels = dims[1];
  p.height = dims[2];
  p.width = dims[3];
  p.is_signed = is_signed;
  p.rule = rule;
  const auto taps = [&](std::int64_t input, std::int64_t output) {
    std::vector<ResizeTap> all;
    for (std::int64_t i = 0; i < output; ++i) {
      all.push_back(resize_tap(rule, {input, output, corners}, i));
    }
    return all;
  };
  p.rows = taps(p.height, height);
  p.columns = taps(p.width, width);
  const Plain x = random_bytes(dims, seed);
  const Dims out{dims[0], dims[1], height, width};
  std::vector<std::byte> expected;
  for (std::int64_t i = 0; i < count(out); ++i) {
    const ResizeTap &row = p.rows[std::size_t(i / width % height)],
                    &column = p.columns[std::size_t(i % width)];
    const auto pixel = [&](std::int32_t r, std::int32_t c) {
      const std::int64_t at = (i / (height * width) * p.height + r) * p.width + c;
      return code_of(x.bytes[std::size_t(at)], is_signed);
    };
    const std::int32_t pixels[4] = {pixel(row.first, column.first), pixel(row.first, column.second),
                                    pixel(row.second, column.first),
                                    pixel(row.second, column.second)};
    expected.push_back(std::byte(resize_mix(rule, pixels, row, column)));
  }
  const std::string what =
      fmt::format("seed {} rule {} corners {} {}x{}", seed, int(rule), int(corners), height, width);
  EXPECT_GT(for_each_option(byte_rows(), p, what,
                            [&](const Row& row) {
                              expect_bytes(run_row(row, p, {{x}}, out, {}, 1), expected);
                            }),
            0);
}

TEST(Bytes, ResizesAsDefined) {
  std::uint64_t seed = 900;
  for (const ResizeCorners corners :
       {ResizeCorners::asymmetric, ResizeCorners::half_pixel, ResizeCorners::align}) {
    for (const Arithmetic arithmetic : {Arithmetic::tflite_reference, Arithmetic::tflite_xnnpack}) {
      for (const bool is_signed : {false, true}) {
        const ResizeRule rule = resize_rule(arithmetic, is_signed);
        check_resize({2, 21, 5, 6}, 17, 13, corners, rule, is_signed, ++seed);
        check_resize({1, 3, 9, 11}, 4, 5, corners, rule, is_signed, ++seed);
        check_resize({1, 1, 4, 3}, 8, 6, corners, rule, is_signed, ++seed);
        check_resize({1, 37, 1, 1}, 3, 2, corners, rule, is_signed, ++seed);
        check_resize({1, 16, 7, 1}, 1, 9, corners, rule, is_signed, ++seed);
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernels
