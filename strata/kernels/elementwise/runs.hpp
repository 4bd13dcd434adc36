#pragma once

#include "strata/kernels/elementwise/elementwise.hpp"

namespace strata::kernels {

/// Elements of one work unit.
constexpr std::int64_t elementwise_unit = 8192;

/// Stored elements, padding lanes included.
std::int64_t unary_elements(const UnaryProblem& problem);

namespace avx512 {
const char* run_unary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_binary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}  // namespace avx512

namespace avx2 {
const char* run_unary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_binary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}  // namespace avx2

namespace baseline {
const char* run_unary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_binary(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}  // namespace baseline

}  // namespace strata::kernels
