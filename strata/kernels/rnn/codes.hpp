#pragma once

#include "strata/kernels/integer/tile.hpp"
#include "strata/kernels/rnn/recurrent.hpp"

namespace strata::kernels {

/// All steps of one sequence. Hidden units go in blocks of as many as a vector has lanes; arrays of
/// them have `padded` elements.
struct LstmRun {
  std::int64_t steps;
  int input, hidden, padded;
  int input_words, hidden_words;  ///< of 32 bits, as tiles of integer convolutions read them
  const std::uint8_t* x;          ///< codes i8
  std::ptrdiff_t x_step, y_step;
  std::uint8_t* y;  ///< codes i8, or null
  std::int32_t x_zero, h_zero, y_zero;
  const std::uint8_t* weights;          ///< per block W, then R: (word, gate, lane)
  const std::int32_t *x_bias, *h_bias;  ///< per block (gate, lane)
  FixedMultiplier from_x[lstm_gates], from_h[lstm_gates], output;
  int cell_bits;
  std::int32_t clip;
  std::uint8_t *x_codes, *h_codes;  ///< a step's, in words
  std::int16_t* gates;              ///< (gate, unit)
  std::int16_t *c, *squashed;
  std::uint8_t* h;  ///< codes i8
};

/// What one instruction set offers.
struct LstmKernels {
  int lanes;          ///< of a vector of 32 bits
  int word_elements;  ///< 4 u8 or 2 i16
  void (*run)(const LstmRun&) noexcept;
};
namespace avx512_vnni {
extern const LstmKernels lstm_kernels;
}
namespace avx512 {
extern const LstmKernels lstm_kernels;
}
namespace avx2 {
extern const LstmKernels lstm_kernels;
}

/// How an LSTM of codes runs: a work unit is a sequence with all its steps, whose memory is in the
/// worker's scratch. Packed: the weights, then the biases of W's sums and those of R's, in which
/// the zero points are.
class LstmPlan {
 public:
  LstmPlan(const IntegerLstmProblem& p, const LstmKernels& kernels);

  std::size_t packed_bytes() const;
  void pack(const Constants& constants, std::byte* packed) const;
  std::size_t worker_scratch_bytes() const;
  void run(const Args& args, std::int64_t sequence) const;
  double seconds() const;

 private:
  std::size_t weight_bytes() const;

  const IntegerLstmProblem& p_;
  const LstmKernels& kernels_;
  std::int64_t padded_ = 0, input_words_ = 0, hidden_words_ = 0;
};

}  // namespace strata::kernels
