#include "strata/kernels/conv/conv.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/kernels/activation_reference.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"
#include "tests/kernels/weights_reference.hpp"

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t batch, channels, height, width, out_channels;
  std::int64_t kernel_h, kernel_w;
  std::int64_t groups = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t pads[4] = {0, 0, 0, 0};  // top, left, bottom, right
};

std::int64_t extent(std::int64_t size, std::int64_t pads, std::int64_t kernel,
                    std::int64_t dilation, std::int64_t stride) {
  return (size + pads - (kernel - 1) * dilation - 1) / stride + 1;
}

ConvProblem problem_of(const Shape& s) {
  ConvProblem p;
  p.batch = s.batch;
  p.channels = s.channels;
  p.height = s.height;
  p.width = s.width;
  p.out_channels = s.out_channels;
  p.groups = s.groups;
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
  p.out_height = extent(p.height, s.pads[0] + s.pads[2], p.kernel_h, p.dilation_h, p.stride_h);
  p.out_width = extent(p.width, s.pads[1] + s.pads[3], p.kernel_w, p.dilation_w, p.stride_w);
  return p;
}

const Shape shapes[] = {
    // Pointwise; odd channels; more than a block of tiles; one position.
    {1, 64, 5, 25, 64, 1, 1},
    {2, 33, 7, 7, 50, 1, 1},
    {1, 5, 20, 31, 7, 1, 1},
    {1, 40, 1, 1, 37, 1, 1},
    {1, 16, 9, 9, 48, 1, 1, 1, 2, 2},
    {1, 19, 40, 40, 17, 1, 1},
    {1, 8, 3, 3, 8, 1, 1, 1, 1, 1, 1, 1, {1, 1, 1, 1}},
    // Pointwise with halves for Strassen: an odd row, too few of them and enough; several blocks of
    // tiles; a last panel of one vector.
    {1, 32, 3, 5, 32, 1, 1},
    {2, 96, 7, 7, 160, 1, 1},
    {1, 128, 30, 28, 64, 1, 1},
    // Windows: all tile widths, two rows at a time, an odd row left.
    {1, 32, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, {1, 1, 1, 1}},
    {2, 17, 7, 7, 35, 3, 3, 1, 1, 1, 1, 1, {1, 1, 1, 1}},
    {1, 20, 9, 30, 16, 3, 3, 1, 2, 2, 1, 1, {0, 0, 1, 1}},
    {1, 12, 6, 13, 24, 5, 5, 1, 1, 1, 1, 1, {2, 2, 2, 2}},
    {1, 3, 23, 19, 20, 7, 7, 1, 2, 2, 1, 1, {3, 3, 3, 3}},
    {1, 1, 49, 10, 64, 10, 4, 1, 2, 2, 1, 1, {4, 1, 5, 1}},
    {1, 3, 8, 40, 9, 3, 3, 1, 1, 3, 1, 1, {1, 0, 0, 2}},
    {2, 18, 11, 12, 33, 3, 2, 1, 1, 2, 2, 3, {2, 1, 1, 3}},
    {1, 2, 9, 17, 8, 3, 3, 1, 1, 1, 2, 2, {2, 2, 2, 2}},
    {1, 6, 1, 33, 10, 1, 5, 1, 1, 2, 1, 1, {0, 2, 0, 2}},
    {1, 6, 33, 1, 10, 5, 1, 1, 2, 1, 1, 1, {2, 0, 2, 0}},
    {1, 4, 2, 2, 4, 3, 3, 1, 1, 1, 1, 1, {3, 3, 3, 3}},
    {1, 4, 10, 10, 4, 3, 3, 1, 3, 3},
    // Groups: in whole blocks, in parts of blocks, with a multiplier.
    {1, 32, 6, 9, 64, 3, 3, 2, 1, 1, 1, 1, {1, 1, 1, 1}},
    {2, 12, 5, 5, 18, 3, 3, 3, 1, 1, 1, 1, {1, 1, 1, 1}},
    {1, 8, 7, 6, 24, 3, 3, 8, 1, 1, 1, 1, {1, 1, 1, 1}},
    {1, 48, 5, 5, 144, 1, 1, 3},
    // Groups that share a vector; a last vector that is not full.
    {1, 32, 14, 13, 32, 3, 3, 8, 1, 1, 1, 1, {1, 1, 1, 1}},
    {2, 24, 9, 17, 24, 3, 3, 3, 1, 1, 1, 1, {1, 1, 1, 1}},
    {1, 22, 9, 20, 22, 3, 3, 11, 2, 2, 1, 1, {1, 1, 1, 1}},
    {1, 64, 7, 9, 64, 5, 2, 4, 1, 1, 2, 1, {2, 1, 2, 0}},
    // Depthwise.
    {1, 64, 25, 5, 64, 3, 3, 64, 1, 1, 1, 1, {1, 1, 1, 1}},
    {2, 35, 17, 16, 35, 3, 3, 35, 2, 2, 1, 1, {1, 1, 1, 1}},
    {1, 20, 14, 14, 20, 5, 5, 20, 1, 1, 1, 1, {2, 2, 2, 2}},
    {1, 16, 15, 23, 16, 5, 5, 16, 2, 2, 1, 1, {1, 2, 2, 1}},
    {1, 9, 12, 11, 9, 3, 3, 9, 1, 1, 2, 2, {2, 2, 2, 2}},
    {1, 10, 9, 9, 10, 4, 2, 10, 3, 1, 1, 2, {1, 0, 2, 1}},
    {1, 24, 3, 2, 24, 3, 3, 24, 1, 1, 1, 1, {1, 1, 1, 1}},
    {1, 24, 1, 1, 24, 3, 3, 24, 1, 1, 1, 1, {2, 2, 2, 2}},
    {1, 16, 30, 56, 16, 3, 3, 16},
};

