// The LSTM of codes beside plain loops over tensor's functions, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "strata/kernels/rnn/recurrent.hpp"
#include "tests/kernels/harness.hpp"

namespace strata::kernels {
namespace {

std::int32_t code(const Plain& t, std::int64_t i) {
  return std::int32_t(std::int8_t(t.bytes[std::size_t(i)]));
}

struct Case {
  IntegerLstmProblem problem;
  Plain x, h, c;  // c as pairs of bytes
  Plain w, r, bias;
};

Plain random_bytes(const Dims& dims, std::mt19937_64& random) {
  Plain t{dims, std::vector<std::byte>(std::size_t(count(dims)))};
  for (std::byte& b : t.bytes) {
    const auto draw = random();
    b = draw % 8 == 0 ? std::byte(0x80) : draw % 8 == 1 ? std::byte(0x7f) : std::byte(draw >> 8);
  }
  return t;
}

Case random_case(std::int64_t steps, std::int64_t batch, std::int64_t input, std::int64_t hidden,
                 std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0.2f, 2.0f);
  Case c;
  IntegerLstmProblem& p = c.problem;
  p.steps = steps;
  p.batch = batch;
  p.input = input;
  p.hidden = hidden;
  p.batch_first = random() % 2;
  p.x_zero = int(random() % 256) - 128;
  p.h_zero = int(random() % 256) - 128;
  p.y_zero = int(random() % 256) - 128;
  LstmScales scales{.x = 0.01f * uniform(random),
                    .h = uniform(random) / 128,
                    .y = uniform(random) / 128,
                    .c = std::exp2(-15.0f + float(random() % 7))};
  // Gates over all their range, and beyond it; one shifts to the left.
  for (float& s : scales.w) s = uniform(random) * 0.1f / std::sqrt(float(input));
  for (float& s : scales.r) s = uniform(random) * 0.1f / std::sqrt(float(hidden));
  if (random() % 4 == 0) scales.w[random() % 4] = 3;
  if (random() % 2) scales.cell_clip = 0.5f;
  p.factors = lstm_factors(scales);
  c.x = random_bytes({p.batch_first ? batch : steps, p.batch_first ? steps : batch, input}, random);
  c.h = random_bytes({batch, hidden}, random);
  c.c = random_bytes({batch, 2 * hidden}, random);
  c.w = random_bytes({4 * hidden, input}, random);
  c.r = random_bytes({4 * hidden, hidden}, random);
  std::vector<std::int32_t> bias;
  for (std::int64_t i = 0; i < 4 * hidden; ++i) bias.push_back(std::int32_t(random()) / 32768);
  c.bias = {{4 * hidden}, std::vector<std::byte>(4 * bias.size())};
  std::memcpy(c.bias.bytes.data(), bias.data(), 4 * bias.size());
  return c;
}

/// All outputs of a case.
struct Results {
  std::vector<std::byte> y, h, c;
};

Results reference(const Case& t) {
  const IntegerLstmProblem& p = t.problem;
  const LstmFactors& f = p.factors;
  Results out{std::vector<std::byte>(std::size_t(p.steps * p.batch * p.hidden)), t.h.bytes,
              t.c.bytes};
  const auto dot = [](const Plain& a, std::int64_t at, std::int32_t zero, const Plain& b,
                      std::int64_t row, std::int64_t n) {
    std::uint32_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      sum += std::uint32_t((code(a, at + i) - zero) * code(b, row * n + i));
    }
    return sum;
  };
  const auto to_16 = [](std::int64_t v) {
    return std::int16_t(std::clamp<std::int64_t>(v, -32768, 32767));
  };
  for (std::int64_t b = 0; b < p.batch; ++b) {
    for (std::int64_t s = 0; s < p.steps; ++s) {
      const std::int64_t row = p.batch_first ? b * p.steps + s : s * p.batch + b;
      const Plain before{t.h.dims, out.h};
      for (std::int64_t u = 0; u < p.hidden; ++u) {
        std::int16_t gate[lstm_gates];
        for (std::int64_t g = 0; g < lstm_gates; ++g) {
          const std::int64_t r = g * p.hidden + u;
          std::int32_t bias;
          std::memcpy(&bias, t.bias.bytes.data() + 4 * r, sizeof bias);
          const std::uint32_t of_x = dot(t.x, row * p.input, p.x_zero, t.w, r, p.input);
          const std::uint32_t of_h = dot(before, b * p.hidden, p.h_zero, t.r, r, p.hidden);
          const auto i = std::size_t(g);
          gate[g] = to_16(std::int64_t(saturate_16(multiply_away(
                              std::int32_t(of_x + std::uint32_t(bias)), f.from_x[i]))) +
                          multiply_away(std::int32_t(of_h), f.from_h[i]));
        }
        std::int16_t cell;
        std::byte* cell_at = out.c.data() + 2 * (b * p.hidden + u);
        std::memcpy(&cell, cell_at, 2);
        const std::int32_t kept = std::int32_t(fixed_sigmoid(gate[1], 3)) * cell;
        const std::int32_t added = std::int32_t(fixed_sigmoid(gate[0], 3)) * fixed_tanh(gate[2], 3);
        cell = to_16(shift_away(kept, 15) + shift_away(added, 15 + f.cell_bits));
        if (f.clip > 0) cell = std::int16_t(std::clamp<std::int32_t>(cell, -f.clip, f.clip));
        std::memcpy(cell_at, &cell, 2);
        const std::int32_t h = fixed_sigmoid(gate[3], 3) * fixed_tanh(cell, f.cell_bits);
        const std::int64_t result = std::int64_t(multiply_away(h, f.output)) + p.y_zero;
        out.h[std::size_t(b * p.hidden + u)] =
            std::byte(std::clamp<std::int64_t>(result, -128, 127));
        out.y[std::size_t(row * p.hidden + u)] = out.h[std::size_t(b * p.hidden + u)];
      }
    }
  }
  return out;
}

