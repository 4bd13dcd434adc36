#pragma once

#include <cstdint>

#include "strata/base/cpu.hpp"

namespace strata::kernels {

/// Loops that go as fast as one core can, to measure what the machine is capable of.
struct SpeedLoops {
  /// Independent f32 multiply-adds in registers: `operations` floating-point operations a round.
  float (*multiply_adds)(std::int64_t rounds, float factor) noexcept;
  std::int64_t operations;
  /// Reads `count` floats, a multiple of 256, with the widest loads.
  float (*read)(const float* data, std::int64_t count) noexcept;
};

/// For the newest of these instruction sets, which this processor must have.
const SpeedLoops& speed_loops(Isa isa);

namespace avx512 {
extern const SpeedLoops speed_loops;
}
namespace avx2 {
extern const SpeedLoops speed_loops;
}
namespace baseline {
extern const SpeedLoops speed_loops;
}

}  // namespace strata::kernels