const WeightType weight_types[] = {WeightType::f32, WeightType::f16, WeightType::bf16,
                                   WeightType::i8_tensor, WeightType::i8_channel};

std::string text_of(const ConvProblem& p) {
  const auto text = [](auto... values) {
    std::string joined;
    ((joined += std::to_string(values) + ' '), ...);
    return joined;
  };
  return "x " + text(p.batch, p.channels, p.height, p.width) + "out " + text(p.out_channels) +
         "kernel " + text(p.kernel_h, p.kernel_w) + "groups " + text(p.groups) + "stride " +
         text(p.stride_h, p.stride_w) + "dilation " + text(p.dilation_h, p.dilation_w) + "pads " +
         text(p.pad_top, p.pad_left, p.pad_bottom, p.pad_right) + "weights " +
         text(int(p.weights), p.constant_weights) + "epilogue " +
         text(p.epilogue.bias, p.epilogue.residual, int(p.epilogue.activation));
}

/// The sum for one output, by plain loops in double precision.
double sum_at(const ConvProblem& p, std::span<const float> x, const std::vector<double>& weights,
              std::int64_t n, std::int64_t o, std::int64_t y, std::int64_t z) {
  const std::int64_t channels = p.channels / p.groups;
  const std::int64_t first = o / (p.out_channels / p.groups) * channels;
  double sum = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < p.kernel_h; ++i) {
      const std::int64_t h = y * p.stride_h - p.pad_top + i * p.dilation_h;
      if (h < 0 || h >= p.height) continue;
      for (std::int64_t j = 0; j < p.kernel_w; ++j) {
        const std::int64_t w = z * p.stride_w - p.pad_left + j * p.dilation_w;
        if (w < 0 || w >= p.width) continue;
        const std::int64_t at = ((n * p.channels + first + c) * p.height + h) * p.width + w;
        const std::int64_t weight = ((o * channels + c) * p.kernel_h + i) * p.kernel_w + j;
        sum += double(x[std::size_t(at)]) * weights[std::size_t(weight)];
      }
    }
  }
  return sum;
}

