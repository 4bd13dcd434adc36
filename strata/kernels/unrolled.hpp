#pragma once

#include <type_traits>

/// Internal linkage, as everything that is compiled per instruction set.
namespace strata::kernels {
namespace {

/// f(0), ..., f(N-1), each index a constant, so that arrays of vectors stay in registers.
template <int N, int I = 0, class F>
[[gnu::always_inline]] inline void unrolled(const F& f) {
  if constexpr (I < N) {
    f(std::integral_constant<int, I>{});
    unrolled<N, I + 1>(f);
  }
}

}  // namespace
}  // namespace strata::kernels
