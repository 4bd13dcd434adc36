#pragma once

#include <string>
#include <vector>

#include "strata/runtime/program.hpp"

namespace strata::tune {

/// A step that multiplies integers, and what the same product would cost on floats.
struct FloatTwin {
  std::size_t step = 0;      ///< of the program
  double seconds = 0;        ///< modelled, of the row that runs it
  double float_seconds = 0;  ///< modelled, of the fastest float row, reorders left out

  /// Floats are no slower on this machine.
  bool integers_lose() const { return float_seconds <= seconds; }
};

/// Of every convolution and matrix product on integers, fused ones too, in the order of the steps.
std::vector<FloatTwin> float_twins(const runtime::Program& program);

}  // namespace strata::tune
