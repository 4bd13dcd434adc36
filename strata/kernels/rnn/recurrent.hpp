#pragma once

#include <span>

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/row.hpp"
#include "strata/tensor/tflite_lstm.hpp"

namespace strata::kernels {

/// RNN, GRU or LSTM over sequences in f32, as ONNX defines them, with the functions it has by
/// default (an RNN may have others).
/// in: {X (steps, batch, input), then those that exist of lengths i32 (batch), initial_h and
/// initial_c (directions, batch, hidden)}; out: those that are wanted of {Y (steps, directions,
/// batch, hidden), Y_h, Y_c}. With batch_first the batch comes before steps and directions.
/// constants: {W (directions, gates * hidden, input), R (directions, gates * hidden, hidden), B
/// (directions, 2 * gates * hidden) or null}, f32.
struct RecurrentProblem : Problem {
  RecurrentProblem() : Problem(ProblemKind::recurrent) {}

  enum class Cell : std::uint8_t { rnn, gru, lstm };
  Cell cell = Cell::lstm;
  std::int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
  bool reversed = false;  ///< the first direction
  bool batch_first = false;
  bool has_lengths = false, has_h = false, has_c = false;
  bool wants_y = true, wants_h = false, wants_c = false;
  bool linear_before_reset = false;  ///< GRU: the reset gate multiplies the product, not the state
  float cell_clip = 0;               ///< LSTM: bound of |c|; 0: none
  Epilogue function;                 ///< RNN
  bool codes = false;                ///< an IntegerLstmProblem
};

/// TFLite's LSTM of codes in one direction: x, y and h are i8, c is i16; gates in the order of
/// LstmFactors. in: {X, h (batch, hidden), c}; constants: {W (4 * hidden, input), R (4 * hidden,
/// hidden), both i8 with the zero point 0, B (4 * hidden) i32}.
struct IntegerLstmProblem : RecurrentProblem {
  IntegerLstmProblem() { codes = true; }

  LstmFactors factors;
  std::int32_t x_zero = 0, h_zero = 0, y_zero = 0;
};

std::span<const Row> recurrent_rows();

}  // namespace strata::kernels