/// Every row that this processor can run and that takes the problem computes what plain loops do.
/// Returns how many did.
int check_rows(ConvProblem p, std::uint64_t seed) {
  const Epilogue& e = p.epilogue;
  const std::int64_t reduction = p.channels / p.groups * p.kernel_h * p.kernel_w;
  const Dims out_dims{p.batch, p.out_channels, p.out_height, p.out_width};
  const Plain x = random_floats({p.batch, p.channels, p.height, p.width}, seed);
  const Plain weights = random_floats({p.out_channels, reduction}, seed + 1);
  const Plain bias = random_floats({p.out_channels}, seed + 2);
  const Plain residual = random_floats(out_dims, seed + 3);
  const StoredWeights w = store_weights(p.weights, floats(weights), p.out_channels,
                                        [&](std::size_t i) { return std::int64_t(i) / reduction; });

  std::vector<double> expected;
  double largest = 0;
  for (std::int64_t i = 0; i < count(out_dims); ++i) {
    const std::int64_t pixels = p.out_height * p.out_width;
    const std::int64_t o = i / pixels % p.out_channels;
    double sum = sum_at(p, floats(x), w.values, i / pixels / p.out_channels, o,
                        i % pixels / p.out_width, i % p.out_width);
    if (e.bias) sum += double(floats(bias)[std::size_t(o)]);
    if (e.residual) sum += double(floats(residual)[std::size_t(i)]);
    largest = std::max(largest, std::abs(sum));
    expected.push_back(activation_reference(sum, e));
  }
  double largest_weight = 0;
  for (const double v : w.values) largest_weight = std::max(largest_weight, std::abs(v));
  // Bias, residual and a scale add a rounding each.
  const auto tolerance = [&](const Row& row) {
    return activation_slope(e) * (row.rounding * dot_tolerance(reduction, 1, largest_weight) +
                                  rounding_tolerance(3, largest)) +
           rounding_tolerance(activation_units, std::max(largest, 1.0));
  };

  std::vector<Plain> inputs{x};
  if (!p.constant_weights) inputs.push_back(weights);
  if (!p.constant_weights && e.bias) inputs.push_back(bias);
  if (e.residual) inputs.push_back(residual);
  const bool constant_bias = p.constant_weights && e.bias;
  const std::vector<const void*> constants{p.constant_weights ? w.data() : nullptr, w.scales.data(),
                                           constant_bias ? bias.bytes.data() : nullptr};
  const std::string what = text_of(p) + " seed " + std::to_string(seed);
  return for_each_option(conv_rows(), p, what, [&](const Row& row) {
    const Plain y = run_row(row, p, inputs, out_dims, constants);
    const double rounded = row.precision == Precision::bf16
                               ? activation_slope(e) * bf16_tolerance(reduction, 1, largest_weight)
                               : 0;
    expect_close(y, expected, [&](std::size_t) { return tolerance(row) + rounded; });
  });
}

TEST(Conv, EveryRowAgreesOnEveryShape) {
  std::uint64_t seed = 1;
  for (const Shape& s : shapes) {
    ConvProblem p = problem_of(s);
    p.epilogue = {true, true, Activation::relu};
    EXPECT_GT(check_rows(p, ++seed), 0) << text_of(p);
    if (HasFailure()) return;
  }
}

TEST(Conv, EveryRowTakesEveryWeightTypeItDoesNotReject) {
  std::uint64_t seed = 100;
  for (const Shape& s : shapes) {
    for (const WeightType type : weight_types) {
      ConvProblem p = problem_of(s);
      if (p.out_channels * p.height * p.width > 4000) continue;
      p.weights = type;
      EXPECT_GT(check_rows(p, ++seed), 0) << text_of(p);
      if (HasFailure()) return;
    }
  }
}

