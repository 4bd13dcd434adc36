#pragma once

#include <cstddef>

#include "strata/kernels/epilogue.hpp"

namespace strata::kernels {

/// What becomes of the sums of a block of hidden units in one step. A GRU whose reset gate
/// multiplies the state needs two steps: all reset gates come before any candidate.
enum class StepKind { rnn, gru_gates, gru_candidate, gru_linear, lstm };
constexpr int step_kinds = 5;
/// Gates whose products with the state a step computes.
constexpr int gates_of(StepKind kind) {
  constexpr int gates[step_kinds] = {1, 2, 1, 3, 4};
  return gates[int(kind)];
}

/// One step of one to four sequences for a block of as many hidden units as a vector has lanes.
/// Rows of sequences are row floats apart in the states, input_row in the input's sums.
struct RecurrentStep {
  const float* state;  ///< what R multiplies: h, or r * h
  std::ptrdiff_t row;
  int hidden;
  const float* r;      ///< (hidden, gates, lanes)
  const float* input;  ///< W x + b: (gates, lanes), of a GRU always three
  std::ptrdiff_t input_row;
  const float* bias;  ///< of the candidate's product with h (gru_linear): lanes
  const float* h;     ///< of this block, before
  float* h_next;      ///< of this block, after; gru_gates: r * h
  float* c;           ///< of this block: the cell (LSTM), the update gate (GRU)
  float* y;           ///< a copy of h_next, or null
  std::ptrdiff_t y_row;
  int lanes;        ///< of y that exist
  float cell_clip;  ///< bound of |c|; infinity: none
  Epilogue function;
};
constexpr int most_step_rows = 4;

using RecurrentFunction = void(const RecurrentStep&) noexcept;
/// The function for that many sequences at once.
using FindRecurrent = RecurrentFunction*(StepKind kind, int rows) noexcept;

namespace avx512 {
FindRecurrent find_recurrent;
}
namespace avx2 {
FindRecurrent find_recurrent;
}
namespace baseline {
FindRecurrent find_recurrent;
}

}  // namespace strata::kernels
