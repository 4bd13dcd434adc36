#include "strata/tensor/tflite_lstm.hpp"

#include <algorithm>
#include <cmath>

namespace strata {

LstmFactors lstm_factors(const LstmScales& scales) {
  constexpr float gate_scale = 0x1p-12f;
  LstmFactors factors;
  for (std::size_t g = 0; g < lstm_gates; ++g) {
    factors.from_x[g] = fixed_multiplier(double(scales.w[g] * scales.x / gate_scale));
    factors.from_h[g] = fixed_multiplier(double(scales.r[g] * scales.h / gate_scale));
  }
  factors.output = fixed_multiplier(double(float(0x1p-15 / double(scales.y) * 0x1p-15)));
  int exponent = 0;
  std::frexp(scales.c, &exponent);
  factors.cell_bits = std::clamp(exponent - 1 + 15, 0, 6);
  factors.clip = std::int32_t(std::clamp(scales.cell_clip / scales.c, 0.0f, 32767.0f));
  return factors;
}

}  // namespace strata
