#pragma once

#include <array>
#include <cstdint>

#include "strata/tensor/fixed_point.hpp"

namespace strata {

/// Gates of TFLite's integer LSTM: input, forget, cell, output.
constexpr int lstm_gates = 4;

/// The scales of a node: of its input, the state as it enters the products, the state as it leaves
/// the cell, the cell (a power of two) and each gate's weights.
struct LstmScales {
  float x = 1, h = 1, y = 1, c = 1;
  std::array<float, lstm_gates> w{}, r{};
  float cell_clip = 0;  ///< bound of |c|; 0: none
};

/// What brings sums to the gates' Q3.12, and a gate times the cell's tanh to the state's codes.
struct LstmFactors {
  std::array<FixedMultiplier, lstm_gates> from_x, from_h;
  FixedMultiplier output;
  int cell_bits = 0;      ///< of c before the point, 0 to 6
  std::int32_t clip = 0;  ///< of c; 0: none
};
LstmFactors lstm_factors(const LstmScales& scales);

}  // namespace strata
