#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {

/// A scalar function of a gate, with its parameters.
struct GateFunction {
  double (*apply)(double x, double alpha, double beta) = nullptr;
  double alpha = 0, beta = 0;
  double limit = 0;  ///< bound of |x| before it is applied; 0: none

  double operator()(double x) const;
};
constexpr int max_gate_functions = 3;
using GateFunctions = std::array<GateFunction, max_gate_functions>;

/// What tells RNN, GRU and LSTM apart to code they share. Operands as ONNX has them: X (steps,
/// batch, input), W (directions, gates * hidden, input), R (directions, gates * hidden, hidden),
/// B (directions, 2 * gates * hidden), lengths (batch), initial states (directions, batch, hidden);
/// with layout 1 the batch comes first.
struct RecurrentKind {
  int gates;
  std::span<const std::string_view> functions;  ///< of one direction, where none are named
};

/// The attributes "activations", "activation_alpha", "activation_beta" and "clip" for a direction.
/// Throws model for names or counts that ONNX does not have.
GateFunctions gate_functions(const Attributes& attributes, const RecurrentKind& kind,
                             int direction);

/// Validates inputs 0 to 5 and sets outputs 0 and 1 (Y, Y_h).
void infer_recurrent(InferContext& context, const RecurrentKind& kind);
/// Validates a state (initial_h, initial_c) and gives its type.
TensorType recurrent_state(const InferContext& context);
void expect_recurrent_state(const InferContext& context, int i, std::string_view what);

Cost recurrent_cost(const CostArgs& args);

/// Sizes and orientation of one node.
struct RecurrentSizes {
  std::int64_t steps, batch, input, hidden, directions;
  bool batch_first, reversed;

  explicit RecurrentSizes(const EvalArgs& args);
  /// First element of a row of X, of Y, and of a state.
  std::int64_t x(std::int64_t t, std::int64_t b) const;
  std::int64_t y(std::int64_t t, std::int64_t d, std::int64_t b) const;
  std::int64_t state(std::int64_t d, std::int64_t b) const;
};

/// y[i] = bias[i] + sum over k of rows[i, k] * x[k]; no bias if null.
template <class T>
void project(const T* rows, const T* bias, std::int64_t count, std::int64_t size, const double* x,
             double* y) {
  constexpr int lanes = 8;  // independent sums, so that they need not wait for each other
  for (std::int64_t i = 0; i < count; ++i, rows += size) {
    double sums[lanes] = {};
    std::int64_t k = 0;
    for (; k + lanes <= size; k += lanes) {
      for (int lane = 0; lane < lanes; ++lane) sums[lane] += double(rows[k + lane]) * x[k + lane];
    }
    double sum = bias ? double(bias[i]) : 0;
    for (; k < size; ++k) sum += double(rows[k]) * x[k];
    for (const double part : sums) sum += part;
    y[i] = sum;
  }
}

/// One sequence between two steps: its state, and the sums that gates begin with.
template <class T>
struct RecurrentStep {
  std::int64_t hidden;
  const T* rows;        ///< R of this direction
  const T* bias;        ///< Rb of this direction; null: none
  const T* peephole;    ///< P of this direction (LSTM); null: none
  const double* input;  ///< (gates * hidden) W x + Wb
  double* recurrent;    ///< (gates * hidden) R h + Rb
  double* h;            ///< (hidden) replaced by the step
  double* c;            ///< (hidden) the cell (LSTM), or to be used at will
};

/// Bytes of scratch that run_recurrence takes.
std::size_t recurrent_scratch(const CostArgs& args);

/// Runs all sequences. `cell` is called for each step with the RecurrentStep and the functions of
/// the direction. Inputs 6 and 7 and output 2, if any, are the cell's.
template <class T, class Cell>
Status run_recurrence(const EvalArgs& args, const RecurrentKind& kind, Cell cell) {
  const RecurrentSizes sizes(args);
  const std::int64_t rows = kind.gates * sizes.hidden;
  auto* x = reinterpret_cast<double*>(args.scratch);
  double* h = x + sizes.input;
  double* c = h + sizes.hidden;
  double* input = c + sizes.hidden;
  double* recurrent = input + rows;
  const auto weights = [&](std::size_t i, std::int64_t offset) {
    return args.has_input(i) ? static_cast<const T*>(args.inputs[i].raw()) + offset : nullptr;
  };
  const auto wanted = [&](std::size_t i) {
    return i < args.outputs.size() && args.outputs[i].present();
  };
  const auto start = [&](std::size_t i, std::int64_t at, double* state) {
    std::fill(state, state + sizes.hidden, 0.0);
    if (args.has_input(i)) load(args.inputs[i], at, 1, sizes.hidden, state);
  };
  for (std::int64_t d = 0; d < sizes.directions; ++d) {
    const GateFunctions functions = gate_functions(args.attributes(), kind, int(d));
    const T* w = weights(1, d * rows * sizes.input);
    const T* bias = weights(3, d * 2 * rows);
    const RecurrentStep<T> step{sizes.hidden,
                                weights(2, d * rows * sizes.hidden),
                                bias ? bias + rows : nullptr,
                                weights(7, d * 3 * sizes.hidden),
                                input,
                                recurrent,
                                h,
                                c};
    const bool backwards = sizes.reversed || d == 1;
    for (std::int64_t b = 0; b < sizes.batch; ++b) {
      const std::int64_t length = args.has_input(4) ? index_at(args.inputs[4], b) : sizes.steps;
      if (length < 0 || length > sizes.steps) {
        return {"sequence_lens holds a length beyond the sequence"};
      }
      start(5, sizes.state(d, b), h);
      start(6, sizes.state(d, b), c);
      for (std::int64_t i = 0; i < sizes.steps; ++i) {
        const std::int64_t t = backwards && i < length ? length - 1 - i : i;
        if (i < length) {
          load(args.inputs[0], sizes.x(t, b), 1, sizes.input, x);
          project(w, bias, rows, sizes.input, x, input);
          project(step.rows, step.bias, rows, sizes.hidden, h, recurrent);
          cell(step, functions);
        }
        if (!wanted(0)) continue;
        T* y = static_cast<T*>(args.outputs[0].mutable_raw()) + sizes.y(t, d, b);
        for (std::int64_t j = 0; j < sizes.hidden; ++j) y[j] = narrow<T>(i < length ? h[j] : 0);
      }
      if (wanted(1)) store(h, sizes.hidden, args.outputs[1], sizes.state(d, b));
      if (wanted(2)) store(c, sizes.hidden, args.outputs[2], sizes.state(d, b));
    }
  }
  return {};
}

}  // namespace strata::ir
