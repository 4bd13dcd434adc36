#pragma once

#include <cstdint>

#include "strata/kernels/arg/arg.hpp"

namespace strata::kernels {

/// The axis as it lies in memory: `inner` places side by side, `extent` rows of them.
struct ArgShape {
  std::int64_t outer, extent, inner;
};
ArgShape arg_shape(const ArgProblem& problem);

/// Results of a work unit: of neighbours in one row, or of whole rows where inner is 1.
constexpr std::int64_t arg_unit = 512;

namespace avx2 {
const char* run_arg(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace baseline {
const char* run_arg(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}

}  // namespace strata::kernels
