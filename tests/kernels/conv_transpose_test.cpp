#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "strata/kernels/conv/transposed.hpp"
#include "tests/kernels/activation_reference.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t batch, channels, out_channels;
  TransposedAxis h, w;
  std::int64_t groups = 1;
};

/// An axis by its attributes; `added` is the output padding.
TransposedAxis axis(std::int64_t in, std::int64_t kernel, std::int64_t stride = 1,
                    std::int64_t pad_begin = 0, std::int64_t pad_end = 0, std::int64_t dilation = 1,
                    std::int64_t added = 0) {
  const std::int64_t full = (in - 1) * stride + (kernel - 1) * dilation + 1 + added;
  return {in, full - pad_begin - pad_end, kernel, stride, dilation, pad_begin};
}

const Shape shapes[] = {
    // As generators and decoders have them: 4x4 and 2x2 with stride 2, then to few channels.
    {1, 64, 48, axis(4, 4, 2, 1, 1), axis(4, 4, 2, 1, 1)},
    {2, 32, 16, axis(9, 4, 2, 1, 1), axis(17, 4, 2, 1, 1)},
    {1, 20, 3, axis(16, 4, 2, 1, 1), axis(15, 4, 2, 1, 1)},
    {2, 17, 33, axis(7, 2, 2), axis(5, 2, 2)},
    {1, 7, 1, axis(6, 3, 2, 1, 1, 1, 1), axis(7, 3, 2, 1, 1, 1, 1)},
    // Windows of 2 x 2 in each phase: strides 1 to 3, several blocks of tiles, extents that cut
    // tiles, padding that is not the same on both sides or reaches beyond the kernel.
    {1, 19, 35, axis(33, 4, 2, 1, 1), axis(26, 4, 2, 1, 1)},
    {2, 33, 17, axis(6, 4, 2, 0, 3), axis(11, 4, 2, 2, 0, 1, 1)},
    {1, 8, 20, axis(9, 2), axis(14, 2, 1, 1, 0)},
    {3, 5, 40, axis(5, 6, 3, 2, 1), axis(7, 4, 2, 3, 4)},
    {1, 4, 9, axis(1, 2), axis(12, 4, 2, 6, 5)},
    // One input position; all outputs are phases.
    {1, 40, 37, axis(1, 4), axis(1, 4)},
    {3, 8, 5, axis(1, 3, 2, 1), axis(1, 5, 3, 0, 2)},
    {2, 5, 20, axis(1, 2, 1, 0, 0, 3), axis(1, 3, 2, 0, 0, 2, 1)},
    // Stride 1, kernels smaller than strides (phases without taps), strides that differ.
    {1, 16, 16, axis(14, 3, 1, 1, 1), axis(14, 3, 1, 1, 1)},
    {1, 12, 18, axis(5, 1), axis(40, 1)},
    {1, 6, 10, axis(4, 2, 3), axis(5, 1, 4)},
    {2, 9, 6, axis(3, 5, 3, 2, 1, 1, 2), axis(6, 4, 1, 0, 3)},
    {1, 4, 2, axis(3, 2, 5, 1, 0, 1, 3), axis(4, 3, 2)},
    // Dilations, with and without factors in common with the stride.
    {1, 5, 9, axis(6, 3, 1, 2, 2, 2), axis(7, 2, 1, 0, 1, 3)},
    {1, 6, 7, axis(5, 3, 2, 1, 1, 2), axis(4, 3, 3, 2, 0, 2)},
    {1, 3, 8, axis(5, 4, 4, 3, 2, 2), axis(6, 3, 6, 4, 0, 4, 1)},
    // Groups: in whole blocks, in parts of blocks, depthwise.
    {1, 32, 64, axis(5, 3, 2, 1, 1), axis(6, 3, 2, 1, 1), 2},
    {2, 12, 18, axis(4, 4, 2, 1, 1), axis(3, 4, 2, 1, 1), 3},
    {1, 10, 10, axis(5, 4, 2, 1, 1), axis(7, 4, 2, 1, 1), 10},
    // One dimension; pads beyond the kernel, that cut off all outputs of an input.
    {1, 6, 10, axis(1, 1), axis(33, 5, 2, 2, 2)},
    {1, 4, 5, axis(8, 3, 1, 4, 5), axis(8, 2, 2, 3, 4)},
    {1, 4, 5, axis(9, 2, 3, 4, 4), axis(9, 3, 2, 5, 3)},
};

std::string text_of(const ConvTransposeProblem& p) {
  const auto text = [](auto... values) {
    std::string joined;
    ((joined += std::to_string(values) + ' '), ...);
    return joined;
  };
  const auto of_axis = [&](const TransposedAxis& a) {
    return text(a.in, a.out, a.kernel, a.stride, a.dilation, a.pad);
  };
  return "batch, channels " + text(p.batch, p.channels, p.out_channels, p.groups) +
         "rows (in out kernel stride dilation pad) " + of_axis(p.h) + "columns " + of_axis(p.w) +
         "epilogue " + text(p.epilogue.bias, p.epilogue.residual, int(p.epilogue.activation));
}

ConvTransposeProblem problem_of(const Shape& s) {
  ConvTransposeProblem p;
  p.batch = s.batch;
  p.channels = s.channels;
  p.out_channels = s.out_channels;
  p.h = s.h;
  p.w = s.w;
  p.groups = s.groups;
  return p;
}

