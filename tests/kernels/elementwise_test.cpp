#include "strata/kernels/elementwise/elementwise.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/kernels/activation_reference.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

double unary_reference(double x, const UnaryProblem& p) {
  switch (p.function) {
    case Unary::activation:
      return activation_reference(x, p.epilogue);
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::reciprocal:
      return 1 / x;
    case Unary::neg:
      return -x;
    case Unary::abs:
      return std::abs(x);
    case Unary::erf:
      return std::erf(x);
    case Unary::floor:
      return std::floor(x);
    case Unary::ceil:
      return std::ceil(x);
    case Unary::gelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case Unary::gelu_tanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Unary::square:
      return x * x;
    case Unary::cube:
      return x * x * x;
  }
  return 0;
}

/// Units in the last place of the result that a function may be off.
double allowed_units(const UnaryProblem& p) {
  switch (p.function) {
    case Unary::activation:
      return activation_units;
    case Unary::exp:
    case Unary::log:
    case Unary::cube:
      return 2;
    case Unary::erf:
      return 3;
    case Unary::sqrt:
    case Unary::reciprocal:
    case Unary::square:
      return 1;
    case Unary::gelu:
    case Unary::gelu_tanh:
    case Unary::neg:
    case Unary::abs:
    case Unary::floor:
    case Unary::ceil:
      break;
  }
  return 0;
}

/// Numbers of all magnitudes, of both signs unless `positive`, and the special ones.
std::vector<float> probes(bool positive) {
  std::vector<float> values{0.0f,
                            1.0f,
                            0x1p-126f,
                            0x1p-130f,
                            0x1p-149f,
                            0.5f,
                            2.5f,
                            3.5f,
                            std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::infinity()};
  for (int i = -120; i < 120; ++i) values.push_back(std::ldexp(1.0f + float(i & 7) / 8.3f, i));
  for (int i = 1; i < 4000; ++i) values.push_back(float(i) * 0.0253f);
  for (int i = 1; i < 4000; ++i) values.push_back(float(i) * 0.00113f);
  if (positive) return values;
  for (std::size_t i = values.size(); i-- > 0;) values.push_back(-values[i]);
  return values;
}

void check_unary(UnaryProblem p, const std::string& what) {
  const bool positive = p.function == Unary::sqrt;
  const std::vector<float> x = probes(positive);
  p.rank = 1;
  p.dims[0] = std::int64_t(x.size());
  std::vector<double> expected;
  for (const float v : x) expected.push_back(unary_reference(double(v), p));
  const double smallest = double(std::numeric_limits<float>::denorm_min());
  const double largest = double(std::numeric_limits<float>::max());
  for (double& e : expected) {
    if (std::abs(e) > largest * (1 + 0x1p-25)) e = std::copysign(HUGE_VAL, e);
  }
  const bool is_gelu = p.function == Unary::gelu || p.function == Unary::gelu_tanh;
  const auto tolerance = [&](std::size_t i) {
    // What grows with x rather than with the result: sums of x and a bound, products with erf.
    const bool of_argument = is_gelu || (p.function == Unary::activation &&
                                         p.epilogue.activation != Activation::sigmoid &&
                                         p.epilogue.activation != Activation::tanh);
    const double magnitude = of_argument ? std::max(std::abs(double(x[i])), std::abs(expected[i]))
                                         : std::abs(expected[i]);
    const double units = is_gelu ? activation_units : allowed_units(p);
    if (!std::isfinite(magnitude)) return 0.0;
    const bool sigmoid = p.epilogue.activation == Activation::sigmoid;
    const double absolute = sigmoid ? 1 / largest : smallest;  // 0 where e^-x is no float
    return rounding_tolerance(units, magnitude) + (units > 0 ? 2 * absolute : 0);
  };
  const int rows = for_each_option(elementwise_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, {{of_floats({p.dims[0]}, x)}}, {p.dims[0]}), expected, tolerance);
  });
  EXPECT_GT(rows, 0);
}

TEST(Unary, EveryFunctionOnAllMagnitudes) {
  for (int f = 1; f <= int(Unary::cube); ++f) {
    UnaryProblem p;
    p.function = Unary(f);
    check_unary(p, fmt::format("function {}", f));
  }
}

TEST(Unary, EveryActivationOnAllMagnitudes) {
  for (const Epilogue& e : activation_cases) {
    // Of numbers whose e^-x is no float, silu is 0 times infinity's reciprocal: left out.
    if (e.activation == Activation::silu || e.activation == Activation::hard_swish) continue;
    UnaryProblem p;
    p.epilogue = e;
    check_unary(p, fmt::format("activation {}", int(e.activation)));
  }
}

TEST(Unary, EveryLayout) {
  UnaryProblem p;
  p.epilogue.activation = Activation::relu;
  p.rank = 4;
  for (const Dims& dims : {Dims{2, 19, 5, 7}, Dims{1, 64, 40, 33}, Dims{1, 1, 1, 1}}) {
    std::copy(dims.begin(), dims.end(), p.dims.begin());
    const Plain x = random_floats(dims, 5);
    std::vector<double> expected;
    for (const float v : floats(x)) expected.push_back(std::max(double(v), 0.0));
    for_each_option(elementwise_rows(), p, "relu", [&](const Row& row) {
      expect_close(run_row(row, p, {{x}}, dims), expected, [](std::size_t) { return 0.0; });
    });
  }
}

double binary_reference(double a, double b, Binary function) {
  switch (function) {
    case Binary::add:
      return a + b;
    case Binary::sub:
      return a - b;
    case Binary::mul:
      return a * b;
    case Binary::div:
      return a / b;
    case Binary::min:
      return std::min(a, b);
    case Binary::max:
      return std::max(a, b);
  }
  return 0;
}

