#pragma once

#include "strata/kernels/norm/norm.hpp"

namespace strata::kernels {

/// Columns of a work unit when the axis is not innermost; rows of one when it is.
constexpr std::int64_t softmax_columns = 64;
std::int64_t softmax_rows(const SoftmaxProblem& problem);
/// Rows of a work unit.
std::int64_t layer_norm_rows(const LayerNormProblem& problem);

namespace avx512 {
const char* run_softmax(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_layer_norm(const Args& args, int phase, std::int64_t begin,
                           std::int64_t end) noexcept;
const char* run_rms_norm(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept;
}  // namespace avx512
namespace avx2 {
const char* run_softmax(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_layer_norm(const Args& args, int phase, std::int64_t begin,
                           std::int64_t end) noexcept;
const char* run_rms_norm(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept;
}  // namespace avx2
namespace baseline {
const char* run_softmax(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
const char* run_layer_norm(const Args& args, int phase, std::int64_t begin,
                           std::int64_t end) noexcept;
const char* run_rms_norm(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept;
}  // namespace baseline

}  // namespace strata::kernels
