#include "strata/kernels/rnn/recurrent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "tests/kernels/activation_reference.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

using Cell = RecurrentProblem::Cell;

constexpr int gates_in(Cell cell) { return cell == Cell::rnn ? 1 : cell == Cell::gru ? 3 : 4; }

/// Weights are this small that sums of hundreds of terms stay where the functions are not flat.
constexpr float weight_bound = 0.1f;

struct Tensors {
  Plain x, lengths, h, c, w, r, bias;
};

Tensors random_tensors(const RecurrentProblem& p, std::uint64_t seed) {
  const std::int64_t rows = gates_in(p.cell) * p.hidden;
  const Dims state =
      p.batch_first ? Dims{p.batch, p.directions, p.hidden} : Dims{p.directions, p.batch, p.hidden};
  const auto weights = [&](const Dims& dims, std::uint64_t offset) {
    return random_floats(dims, seed + offset, -weight_bound, weight_bound);
  };
  Tensors t{
      random_floats(
          p.batch_first ? Dims{p.batch, p.steps, p.input} : Dims{p.steps, p.batch, p.input}, seed),
      {{p.batch}, std::vector<std::byte>(std::size_t(p.batch) * sizeof(std::int32_t))},
      random_floats(state, seed + 1),
      random_floats(state, seed + 2),
      weights({p.directions, rows, p.input}, 3),
      weights({p.directions, rows, p.hidden}, 4),
      random_floats({p.directions, 2 * rows}, seed + 5)};
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto length = std::int32_t((p.steps * (b + 2) / 3) % (p.steps + 1));
    std::memcpy(t.lengths.bytes.data() + b * std::int64_t(sizeof length), &length, sizeof length);
  }
  return t;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// What ONNX defines, in double precision, one sequence and direction at a time.
class Reference {
 public:
  Reference(const RecurrentProblem& p, const Tensors& t)
      : p_(p), t_(t), y(std::size_t(p.steps * p.directions * p.batch * p.hidden)) {
    y_h.resize(std::size_t(p.directions * p.batch * p.hidden));
    y_c = y_h;
    for (std::int64_t d = 0; d < p.directions; ++d) {
      for (std::int64_t b = 0; b < p.batch; ++b) run(d, b);
    }
  }

 private:
  std::vector<double> product(const Plain& matrix, std::int64_t d, std::int64_t columns,
                              const std::vector<double>& v, std::int64_t bias) const {
    const std::int64_t rows = gates_in(p_.cell) * p_.hidden;
    std::vector<double> sums(static_cast<std::size_t>(rows));
    for (std::int64_t i = 0; i < rows; ++i) {
      double sum = double(floats(t_.bias)[std::size_t(2 * d * rows + bias * rows + i)]);
      for (std::int64_t k = 0; k < columns; ++k) {
        sum +=
            double(floats(matrix)[std::size_t((d * rows + i) * columns + k)]) * v[std::size_t(k)];
      }
      sums[std::size_t(i)] = sum;
    }
    return sums;
  }

  void cell(std::int64_t d, const std::vector<double>& in, std::vector<double>& h,
            std::vector<double>& c) const {
    const auto n = std::size_t(p_.hidden);
    const std::vector<double> of_h = product(t_.r, d, p_.hidden, h, 1);
    const auto sum = [&](std::size_t gate, std::size_t j) {
      return in[gate * n + j] + of_h[gate * n + j];
    };
    std::vector<double> next = h, gated = h;
    for (std::size_t j = 0; j < n; ++j) gated[j] *= p_.cell == Cell::gru ? sigmoid(sum(1, j)) : 1;
    const std::vector<double> reset = product(t_.r, d, p_.hidden, gated, 1);
    for (std::size_t j = 0; j < n; ++j) {
      if (p_.cell == Cell::rnn) {
        next[j] = activation_reference(sum(0, j), p_.function);
      } else if (p_.cell == Cell::gru) {
        const double z = sigmoid(sum(0, j)), r = sigmoid(sum(1, j));
        const double from_h = p_.linear_before_reset ? r * of_h[2 * n + j] : reset[2 * n + j];
        next[j] = (1 - z) * std::tanh(in[2 * n + j] + from_h) + z * h[j];
      } else {
        c[j] = sigmoid(sum(2, j)) * c[j] + sigmoid(sum(0, j)) * std::tanh(sum(3, j));
        const double bound = double(p_.cell_clip);
        if (bound > 0) c[j] = std::clamp(c[j], -bound, bound);
        next[j] = sigmoid(sum(1, j)) * std::tanh(c[j]);
      }
    }
    h = next;
  }

