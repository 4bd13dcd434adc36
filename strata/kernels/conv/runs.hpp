#pragma once

#include "strata/kernels/row.hpp"

/// What the ISA files export.
namespace strata::kernels {

using RunFunction = const char*(const Args& args, int phase, std::int64_t begin,
                                std::int64_t end) noexcept;

namespace avx512 {
RunFunction run_direct_blocked, run_direct_blocked_f16, run_direct_blocked_i8;
RunFunction run_direct_channels_last, run_direct_stem;
}  // namespace avx512

namespace avx2 {
RunFunction run_direct_blocked, run_direct_blocked_f16, run_direct_blocked_i8;
RunFunction run_direct_channels_last, run_direct_stem;
}  // namespace avx2

namespace baseline {
RunFunction run_direct_blocked;
RunFunction run_direct_channels_last, run_direct_stem;
}  // namespace baseline

}  // namespace strata::kernels
