#pragma once

#include "strata/kernels/conv/winograd.hpp"
#include "strata/kernels/vec_math.hpp"

/// The transforms of winograd.hpp. Points 0, 1, -1 (and 2, -2), infinity.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// B^T d of one dimension, in place.
[[gnu::always_inline]] inline void transform_in(Vec (&d)[4]) {
  const Vec d1 = d[1];
  d[0] = d[0] - d[2];
  d[1] = d1 + d[2];
  d[3] = d1 - d[3];
  d[2] = d[2] - d1;
}
[[gnu::always_inline]] inline void transform_in(Vec (&d)[6]) {
  const Vec four = broadcast(4.0f), five = broadcast(-5.0f), minus_four = broadcast(-4.0f);
  const Vec even = fma(minus_four, d[2], d[4]), odd = fma(minus_four, d[1], d[3]);
  const Vec far = d[4] - d[2], near = d[3] - d[1];
  d[0] = fma(four, d[0], fma(five, d[2], d[4]));
  d[5] = fma(four, d[1], fma(five, d[3], d[5]));
  d[1] = even + odd;
  d[2] = even - odd;
  d[3] = far + (near + near);
  d[4] = far - (near + near);
}

/// A^T s of one dimension: the first m of s.
[[gnu::always_inline]] inline void transform_out(Vec (&s)[4]) {
  const Vec s1 = s[1];
  s[0] = s[0] + s1 + s[2];
  s[1] = s1 - s[2] - s[3];
}
[[gnu::always_inline]] inline void transform_out(Vec (&s)[6]) {
  const Vec sum1 = s[1] + s[2], difference1 = s[1] - s[2];
  const Vec sum2 = s[3] + s[4], difference2 = s[3] - s[4];
  s[0] = s[0] + sum1 + sum2;
  s[1] = difference1 + (difference2 + difference2);
  s[2] = fma(broadcast(4.0f), sum2, sum1);
  s[3] = fma(broadcast(8.0f), difference2, difference1) + s[5];
}

/// G g of one dimension: g has three values and becomes m + 2.
[[gnu::always_inline]] inline void transform_weights(const Vec (&g)[3], Vec (&u)[4]) {
  const Vec half = broadcast(0.5f), ends = half * (g[0] + g[2]), middle = half * g[1];
  u[0] = g[0];
  u[1] = ends + middle;
  u[2] = ends - middle;
  u[3] = g[2];
}
[[gnu::always_inline]] inline void transform_weights(const Vec (&g)[3], Vec (&u)[6]) {
  // Divisions round once: the reciprocals of 6 and 24 are no floats.
  const Vec six = broadcast(-6.0f), many = broadcast(24.0f), four = broadcast(4.0f);
  const Vec ends = (g[0] + g[2]) / six, middle = g[1] / six;
  const Vec far_ends = fma(four, g[2], g[0]) / many, far_middle = (g[1] + g[1]) / many;
  u[0] = broadcast(0.25f) * g[0];
  u[1] = ends + middle;
  u[2] = ends - middle;
  u[3] = far_ends + far_middle;
  u[4] = far_ends - far_middle;
  u[5] = g[2];
}

template <int M>
void winograd_weights(const float* g, float* to, std::ptrdiff_t to_product) noexcept {
  constexpr int side = M + 2;
  Vec columns[3][side];
  for (int j = 0; j < 3; ++j) {
    const Vec column[3] = {load(g + j * Vec::size), load(g + (3 + j) * Vec::size),
                           load(g + (6 + j) * Vec::size)};
    transform_weights(column, columns[j]);
  }
  for (int i = 0; i < side; ++i) {
    const Vec row[3] = {columns[0][i], columns[1][i], columns[2][i]};
    Vec u[side];
    transform_weights(row, u);
    for (int j = 0; j < side; ++j, to += to_product) store(to, u[j]);
  }
}

/// The pixel, or zeros where padding lies.
template <bool Whole>
[[gnu::always_inline]] inline Vec pixel(const WinogradInput& t, int row, int column) {
  if (!Whole && (row < t.row_begin || row >= t.row_end || column < t.column_begin ||
                 column >= t.column_end)) {
    return zero();
  }
  return load(t.x + row * t.x_row + column * Vec::size);
}

template <int M, bool Whole>
[[gnu::always_inline]] inline void input_tile(const WinogradInput& t) {
  constexpr int side = M + 2;
  alignas(64) float columns[side][side][Vec::size];
#pragma GCC unroll 1
  for (int j = 0; j < side; ++j) {
    Vec d[side];
#pragma GCC unroll 6
    for (int i = 0; i < side; ++i) d[i] = pixel<Whole>(t, i, j);
    transform_in(d);
#pragma GCC unroll 6
    for (int i = 0; i < side; ++i) store(columns[i][j], d[i]);
  }
  float* v = t.v;
#pragma GCC unroll 1
  for (int i = 0; i < side; ++i) {
    Vec d[side];
#pragma GCC unroll 6
    for (int j = 0; j < side; ++j) d[j] = load(columns[i][j]);
    transform_in(d);
#pragma GCC unroll 6
    for (int j = 0; j < side; ++j, v += t.v_product) store(v, d[j]);
  }
}

template <int M>
void winograd_input(const WinogradInput& t) noexcept {
  const bool whole =
      t.row_begin == 0 && t.row_end == M + 2 && t.column_begin == 0 && t.column_end == M + 2;
  whole ? input_tile<M, true>(t) : input_tile<M, false>(t);
}

template <int M>
void winograd_output(const WinogradOutput& t) noexcept {
  constexpr int side = M + 2;
  alignas(64) float rows[M][side][Vec::size];
#pragma GCC unroll 1
  for (int j = 0; j < side; ++j) {
    Vec s[side];
#pragma GCC unroll 6
    for (int i = 0; i < side; ++i) s[i] = load(t.sums + (i * side + j) * t.sums_product);
    transform_out(s);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) store(rows[i][j], s[i]);
  }
  const EpilogueBounds bounds(t.epilogue);
  const bool bounding = is_bounding(t.epilogue.activation);
  const Vec bias = load(t.bias);
  for (int i = 0; i < t.rows; ++i) {
    Vec s[side];
#pragma GCC unroll 6
    for (int j = 0; j < side; ++j) s[j] = load(rows[i][j]);
    transform_out(s);
#pragma GCC unroll 4
    for (int j = 0; j < M; ++j) {
      if (j >= t.columns) break;
      const std::ptrdiff_t at = i * t.y_row + j * Vec::size;
      Vec v = s[j] + bias;
      if (t.residual) v = v + load(t.residual + at);
      store(t.y + at, bounding ? bounds.apply(v) : activate(v, t.epilogue));
    }
  }
}

}  // namespace

constexpr WinogradKernels winograd2{winograd_weights<2>, winograd_input<2>, winograd_output<2>};
constexpr WinogradKernels winograd4{winograd_weights<4>, winograd_input<4>, winograd_output<4>};

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