  void run(std::int64_t d, std::int64_t b) {
    const auto n = std::size_t(p_.hidden);
    std::int32_t length = std::int32_t(p_.steps);
    if (p_.has_lengths) {
      std::memcpy(&length, t_.lengths.bytes.data() + b * std::int64_t(sizeof length),
                  sizeof length);
    }
    const auto state = std::size_t(p_.batch_first ? b * p_.directions + d : d * p_.batch + b) * n;
    std::vector<double> h(n), c(n);
    for (std::size_t j = 0; j < n; ++j) {
      if (p_.has_h) h[j] = double(floats(t_.h)[state + j]);
      if (p_.has_c) c[j] = double(floats(t_.c)[state + j]);
    }
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t t = p_.reversed || d == 1 ? length - 1 - i : i;
      const std::int64_t row = p_.batch_first ? b * p_.steps + t : t * p_.batch + b;
      std::vector<double> x;
      for (std::int64_t k = 0; k < p_.input; ++k) {
        x.push_back(double(floats(t_.x)[std::size_t(row * p_.input + k)]));
      }
      cell(d, product(t_.w, d, p_.input, x, 0), h, c);
      const std::int64_t at = p_.batch_first ? (b * p_.steps + t) * p_.directions + d
                                             : (t * p_.directions + d) * p_.batch + b;
      std::copy(h.begin(), h.end(), y.begin() + at * p_.hidden);
    }
    std::copy(h.begin(), h.end(), y_h.begin() + std::ptrdiff_t(state));
    std::copy(c.begin(), c.end(), y_c.begin() + std::ptrdiff_t(state));
  }

  const RecurrentProblem& p_;
  const Tensors& t_;

 public:
  std::vector<double> y, y_h, y_c;
};

/// Every row that this processor has gives each output as the definition does.
void check_rows(RecurrentProblem p, std::uint64_t seed) {
  const Tensors t = random_tensors(p, seed);
  const Reference expected(p, t);
  std::vector<Plain> inputs{t.x};
  if (p.has_lengths) inputs.push_back(t.lengths);
  if (p.has_h) inputs.push_back(t.h);
  if (p.has_c) inputs.push_back(t.c);
  const std::vector<const void*> constants{t.w.bytes.data(), t.r.bytes.data(), t.bias.bytes.data()};
  // An error of a step reaches the next through R, of which a row's sum bounds the growth, and
  // through the cell, which forgets.
  const double one_step =
      dot_tolerance(p.input + p.hidden, 1, double(weight_bound)) + rounding_tolerance(8, 4);
  const double tolerance = one_step * double(p.steps) * (1 + double(p.hidden * p.directions) / 8);
  const std::string what = "cell " + std::to_string(int(p.cell)) + " steps " +
                           std::to_string(p.steps) + " batch " + std::to_string(p.batch) +
                           " input " + std::to_string(p.input) + " hidden " +
                           std::to_string(p.hidden) + " seed " + std::to_string(seed);
  for (int wanted = 0; wanted < (p.cell == Cell::lstm ? 3 : 2); ++wanted) {
    p.wants_y = wanted == 0;
    p.wants_h = wanted == 1;
    p.wants_c = wanted == 2;
    const Dims dims = wanted > 0      ? t.h.dims
                      : p.batch_first ? Dims{p.batch, p.steps, p.directions, p.hidden}
                                      : Dims{p.steps, p.directions, p.batch, p.hidden};
    const auto& values = wanted == 0 ? expected.y : wanted == 1 ? expected.y_h : expected.y_c;
    const int taken = for_each_option(recurrent_rows(), p, what, [&](const Row& row) {
      const Plain result = run_row(row, p, inputs, dims, constants);
      expect_close(result, values, [&](std::size_t) { return tolerance; });
    });
    EXPECT_GT(taken, 0) << what;
  }
}

