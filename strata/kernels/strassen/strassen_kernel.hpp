#pragma once

#include "strata/kernels/strassen/strassen.hpp"
#include "strata/kernels/tile_kernel.hpp"

/// The additions of strassen.hpp.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

void add_quarters(const StrassenSums& o) noexcept {
  for (std::int64_t i = 0; i < o.count; i += Vec::size) {
    const Vec a11 = load(o.a11 + i), a12 = load(o.a12 + i), a22 = load(o.a22 + i);
    const Vec a21 = load(o.a21 + i);
    const Vec s1 = a21 + a22;
    const Vec s2 = s1 - a11;
    store(o.s[0] + i, s1);
    store(o.s[1] + i, s2);
    store(o.s[2] + i, a11 - a21);
    store(o.s[3] + i, a12 - s2);
    if (!o.copies[0]) continue;
    store(o.copies[0] + i, a11);
    store(o.copies[1] + i, a12);
    store(o.copies[2] + i, a22);
  }
}

/// Sums that wait in the first cache: spilled, taken back, added.
template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void take(Vec (&acc)[N][V], const float* from) {
  if constexpr (P < N * V) {
    acc[P / V][P % V] = load(from + P * Vec::size);
    take<N, V, P + 1>(acc, from);
  }
}

template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void add(Vec (&acc)[N][V], const float* from) {
  if constexpr (P < N * V) {
    acc[P / V][P % V] = acc[P / V][P % V] + load(from + P * Vec::size);
    add<N, V, P + 1>(acc, from);
  }
}

/// y = bounds of acc + sums + bias + residual; acc stays.
template <bool Residual, int N, int V, int P = 0>
[[gnu::always_inline]] inline void finish_with(const Vec (&acc)[N][V], const float* sums, Places to,
                                               const float* residual, float* y,
                                               EpilogueBounds bounds) {
  if constexpr (P < N * V) {
    constexpr int j = P % V;
    Vec v = acc[P / V][j] + load(sums + P * Vec::size) + load(to.bias + j * Vec::size);
    if constexpr (Residual) v = v + load(residual + j * to.vector);
    store(y + j * to.vector, bounds.apply(v));
    const std::ptrdiff_t step = j + 1 == V ? to.column : 0;
    finish_with<Residual, N, V, P + 1>(acc, sums, to, residual + step, y + step, bounds);
  }
}

/// acc += one product; `w` moves on to the next.
template <int Rows, int V>
[[gnu::always_inline]] inline void multiply(Vec (&acc)[Rows][V], const StrassenFactor& factor,
                                            int rounds, int inner, const float*& w) {
  const std::ptrdiff_t column = factor.row * std::ptrdiff_t(sizeof(float));
  const char* x = reinterpret_cast<const char*>(factor.x);
  for (int round = 0; round < rounds; ++round, x = offset_by(x, factor.round)) {
    const char* base[TileBases<1, Rows>::count];
    place<1, Rows>(base, x, 0, column);
    for (int i = inner; i > 0; i -= 4) {
      steps<Rows>(acc, w, base, column, 0);
      steps<Rows>(acc, w + V * Vec::size, base, column, 4);
      steps<Rows>(acc, w + 2 * V * Vec::size, base, column, 8);
      steps<Rows>(acc, w + 3 * V * Vec::size, base, column, 12);
      w += 4 * V * Vec::size;
      advance(base, 16);
    }
  }
}

/// A bound or none on what is stored; what goes beyond bounds follows later.
template <int Rows, int V>
[[gnu::always_inline]] inline void finish_quarter(Vec (&acc)[Rows][V], const StrassenTile& t,
                                                  const float* bias, std::ptrdiff_t quarter,
                                                  EpilogueBounds bounds) {
  const Places to{bias, nullptr, t.y_row, 0, t.y_vector};
  if (t.residual) {
    finish<Pending::bias, true, Rows>(acc, to, t.residual + quarter, t.y + quarter, bounds);
  } else {
    finish<Pending::bias, false, Rows>(acc, to, nullptr, t.y + quarter, bounds);
  }
}

[[gnu::noinline]] inline void activate_quarters(const StrassenTile& t, int rows, int vectors) {
  for (const std::ptrdiff_t quarter : {std::ptrdiff_t(0), t.y12, t.y21, t.y22}) {
    for (int i = 0; i < rows * vectors; ++i) {
      float* at = t.y + quarter + i / vectors * t.y_row + i % vectors * t.y_vector;
      store(at, activate(load(at), *t.epilogue));
    }
  }
}

template <int Rows, int V>
void run_strassen_tile(const StrassenTile& t) noexcept {
  float u1[Rows * V * Vec::size], u2[Rows * V * Vec::size], u3[Rows * V * Vec::size];
  const float* w = t.weights;
  Vec acc[Rows][V];
  clear(acc);
  // One copy of the loops for all products: seven would not fit the cache of instructions.
  for (int product = 0; product < 7; ++product) {
    multiply(acc, t.factors[product], t.rounds, t.inner, w);
    const EpilogueBounds bounds(*t.epilogue);
    switch (product) {
      case 0:
        spill(acc, u1);
        break;
      case 1:
        spill(acc, u2);
        break;
      case 2:
        spill(acc, u3);
        break;
      case 3:
        finish_quarter(acc, t, t.left_bias, t.y21, bounds);
        clear(acc);
        break;
      case 4: {
        const Places to{t.right_bias, nullptr, t.y_row, 0, t.y_vector};
        if (t.residual) {
          finish_with<true>(acc, u3, to, t.residual + t.y22, t.y + t.y22, bounds);
        } else {
          finish_with<false>(acc, u3, to, t.y, t.y + t.y22, bounds);
        }
        add(acc, u2);
        break;
      }
      case 5:
        finish_quarter(acc, t, t.right_bias, t.y12, bounds);
        take(acc, u1);
        break;
      default:
        finish_quarter(acc, t, t.left_bias, 0, bounds);
    }
  }
  if (!is_bounding(t.epilogue->activation)) activate_quarters(t, Rows, V);
}

/// run_strassen_tile by rows and vectors: halves have tiles of balanced heights.
template <int Rows = TileTable<float>::most>
StrassenTileFunction* find_strassen_tile(int rows, int vectors) noexcept {
  if constexpr (2 * Rows >= TileTable<float>::most) {
    if (rows == Rows) return vectors == 1 ? run_strassen_tile<Rows, 1> : run_strassen_tile<Rows, 2>;
    return find_strassen_tile<Rows - 1>(rows, vectors);
  }
  return nullptr;
}

}  // namespace

constexpr StrassenKernels strassen{add_quarters, find_strassen_tile<>};

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
