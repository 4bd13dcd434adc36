#pragma once

#include "strata/kernels/gemm/gemm.hpp"

namespace strata::kernels {

/// (m, k) times (k, n), everything else as it is by default.
inline GemmProblem product(std::int64_t m, std::int64_t n, std::int64_t k) {
  GemmProblem p;
  p.m = m;
  p.n = n;
  p.k = k;
  return p;
}

}  // namespace strata::kernels
