#include "strata/kernels/conv/conv.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <regex>
#include <set>
#include <string>

#include "tests/kernels/conv_reference.hpp"

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
  set_output(p);
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

const Epilogue epilogues[] = {
    {},
    {true, false, Activation::relu},
    {true, true, Activation::none},
    {false, true, Activation::relu},
    {true, true, Activation::clip, -0.5f, 1.5f},
    {true, false, Activation::leaky_relu, 0.1f},
    {true, true, Activation::hard_sigmoid, 1.0f / 6, 0.5f},
    {true, true, Activation::hard_swish, 1.0f / 6, 0.5f},
    {true, true, Activation::sigmoid},
    {true, true, Activation::silu},
    {false, false, Activation::tanh},
};

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

/// Every row that this processor can run and that takes the problem gives the expected values, and
/// the same bits however its units are dealt. Returns how many did.
int check_rows(const ConvProblem& p, std::uint64_t seed) {
  int rows = 0;
  const ConvCase c = make_case(p, seed);
  for (const Row& row : conv_rows()) {
    if (!has_isa(detected_isa(), row.isa) || row.rejects(p)) continue;
    ++rows;
    std::vector<OperandLayouts> options;
    row.layouts(p, options);
    EXPECT_FALSE(options.empty());
    for (const OperandLayouts& layouts : options) {
      SCOPED_TRACE(std::string(row.name) + " " + text_of(p) + " seed " + std::to_string(seed));
      const std::vector<float> y = run_row(row, c, layouts, 0);
      EXPECT_EQ(y.size(), c.expected.size());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < y.size() && wrong == 0; ++i) {
        if (std::abs(double(y[i]) - c.expected[i]) <= c.tolerance) continue;
        ++wrong;
        ADD_FAILURE() << "element " << i << " is " << y[i] << ", expected " << c.expected[i]
                      << " within " << c.tolerance;
      }
      const std::vector<float> split = run_row(row, c, layouts, seed + 1);
      EXPECT_EQ(std::memcmp(split.data(), y.data(), y.size() * sizeof(float)), 0)
          << "other bits when the units are dealt otherwise";
    }
  }
  return rows;
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
    if (p.out_channels * p.height * p.width > 4000) continue;
    for (const Epilogue& e : epilogues) {
      p.epilogue = e;
      check_rows(p, ++seed);
      if (HasFailure()) return;
    }
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

TEST(Conv, NamesFollowTheGrammarAndAreUnique) {
  const std::regex grammar("[a-z0-9]+_[a-z0-9]+_[a-z0-9]+(_[a-z0-9]+)?_(avx512|avx2|baseline)");
  std::set<std::string> names;
  for (const Row& row : conv_rows()) {
    const std::string name(row.name);
    EXPECT_TRUE(std::regex_match(name, grammar)) << name;
    EXPECT_LE(name.size(), 40u) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
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
