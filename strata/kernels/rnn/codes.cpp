#include "strata/kernels/rnn/codes.hpp"

#include <algorithm>
#include <cstring>

namespace strata::kernels {
namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::size_t aligned(std::int64_t bytes) { return std::size_t(divide_up(bytes, 64) * 64); }

/// W or R of the constants.
struct Matrix {
  const std::int8_t* rows;
  std::int64_t columns, words;
  std::int32_t zero;  ///< of what it multiplies
};

}  // namespace

LstmPlan::LstmPlan(const IntegerLstmProblem& p, const LstmKernels& kernels)
    : p_(p),
      kernels_(kernels),
      padded_(divide_up(p.hidden, 2 * kernels.lanes) * 2 * kernels.lanes),
      input_words_(divide_up(p.input, kernels.word_elements)),
      hidden_words_(divide_up(p.hidden, kernels.word_elements)) {}

std::size_t LstmPlan::weight_bytes() const {
  return std::size_t((input_words_ + hidden_words_) * lstm_gates * padded_ * 4);
}
std::size_t LstmPlan::packed_bytes() const {
  return weight_bytes() + std::size_t(2 * lstm_gates * padded_ * 4);
}

void LstmPlan::pack(const Constants& constants, std::byte* packed) const {
  std::memset(packed, 0, packed_bytes());
  const bool bytes = kernels_.word_elements == 4;
  const std::int64_t lanes = kernels_.lanes, panel = lstm_gates * lanes;
  const Matrix matrices[] = {
      {static_cast<const std::int8_t*>(constants.data[0]), p_.input, input_words_, p_.x_zero},
      {static_cast<const std::int8_t*>(constants.data[1]), p_.hidden, hidden_words_, p_.h_zero}};
  auto* biases = reinterpret_cast<std::int32_t*>(packed + weight_bytes());
  for (std::int64_t m = 0; m < 2; ++m, biases += lstm_gates * padded_) {
    const Matrix& matrix = matrices[m];
    for (std::int64_t i = 0; i < lstm_gates * p_.hidden; ++i) {
      const std::int64_t gate = i / p_.hidden, unit = i % p_.hidden;
      const std::int64_t block = unit / lanes, lane = gate * lanes + unit % lanes;
      std::byte* to =
          packed +
          4 * panel * (block * (input_words_ + hidden_words_) + (m == 1 ? input_words_ : 0));
      std::uint32_t sum = 0;
      for (std::int64_t k = 0; k < matrix.columns; ++k) {
        const std::int8_t w = matrix.rows[i * matrix.columns + k];
        std::byte* word = to + 4 * (k / kernels_.word_elements * panel + lane);
        const std::int64_t within = k % kernels_.word_elements;
        const std::int16_t wide = w;
        bytes ? void(word[within] = std::byte(w)) : void(std::memcpy(word + 2 * within, &wide, 2));
        sum += std::uint32_t(w);
      }
      std::int32_t bias = 0;
      if (m == 0) {
        std::memcpy(&bias, static_cast<const std::byte*>(constants.data[2]) + 4 * i, sizeof bias);
      }
      // Differences of bytes need no correction.
      const std::uint32_t zero = bytes ? std::uint32_t(matrix.zero + 128) : 0;
      biases[block * panel + lane] = std::int32_t(std::uint32_t(bias) - zero * sum);
    }
  }
}

std::size_t LstmPlan::worker_scratch_bytes() const {
  return aligned(4 * input_words_) + aligned(4 * hidden_words_) + aligned(padded_) +
         aligned((lstm_gates + 2) * padded_ * 2);
}

void LstmPlan::run(const Args& args, std::int64_t sequence) const {
  LstmRun run{};
  run.steps = p_.steps;
  run.input = int(p_.input);
  run.hidden = int(p_.hidden);
  run.padded = int(padded_);
  run.input_words = int(input_words_);
  run.hidden_words = int(hidden_words_);
  run.x_zero = p_.x_zero;
  run.h_zero = p_.h_zero;
  run.y_zero = p_.y_zero;
  run.weights = reinterpret_cast<const std::uint8_t*>(args.packed);
  run.x_bias = reinterpret_cast<const std::int32_t*>(args.packed + weight_bytes());
  run.h_bias = run.x_bias + lstm_gates * padded_;
  std::ranges::copy(p_.factors.from_x, run.from_x);
  std::ranges::copy(p_.factors.from_h, run.from_h);
  run.output = p_.factors.output;
  run.cell_bits = p_.factors.cell_bits;
  run.clip = p_.factors.clip;

  const std::int64_t first = p_.batch_first ? sequence * p_.steps : sequence;
  const std::int64_t step = p_.batch_first ? 1 : p_.batch;
  run.x = static_cast<const std::uint8_t*>(args.in[0]) + first * p_.input;
  run.x_step = step * p_.input;
  run.y_step = step * p_.hidden;
  if (p_.wants_y) run.y = static_cast<std::uint8_t*>(args.out[0]) + first * p_.hidden;

  std::memset(args.worker_scratch, 0, worker_scratch_bytes());
  auto* scratch = reinterpret_cast<std::uint8_t*>(args.worker_scratch);
  const auto take = [&](std::int64_t bytes) {
    std::uint8_t* taken = scratch;
    scratch += aligned(bytes);
    return taken;
  };
  run.x_codes = take(4 * input_words_);
  run.h_codes = take(4 * hidden_words_);
  run.h = take(padded_);
  run.gates = reinterpret_cast<std::int16_t*>(scratch);
  run.c = run.gates + lstm_gates * padded_;
  run.squashed = run.c + padded_;
  const auto units = std::size_t(p_.hidden);
  const auto at = std::size_t(sequence) * units;
  std::memcpy(run.h, static_cast<const std::byte*>(args.in[1]) + at, units);
  std::memcpy(run.c, static_cast<const std::byte*>(args.in[2]) + 2 * at, 2 * units);
  kernels_.run(run);
  std::size_t next = p_.wants_y ? 1 : 0;
  if (p_.wants_h) std::memcpy(static_cast<std::byte*>(args.out[next++]) + at, run.h, units);
  if (p_.wants_c) std::memcpy(static_cast<std::byte*>(args.out[next]) + 2 * at, run.c, 2 * units);
}

double LstmPlan::seconds() const {
  constexpr double cycles_per_second = 3.5e9;
  const double vectors = double(padded_ / kernels_.lanes);
  const double products = vectors * double(input_words_ + hidden_words_) * lstm_gates;
  const double cycles = 200 + products * 1.2 + vectors * 250;
  return double(p_.batch * p_.steps) * cycles / cycles_per_second;
}

}  // namespace strata::kernels
