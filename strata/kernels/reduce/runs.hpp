#pragma once

#include "strata/kernels/reduce/reduce.hpp"

namespace strata::kernels {

/// Columns of a work unit when the axis is not innermost; rows of one when it is.
constexpr std::int64_t reduce_columns = 64;
std::int64_t reduce_rows_per_unit(const ReduceProblem& problem);

namespace avx512 {
const char* run_reduce(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace avx2 {
const char* run_reduce(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace baseline {
const char* run_reduce(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}

}  // namespace strata::kernels