void check(Case t, std::uint64_t seed) {
  IntegerLstmProblem& p = t.problem;
  const Results expected = reference(t);
  const std::string what = "seed " + std::to_string(seed);
  const std::vector<const void*> constants{t.w.bytes.data(), t.r.bytes.data(), t.bias.bytes.data()};
  for (int wanted = 0; wanted < 3; ++wanted) {
    p.wants_y = wanted == 0;
    p.wants_h = wanted == 1;
    p.wants_c = wanted == 2;
    const auto& values = wanted == 0 ? expected.y : wanted == 1 ? expected.h : expected.c;
    const int taken = for_each_option(recurrent_rows(), p, what, [&](const Row& row) {
      const Plain inputs[] = {t.x, t.h, t.c};
      const Dims dims{std::int64_t(values.size())};
      EXPECT_EQ(run_row(row, p, inputs, dims, constants, 1).bytes, values)
          << row.name << " output " << wanted << " " << what;
    });
    if (detected_isa() != Isa::baseline) {
      EXPECT_GT(taken, 0) << what;
    }
  }
}

TEST(IntegerLstm, AgreesWithPlainLoops) {
  std::uint64_t seed = 1;
  const std::int64_t sizes[][4] = {{1, 1, 1, 1},  {5, 2, 3, 7},   {9, 1, 28, 20}, {4, 3, 13, 16},
                                   {3, 1, 5, 17}, {2, 2, 40, 33}, {6, 1, 16, 64}, {2, 1, 7, 130}};
  for (const auto& [steps, batch, input, hidden] : sizes) {
    for (int i = 0; i < 6; ++i, ++seed) check(random_case(steps, batch, input, hidden, seed), seed);
  }
}

/// Many units over few sums: their functions see most numbers of 16 bits.
TEST(IntegerLstm, FunctionsAgreeOverTheirRange) {
  constexpr std::int64_t units = 300;
  for (std::uint64_t seed = 100; seed < 121; ++seed) {
    Case t = random_case(1, 1, 2, units, seed);
    t.r.bytes.assign(t.r.bytes.size(), std::byte(0));
    std::vector<std::int32_t> bias;
    for (std::int64_t i = 0; i < 4 * units; ++i) {
      bias.push_back(std::int32_t((i * 41 + std::int64_t(seed) * 7919) % 65536 - 32768));
    }
    std::memcpy(t.bias.bytes.data(), bias.data(), 4 * bias.size());
    t.problem.factors.from_x.fill(fixed_multiplier(1));
    t.problem.factors.cell_bits = int(seed % 7);
    check(std::move(t), seed);
  }
}

}  // namespace
}  // namespace strata::kernels
