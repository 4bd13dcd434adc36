#pragma once

#include "strata/kernels/rnn/step.hpp"
#include "strata/kernels/unrolled.hpp"
#include "strata/kernels/vec_math.hpp"

/// The steps of step.hpp.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Accumulators that registers hold beside the weights of four gates.
constexpr int most_accumulators = Vec::size == 16 ? 16 : 8;

/// sums[row][gate] of the products with the state. Few rows sum in several chains, joined at the
/// end, so that additions need not wait for each other.
template <int Rows, int Gates>
[[gnu::always_inline]] inline void multiply(const RecurrentStep& s, Vec (&sums)[Rows][Gates]) {
  constexpr int fitting = most_accumulators / (Rows * Gates);
  constexpr int chains = fitting >= 4 ? 4 : fitting >= 2 ? 2 : 1;
  Vec acc[Rows][chains][Gates];
  unrolled<Rows * chains * Gates>(
      [&](auto i) { acc[i / (chains * Gates)][i / Gates % chains][i % Gates] = zero(); });
  const float* r = s.r;
  const float* state = s.state;
  const auto step = [&](auto chain) __attribute__((always_inline)) {
    Vec w[Gates];
    unrolled<Gates>([&](auto g) { w[g] = load(r + g * Vec::size); });
    unrolled<Rows>([&](auto row) {
      const Vec x = broadcast(state[row * s.row]);
      unrolled<Gates>([&](auto g) { acc[row][chain][g] = fma(x, w[g], acc[row][chain][g]); });
    });
    r += Gates * Vec::size;
    ++state;
  };
  int k = 0;
  for (; k + chains <= s.hidden; k += chains) unrolled<chains>(step);
  for (; k < s.hidden; ++k) step(std::integral_constant<int, 0>{});
  unrolled<Rows>([&](auto row) {
    unrolled<Gates>([&](auto g) {
      Vec sum = acc[row][0][g];
      unrolled<chains - 1>([&](auto chain) { sum = sum + acc[row][chain + 1][g]; });
      sums[row][g] = sum;
    });
  });
}

inline void put_state(const RecurrentStep& s, int row, Vec h) {
  store(s.h_next + row * s.row, h);
  if (s.y) store(s.y + row * s.y_row, h, s.lanes);
}

/// The cell of one sequence, from the products with its state.
template <StepKind Kind, int Gates>
[[gnu::always_inline]] inline void finish(const RecurrentStep& s, int row,
                                          const Vec (&sums)[Gates]) {
  const float* input = s.input + row * s.input_row;
  const auto in = [&](int gate) { return load(input + gate * Vec::size); };
  const Vec one = broadcast(1.0f);
  float* c = s.c + row * s.row;
  if constexpr (Kind == StepKind::rnn) {
    put_state(s, row, activate(in(0) + sums[0], s.function));
  } else if constexpr (Kind == StepKind::gru_gates) {
    store(c, sigmoid(in(0) + sums[0]));
    store(s.h_next + row * s.row, sigmoid(in(1) + sums[1]) * load(s.h + row * s.row));
  } else if constexpr (Kind == StepKind::gru_candidate) {
    const Vec z = load(c);
    put_state(s, row, fma(z, load(s.h + row * s.row), (one - z) * tanh(in(2) + sums[0])));
  } else if constexpr (Kind == StepKind::gru_linear) {
    const Vec z = sigmoid(in(0) + sums[0]);
    const Vec r = sigmoid(in(1) + sums[1]);
    const Vec candidate = tanh(fma(r, sums[2] + load(s.bias), in(2)));
    put_state(s, row, fma(z, load(s.h + row * s.row), (one - z) * candidate));
  } else {
    const Vec bound = broadcast(s.cell_clip);
    const Vec forgotten = sigmoid(in(2) + sums[2]) * load(c);
    const Vec cell = fma(sigmoid(in(0) + sums[0]), tanh(in(3) + sums[3]), forgotten);
    const Vec bounded = min(bound, max(zero() - bound, cell));
    store(c, bounded);
    put_state(s, row, sigmoid(in(1) + sums[1]) * tanh(bounded));
  }
}

template <StepKind Kind, int Rows>
void run_step(const RecurrentStep& s) noexcept {
  constexpr int gates = gates_of(Kind);
  if constexpr (Rows * gates > most_accumulators) {  // four sequences of an LSTM, two at a time
    RecurrentStep half = s;
    run_step<Kind, Rows / 2>(half);
    half.state += Rows / 2 * s.row;
    half.input += Rows / 2 * s.input_row;
    half.h += Rows / 2 * s.row;
    half.h_next += Rows / 2 * s.row;
    half.c += Rows / 2 * s.row;
    if (s.y) half.y += Rows / 2 * s.y_row;
    run_step<Kind, Rows - Rows / 2>(half);
  } else {
    Vec sums[Rows][gates];
    multiply(s, sums);
    for (int row = 0; row < Rows; ++row) finish<Kind>(s, row, sums[row]);
  }
}

template <StepKind Kind>
RecurrentFunction* step_of(int rows) {
  return rows == 1   ? run_step<Kind, 1>
         : rows == 2 ? run_step<Kind, 2>
         : rows == 3 ? run_step<Kind, 3>
                     : run_step<Kind, 4>;
}

}  // namespace

RecurrentFunction* find_recurrent(StepKind kind, int rows) noexcept {
  switch (kind) {
    case StepKind::rnn:
      return step_of<StepKind::rnn>(rows);
    case StepKind::gru_gates:
      return step_of<StepKind::gru_gates>(rows);
    case StepKind::gru_candidate:
      return step_of<StepKind::gru_candidate>(rows);
    case StepKind::gru_linear:
      return step_of<StepKind::gru_linear>(rows);
    case StepKind::lstm:
      break;
  }
  return step_of<StepKind::lstm>(rows);
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