/// What the definition says, in double precision: each input adds to the outputs its taps lead to.
std::vector<double> sums_of(const ConvTransposeProblem& p, std::span<const float> x,
                            std::span<const float> w) {
  const std::int64_t plane = p.h.out * p.w.out;
  const std::int64_t channels = p.channels / p.groups, filters = p.out_channels / p.groups;
  std::vector<double> sums(std::size_t(p.batch * p.out_channels * plane));
  for (std::int64_t at = 0; at < std::int64_t(x.size()); ++at) {
    const std::int64_t column = at % p.w.in, row = at / p.w.in % p.h.in;
    const std::int64_t c = at / p.w.in / p.h.in % p.channels;
    const std::int64_t image = at / p.w.in / p.h.in / p.channels;
    for (std::int64_t f = 0; f < filters; ++f) {
      const std::int64_t o = image * p.out_channels + c / channels * filters + f;
      for (std::int64_t i = 0; i < p.h.kernel; ++i) {
        const std::int64_t y = row * p.h.stride - p.h.pad + i * p.h.dilation;
        for (std::int64_t j = 0; j < p.w.kernel && y >= 0 && y < p.h.out; ++j) {
          const std::int64_t z = column * p.w.stride - p.w.pad + j * p.w.dilation;
          if (z < 0 || z >= p.w.out) continue;
          const std::int64_t weight = ((c * filters + f) * p.h.kernel + i) * p.w.kernel + j;
          sums[std::size_t(o * plane + y * p.w.out + z)] +=
              double(x[std::size_t(at)]) * double(w[std::size_t(weight)]);
        }
      }
    }
  }
  return sums;
}

/// Every row that this processor can run and that takes the problem computes that. Returns how many
/// did.
int check_rows(ConvTransposeProblem p, std::uint64_t seed) {
  const Epilogue& e = p.epilogue;
  const Dims out_dims{p.batch, p.out_channels, p.h.out, p.w.out};
  const Plain x = random_floats({p.batch, p.channels, p.h.in, p.w.in}, seed);
  const Plain weights =
      random_floats({p.channels, p.out_channels / p.groups, p.h.kernel, p.w.kernel}, seed + 1);
  const Plain bias = random_floats({p.out_channels}, seed + 2);
  const Plain residual = random_floats(out_dims, seed + 3);
  std::vector<double> expected = sums_of(p, floats(x), floats(weights));
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t o = i / std::size_t(p.h.out * p.w.out) % std::size_t(p.out_channels);
    if (e.bias) expected[i] += double(floats(bias)[o]);
    if (e.residual) expected[i] += double(floats(residual)[i]);
    largest = std::max(largest, std::abs(expected[i]));
    expected[i] = activation_reference(expected[i], e);
  }
  // Bias and residual add a rounding each.
  const std::int64_t reduction = p.channels / p.groups * p.h.kernel * p.w.kernel;
  const auto tolerance_of = [&](const Row& row) {
    return activation_slope(e) *
               (row.rounding * dot_tolerance(reduction, 1, 1) + rounding_tolerance(2, largest)) +
           rounding_tolerance(activation_units, std::max(largest, 1.0));
  };
  std::vector<Plain> inputs{x};
  if (e.residual) inputs.push_back(residual);
  const std::vector<const void*> constants{weights.bytes.data(),
                                           e.bias ? bias.bytes.data() : nullptr};
  const std::string what = text_of(p) + "seed " + std::to_string(seed);
  return for_each_option(conv_transpose_rows(), p, what, [&](const Row& row) {
    const Plain y = run_row(row, p, inputs, out_dims, constants);
    const double tolerance = tolerance_of(row);
    expect_close(y, expected, [&](std::size_t) { return tolerance; });
  });
}

TEST(ConvTranspose, EveryRowAgreesOnEveryShape) {
  std::uint64_t seed = 1;
  for (const Shape& s : shapes) {
    for (const Epilogue& e : {Epilogue{true, true, Activation::relu}, Epilogue{true, false}}) {
      ConvTransposeProblem p = problem_of(s);
      p.epilogue = e;
      EXPECT_GT(check_rows(p, ++seed), 0) << text_of(p);
      if (HasFailure()) return;
    }
  }
}

TEST(ConvTranspose, EpiloguesInAllCombinations) {
  std::uint64_t seed = 1000;
  for (const Shape& s : {shapes[2], shapes[6], shapes[13]}) {
    for (Epilogue e : activation_cases) {
      for (const int flags : {0, 1, 2, 3}) {
        e.bias = (flags & 1) != 0;
        e.residual = (flags & 2) != 0;
        ConvTransposeProblem p = problem_of(s);
        p.epilogue = e;
        check_rows(p, ++seed);
        if (HasFailure()) return;
      }
    }
  }
}

TEST(ConvTranspose, PhasesOfAnAxisShareOutTapsAndOutputs) {
  for (const Shape& s : shapes) {
    for (const TransposedAxis& a : {s.h, s.w, spread(s.h), spread(s.w)}) {
      std::int64_t outputs = 0, taps = 0;
      for (std::int64_t residue = 0; residue < a.stride; ++residue) {
        const AxisPhase phase = axis_phase(a, residue);
        outputs += phase.count;
        taps += phase.taps;
      }
      EXPECT_EQ(outputs, a.out);
      EXPECT_EQ(taps, a.kernel);
    }
  }
}

TEST(ConvTranspose, RowsSayWhatTheyReject) {
  ConvTransposeProblem p = problem_of(shapes[0]);
  p.h.stride = p.w.stride = 64;
  ConvTransposeProblem large = problem_of(shapes[0]);
  large.w.in = std::int64_t(1) << 40;
  ConvTransposeProblem negative = problem_of(shapes[0]);
  negative.h.pad = -1;
  for (const Row& row : conv_transpose_rows()) {
    EXPECT_STREQ(row.rejects(p), "more than 1024 phases") << row.name;
    EXPECT_NE(row.rejects(large), nullptr) << row.name;
    EXPECT_NE(row.rejects(negative), nullptr) << row.name;
  }
}

}  // namespace
}  // namespace strata::kernels