RecurrentProblem problem_of(Cell cell, std::int64_t steps, std::int64_t batch, std::int64_t input,
                            std::int64_t hidden) {
  RecurrentProblem p;
  p.cell = cell;
  p.steps = steps;
  p.batch = batch;
  p.input = input;
  p.hidden = hidden;
  p.function.activation = Activation::tanh;
  return p;
}

TEST(Recurrent, EveryCellOnEverySize) {
  // Partial vectors, one to five sequences, R small (all steps at once) and large (step by step).
  const std::int64_t sizes[][4] = {{1, 1, 1, 1},    {3, 2, 5, 7},   {4, 3, 9, 16},
                                   {5, 4, 3, 33},   {2, 5, 16, 20}, {3, 1, 12, 150},
                                   {2, 3, 20, 136}, {2, 1, 7, 270}};
  std::uint64_t seed = 1;
  for (const auto& [steps, batch, input, hidden] : sizes) {
    for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
      for (const bool linear : {false, true}) {
        if (linear && cell != Cell::gru) continue;
        RecurrentProblem p = problem_of(cell, steps, batch, input, hidden);
        p.linear_before_reset = linear;
        check_rows(p, seed += 10);
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Recurrent, DirectionsLengthsStatesAndOrders) {
  std::uint64_t seed = 5000;
  for (const Cell cell : {Cell::rnn, Cell::gru, Cell::lstm}) {
    for (int flags = 0; flags < 32; ++flags) {
      RecurrentProblem p = problem_of(cell, 4, 3, 6, (flags & 16) != 0 ? 140 : 11);
      p.directions = (flags & 1) != 0 ? 2 : 1;
      p.reversed = (flags & 3) == 2;
      p.has_lengths = (flags & 4) != 0;
      p.batch_first = (flags & 8) != 0;
      p.has_h = (flags & 3) != 0;
      p.has_c = cell == Cell::lstm && (flags & 3) != 1;
      p.linear_before_reset = (flags & 2) != 0;
      p.cell_clip = (flags & 4) != 0 ? 0.3f : 0;
      check_rows(p, seed += 10);
      if (HasFailure()) return;
    }
  }
}

TEST(Recurrent, FunctionsOfAnRnn) {
  for (const Activation activation : {Activation::relu, Activation::sigmoid}) {
    RecurrentProblem p = problem_of(Cell::rnn, 4, 2, 6, 19);
    p.function.activation = activation;
    check_rows(p, 9000);
  }
}

TEST(Recurrent, LengthsBeyondTheSequenceAreRefused) {
  RecurrentProblem p = problem_of(Cell::lstm, 3, 1, 4, 5);
  p.has_lengths = true;
  Tensors t = random_tensors(p, 1);
  for (const std::int32_t length : {-1, 4}) {
    std::memcpy(t.lengths.bytes.data(), &length, sizeof length);
    const Row& row = recurrent_rows().back();
    std::vector<std::byte> packed(row.packed_bytes(p)), scratch(row.scratch_bytes(p));
    const void* constants[] = {t.w.bytes.data(), t.r.bytes.data(), nullptr};
    row.pack(p, {constants}, packed.data());
    const void* in[] = {t.x.bytes.data(), t.lengths.bytes.data()};
    std::vector<float> y(15);
    void* out[] = {y.data()};
    EXPECT_STREQ(
        row.run({&p, in, out, packed.data(), scratch.data(), nullptr}, 0, 0, row.units(p, 0)),
        "sequence_lens holds a length beyond the sequence");
  }
}

}  // namespace
}  // namespace strata::kernels
