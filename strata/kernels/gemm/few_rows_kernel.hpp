#pragma once

#include "strata/kernels/gemm/few_rows.hpp"
#include "strata/kernels/tile_kernel.hpp"
#include "strata/kernels/unrolled.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Results in registers to memory. Only the last vector may be partial.
template <bool Scaled, int V>
inline void finish_few(const Vec (&total)[V], const FewRows& s, int row) {
  const float* residual = s.residual ? s.residual + row * s.y_row : nullptr;
  float* y = s.y + row * s.y_row;
  for (int v = 0; v < V; ++v) {
    const int at = v * Vec::size;
    const int lanes = v + 1 < V ? Vec::size : s.last_lanes;
    Vec result = total[v];
    if constexpr (Scaled) result = result * load(s.scale + at, lanes);
    result = result + load(s.bias + at, lanes);
    if (residual) result = result + load(residual + at, lanes);
    store(y + at, activate(result, *s.epilogue), lanes);
  }
}

/// acc[row][chain][vector]; step i of the reduction goes to chain i % Chains.
template <class Weight, int Rows, int V, int Chains, bool Masked>
void few_rows(const FewRows& s) noexcept {
  Vec acc[Rows][Chains][V];
  unrolled<Rows * Chains * V>(
      [&](auto i) { acc[i / (Chains * V)][i / V % Chains][i % V] = zero(); });
  const Weight* b = static_cast<const Weight*>(s.b);
  const float* a = s.a;
  const auto step = [&](auto chain) __attribute__((always_inline)) {
    Vec w[V];
    unrolled<V>([&](auto v) {
      if constexpr (Masked) {
        w[v] = load(b + v * Vec::size, s.last_lanes);
      } else {
        w[v] = load_weights(b + v * Vec::size);
      }
    });
    unrolled<Rows>([&](auto r) {
      const Vec x = broadcast(a[r * s.a_row]);
      unrolled<V>([&](auto v) { acc[r][chain][v] = fma(x, w[v], acc[r][chain][v]); });
    });
    b += s.b_row;
    ++a;
  };
  std::ptrdiff_t i = 0;
  for (; i + Chains <= s.k; i += Chains) unrolled<Chains>(step);
  for (; i < s.k; ++i) step(std::integral_constant<int, 0>{});
  unrolled<Rows>([&](auto r) {
    unrolled<Chains - 1>([&](auto chain) {
      unrolled<V>([&](auto v) { acc[r][0][v] = acc[r][0][v] + acc[r][chain + 1][v]; });
    });
    finish_few<sizeof(Weight) == 1>(acc[r][0], s, r);
  });
}

/// Chains enough to hide the latency of additions, within the registers.
template <class Weight, int V>
FewRowsFunction* few_rows_of(int rows) {
  constexpr int chains = 8 / V;
  return rows == 1   ? few_rows<Weight, 1, V, chains, false>
         : rows == 2 ? few_rows<Weight, 2, V, chains / 2, false>
                     : few_rows<Weight, 3, V, chains / 4, false>;
}

template <class Weight>
FewRowsFunction* find_few_rows(int rows, int vectors) {
  return vectors == 2 ? few_rows_of<Weight, 2>(rows) : few_rows_of<Weight, 1>(rows);
}

FewRowsFunction* find_unpacked(int rows, int vectors) {
  if (vectors == unpacked_vectors) {
    return rows == 1   ? few_rows<float, 1, unpacked_vectors, 2, false>
           : rows == 2 ? few_rows<float, 2, unpacked_vectors, 1, false>
                       : few_rows<float, 3, unpacked_vectors, 1, false>;
  }
  return rows == 1   ? few_rows<float, 1, 1, 4, true>
         : rows == 2 ? few_rows<float, 2, 1, 2, true>
                     : few_rows<float, 3, 1, 2, true>;
}

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
