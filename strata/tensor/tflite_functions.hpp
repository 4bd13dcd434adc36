#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata {

/// Functions of quantized numbers as LiteRT computes them: tables of 8-bit codes, and softmax.

/// One result per 8-bit code; index by the low 8 bits of the code.
using CodeTable = std::array<std::int32_t, 256>;

/// The table of a function of codes in the range (which has at most 256).
template <class F>
CodeTable table_of(QuantizedRange range, F f) {
  CodeTable table{};
  for (std::int32_t code = range.low; code <= range.high; ++code) {
    table[std::size_t(std::uint8_t(code))] = f(code);
  }
  return table;
}

/// clamp(A(f(s * (code - z)) * (1 / so)) + zo) for all codes: functions evaluated in f32.
template <class F>
CodeTable real_table(QuantizedRange range, QuantizedOperand x, QuantizedOperand y, F f) {
  return table_of(range, [&](std::int32_t code) {
    const float value = f(x.scale * float(code - x.zero_point));
    return round_then_shift(std::round(double(value * (1.0f / y.scale))), y.zero_point, range);
  });
}

/// x * relu6(x + 3) / 6 in 16-bit fixed point.
CodeTable hard_swish_table(QuantizedRange range, QuantizedOperand x, QuantizedOperand y);

/// Softmax of `count` codes that lie `step` apart; the result has the zero point low and scale
/// 1/256 (i16: 1/32768), which kernels take for granted. 8-bit codes.
class FixedSoftmax {
 public:
  FixedSoftmax(Arithmetic arithmetic, float beta, QuantizedOperand x, QuantizedOperand y,
               QuantizedRange range);
  template <class T>
  void operator()(const T* x, T* y, std::int64_t count, std::int64_t step) const;

 private:
  template <class T>
  void by_table(const T* x, T* y, std::int64_t count, std::int64_t step) const;

  bool fixed_;
  QuantizedRange range_;
  FixedMultiplier scaled_;
  std::int32_t least_ = 0;  ///< differences from the maximum below this count as nothing
  QuantizedOperand y_;
  std::array<float, 256> exp_{};
};

}  // namespace strata