struct Broadcast {
  Dims a, b, out;
};

const Broadcast broadcasts[] = {
    {{2, 19, 5, 7}, {2, 19, 5, 7}, {2, 19, 5, 7}},
    {{2, 19, 5, 7}, {1, 19, 1, 1}, {2, 19, 5, 7}},
    {{1, 64, 13, 11}, {1, 64, 1, 1}, {1, 64, 13, 11}},
    {{2, 19, 5, 7}, {2, 19, 1, 1}, {2, 19, 5, 7}},
    {{2, 19, 5, 7}, {1, 1, 1, 1}, {2, 19, 5, 7}},
    {{2, 19, 5, 7}, {2, 1, 5, 7}, {2, 19, 5, 7}},
    {{2, 19, 5, 7}, {1, 1, 5, 7}, {2, 19, 5, 7}},
    {{2, 19, 5, 7}, {1, 19, 5, 1}, {2, 19, 5, 7}},
    {{1, 19, 1, 7}, {2, 1, 5, 1}, {2, 19, 5, 7}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}},
    {{3, 1, 4, 4}, {1, 1, 1, 1}, {3, 1, 4, 4}},
    {{3, 1, 4, 4}, {3, 20, 4, 4}, {3, 20, 4, 4}},
    {{100, 200}, {1, 200}, {100, 200}},
    {{100, 200}, {100, 1}, {100, 200}},
    {{20000}, {20000}, {20000}},
    {{20000}, {1}, {20000}},
    {{2, 1, 3, 1, 2}, {1, 4, 1, 5, 1}, {2, 4, 3, 5, 2}},
    {{}, {}, {}},
    {{2, 0, 3}, {1, 1, 3}, {2, 0, 3}},
};

float broadcast_at(const Plain& tensor, const Dims& out, std::int64_t index) {
  std::int64_t offset = 0, stride = 1;
  for (std::size_t axis = out.size(); axis-- > 0;) {
    if (tensor.dims[axis] != 1) offset += index % out[axis] * stride;
    stride *= tensor.dims[axis];
    index /= out[axis];
  }
  return floats(tensor)[std::size_t(offset)];
}

/// `constant`: which operand is one, 0 for none.
void check_binary(const Broadcast& s, Binary function, int constant, const Epilogue& e,
                  std::uint64_t seed) {
  BinaryProblem p;
  p.function = function;
  p.epilogue = e;
  p.rank = int(s.out.size());
  p.a_constant = constant == 1;
  p.b_constant = constant == 2;
  std::copy(s.a.begin(), s.a.end(), p.a_dims.begin());
  std::copy(s.b.begin(), s.b.end(), p.b_dims.begin());
  std::copy(s.out.begin(), s.out.end(), p.out_dims.begin());
  const Plain a = random_floats(s.a, seed), b = random_floats(s.b, seed + 1, 0.5f, 2);
  std::vector<double> expected, before;
  for (std::int64_t i = 0; i < count(s.out); ++i) {
    before.push_back(binary_reference(double(broadcast_at(a, s.out, i)),
                                      double(broadcast_at(b, s.out, i)), function));
    expected.push_back(activation_reference(before.back(), e));
  }
  const double units = 1 + (e.activation == Activation::none ? 0 : activation_units);
  const auto tolerance = [&](std::size_t i) {
    return activation_slope(e) * rounding_tolerance(units, std::max(1.0, std::abs(before[i])));
  };
  std::vector<Plain> inputs;
  if (!p.a_constant) inputs.push_back(a);
  if (!p.b_constant) inputs.push_back(b);
  const std::vector<const void*> constants{(p.a_constant ? a : b).bytes.data()};
  const std::string what = fmt::format("function {} constant {} first shape {} seed {}",
                                       int(function), constant, s.out.empty() ? 0 : s.out[0], seed);
  const int rows = for_each_option(elementwise_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, inputs, s.out, constants), expected, tolerance);
  });
  EXPECT_GT(rows, 0);
}

TEST(Binary, EveryBroadcastWithEveryConstant) {
  std::uint64_t seed = 1;
  for (const Broadcast& s : broadcasts) {
    const Broadcast swapped{s.b, s.a, s.out};
    for (int constant = 0; constant < 3; ++constant) {
      check_binary(s, Binary::sub, constant, {}, seed += 2);
      check_binary(swapped, Binary::sub, constant, {}, seed += 2);
    }
  }
}

TEST(Binary, EveryFunctionWithEveryActivation) {
  std::uint64_t seed = 1000;
  for (int f = 0; f <= int(Binary::max); ++f) {
    for (const Epilogue& e : activation_cases) {
      check_binary(broadcasts[0], Binary(f), 0, e, seed += 2);
      check_binary(broadcasts[1], Binary(f), 2, e, seed += 2);
    }
  }
}

TEST(Binary, MinAndMaxKeepNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> a{nan, 1, nan, 2}, b{1, nan, nan, 3};
  BinaryProblem p;
  p.rank = 1;
  p.a_dims[0] = p.b_dims[0] = p.out_dims[0] = 4;
  for (const auto& [function, last] : {std::pair(Binary::min, 2.0), std::pair(Binary::max, 3.0)}) {
    p.function = function;
    for_each_option(elementwise_rows(), p, "NaN", [&](const Row& row) {
      const std::vector<Plain> inputs{of_floats({4}, a), of_floats({4}, b)};
      expect_close(run_row(row, p, inputs, {4}), {double(nan), double(nan), double(nan), last},
                   [](std::size_t) { return 0.0; });
    });
  }
}

}  // namespace
}  // namespace strata::kernels
