#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "strata/tensor/fixed_point.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata {

/// Modes "tflite_reference", "tflite_optimized" and "tflite_xnnpack": what LiteRT's reference
/// kernels, its optimised kernels without a delegate, and its XNNPACK delegate compute.
/// R rounds half to even, A half away from zero.

/// The products whose sums are brought back to codes; they differ in rounding.
enum class SumOf { convolution, depthwise, transposed, fully_connected, matmul };

/// How a sum of products becomes a code of the result: one per output channel.
struct Rescale {
  enum class Rule {
    float_even,  ///< R(f32(sum) * f32 scale) + zero point
    real_away,   ///< A(f64(sum) * f64 scale) + zero point
    fixed_away,  ///< multiply_away(sum) + zero point
    fixed_up,    ///< multiply_up(sum) + zero point
    fixed_wide,  ///< multiply_wide(sum) + zero point, of a 64-bit sum
  };
  Rule rule = Rule::float_even;
  double scale = 0;  ///< an f32 where the rule says so
  FixedMultiplier fixed;
  std::int32_t zero_point = 0;
  QuantizedRange range{};

  /// The code of a sum; all rules but fixed_wide and real_away take sums of 32 bits.
  std::int32_t operator()(std::int64_t sum) const;
};

/// What the rule of one channel follows from.
struct RescaleOf {
  Arithmetic arithmetic;
  SumOf sum;
  DType type;         ///< of the numbers multiplied and of the result: i8, u8, i16
  bool wide = false;  ///< 64-bit sums (i16 with an i64 bias or none)
  float x_scale, w_scale;
  QuantizedOperand y;
  /// Whether the channel is one of 8 that optimised kernels take at once: below the channels
  /// rounded down to a multiple of 8.
  bool in_block_of_8 = false;
};
Rescale rescale_of(const RescaleOf& of);

/// Brings codes from one grid to another, with a factor on the way: y = x * factor.
/// In xnnpack mode the factor is a multiple of 1/256.
struct Regrid {
  Arithmetic arithmetic;
  FixedMultiplier fixed;
  std::int32_t in_256ths = 0;
  std::int32_t x_zero = 0, y_zero = 0;
  QuantizedRange range{};

  std::int32_t operator()(std::int32_t code) const;
};
Regrid regrid_of(Arithmetic arithmetic, QuantizedOperand x, QuantizedOperand y,
                 QuantizedRange range);
/// The same for x * factor, the ratio of scales computed in f32 as leaky ReLU's kernels do.
Regrid scaled_regrid_of(Arithmetic arithmetic, QuantizedOperand x, float factor, QuantizedOperand y,
                        QuantizedRange range);

/// Sums and differences of numbers on different grids.
struct FixedSum {
  Arithmetic arithmetic;
  int left_shift = 20;
  FixedMultiplier a, b, y;
  std::int32_t a_zero = 0, b_zero = 0, y_zero = 0;
  std::int64_t a_factor = 0, b_factor = 0, constant = 0;  ///< xnnpack: 21-bit integers
  int shift = 0;
  QuantizedRange range{};

  std::int32_t operator()(std::int32_t code_a, std::int32_t code_b) const;
};
/// `sign` is 1 for a + b and -1 for a - b; `type` is that of the codes.
FixedSum sum_of(Arithmetic arithmetic, QuantizedOperand a, QuantizedOperand b, int sign,
                QuantizedOperand y, DType type);

/// Products of two codes.
Rescale product_of(Arithmetic arithmetic, QuantizedOperand a, QuantizedOperand b,
                   QuantizedOperand y, QuantizedRange range);

/// clamp(A(x / scale) + zero_point) / clamp(R(x * (1 / scale)) + zero_point), by mode.
std::int32_t tflite_quantize(Arithmetic arithmetic, float x, QuantizedOperand y,
                             QuantizedRange range);
/// scale * (code - zero_point), or code * scale - zero_point * scale in optimised kernels.
float tflite_dequantize(Arithmetic arithmetic, std::int32_t code, QuantizedOperand x);

/// The average of n codes: the sum divided, rounded half away from zero.
inline std::int64_t average_of(std::int64_t sum, std::int64_t n) {
  return (sum > 0 ? sum + n / 2 : sum - n / 2) / n;
}

/// Means of n codes, where the result has its own grid.
struct FixedMean {
  Arithmetic arithmetic;
  FixedMultiplier fixed;
  float scale = 0, constant = 0;
  std::int64_t offset = 0;  ///< n times the zero point of x
  std::int32_t y_zero = 0;
  QuantizedRange range{};

  std::int32_t operator()(std::int64_t sum) const;
};
FixedMean mean_of(Arithmetic arithmetic, QuantizedOperand x, std::int64_t n, QuantizedOperand y,
                  QuantizedRange range);

/// The average of codes, in any mode.
struct CodeAverage {
  enum class Rule : std::uint8_t {
    shifted,  ///< R(s * (sum - n * zero point) / n / y's scale + y's zero point): windows of ONNX
    scaled,   ///< R((sum - n * zero point) * (s / (n * y's scale))) + y's: means of ONNX
    rounded,  ///< average_of, where x and y are on one grid: windows of TFLite
    fixed,    ///< FixedMean, where all averages are of as many codes: means of TFLite
  };
  Rule rule = Rule::shifted;
  QuantizedOperand x{}, y{};
  QuantizedRange range{};
  FixedMean mean{};

  /// The code of the average of n codes; that of no codes is the zero point of y.
  std::int32_t operator()(std::int64_t sum, std::int64_t n) const;
};
/// Of windows, and of means of n codes.
CodeAverage window_average_of(Arithmetic arithmetic, QuantizedOperand x, QuantizedOperand y,
                              QuantizedRange range);
CodeAverage mean_average_of(Arithmetic arithmetic, QuantizedOperand x, std::int64_t n,
                            QuantizedOperand y, QuantizedRange range);

}  // namespace strata