TEST(Conv, EpiloguesInAllCombinations) {
  std::uint64_t seed = 1000;
  for (const Shape& s : shapes) {
    ConvProblem p = problem_of(s);
    if (p.out_channels * p.height * p.width > 1500) continue;
    bool other = false;
    for (Epilogue e : activation_cases) {
      for (const bool flag : {false, true}) {
        e.bias = flag;
        e.residual = flag != other;
        p.epilogue = e;
        check_rows(p, ++seed);
        if (HasFailure()) return;
      }
      other = !other;
    }
  }
}

/// Weights that are multiples of 24^2 and small integers as activations leave nothing to round in
/// any of Winograd's transforms and Strassen's sums: all rows give the same integers.
TEST(Conv, SmallIntegersAreExact) {
  for (const Shape& s : {Shape{2, 17, 14, 13, 20, 3, 3, 1, 1, 1, 1, 1, {1, 1, 1, 1}},
                         Shape{1, 16, 31, 30, 33, 3, 3, 1, 1, 1, 1, 1, {0, 2, 1, 0}},
                         Shape{2, 64, 7, 9, 96, 1, 1}}) {
    ConvProblem p = problem_of(s);
    const auto ternary = [](const Dims& dims, std::uint64_t seed, float scale) {
      const Plain uniform = random_floats(dims, seed);
      std::vector<float> values;
      for (const float v : floats(uniform)) values.push_back(scale * std::round(v));
      return of_floats(dims, values);
    };
    const Plain x = ternary({p.batch, p.channels, p.height, p.width}, 1, 1);
    const Plain weights = ternary({p.out_channels, p.channels * p.kernel_h * p.kernel_w}, 2, 576);
    const Dims out_dims{p.batch, p.out_channels, p.out_height, p.out_width};
    const std::vector<double> w(floats(weights).begin(), floats(weights).end());
    std::vector<double> expected;
    const std::int64_t pixels = p.out_height * p.out_width;
    for (std::int64_t i = 0; i < count(out_dims); ++i) {
      expected.push_back(sum_at(p, floats(x), w, i / pixels / p.out_channels,
                                i / pixels % p.out_channels, i % pixels / p.out_width,
                                i % p.out_width));
    }
    const auto check = [&](const Row& row) {
      const Plain y = run_row(row, p, std::vector<Plain>{x}, out_dims,
                              {weights.bytes.data(), nullptr, nullptr});
      expect_close(y, expected, [](std::size_t) { return 0.0; });
    };
    EXPECT_GT(for_each_option(conv_rows(), p, text_of(p), check), 0);
  }
}

TEST(Conv, WeightsThatAreActivations) {
  std::uint64_t seed = 5000;
  for (const Shape& s : shapes) {
    ConvProblem p = problem_of(s);
    p.constant_weights = false;
    for (const Epilogue& e : {Epilogue{}, Epilogue{true, false}, Epilogue{true, true},
                              Epilogue{false, true, Activation::relu}}) {
      p.epilogue = e;
      EXPECT_GT(check_rows(p, ++seed), 0) << text_of(p);
      if (HasFailure()) return;
    }
  }
}

TEST(Conv, CostIsPositiveAndGrowsWithTheWork) {
  ConvProblem small = problem_of({1, 64, 14, 14, 64, 3, 3, 1, 1, 1, 1, 1, {1, 1, 1, 1}});
  ConvProblem large = problem_of({1, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1, 1, {1, 1, 1, 1}});
  for (const Row& row : conv_rows()) {
    if (row.rejects(small)) continue;
    std::vector<OperandLayouts> options;
    row.layouts(small, options);
    small.layouts = large.layouts = options.front();
    const double seconds = row.cost(small, this_machine()).seconds;
    EXPECT_GT(seconds, 0) << row.name;
    EXPECT_GT(row.cost(large, this_machine()).seconds, seconds) << row.name;
  }
}

}  // namespace
}  // namespace strata::kernels
