#pragma once

#include "strata/kernels/conv/winograd.hpp"
#include "strata/kernels/vec_math.hpp"

/// The transforms of winograd.hpp. The points of F(2, 2) are 0, 1, infinity; of F(2, 3) -1 too, of
/// F(4, 2) -1 and 2, of F(4, 3) -1, 2 and -2. All of these have different counts of values.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// B^T d of one dimension, in place.
[[gnu::always_inline]] inline void transform_in(Vec (&d)[3]) {
  d[0] = d[0] - d[1];
  d[2] = d[2] - d[1];
}
[[gnu::always_inline]] inline void transform_in(Vec (&d)[4]) {
  const Vec d1 = d[1];
  d[0] = d[0] - d[2];
  d[1] = d1 + d[2];
  d[3] = d1 - d[3];
  d[2] = d[2] - d1;
}
[[gnu::always_inline]] inline void transform_in(Vec (&d)[5]) {
  const Vec two = broadcast(2.0f), minus_two = broadcast(-2.0f), minus_three = broadcast(-3.0f);
  const Vec d1 = d[1], far = d[3] - d1, near = d[2] - d[0];
  d[0] = fma(minus_two, near, far);
  d[4] = fma(minus_two, far, d[4] - d[2]);
  d[1] = fma(minus_two, d1, d[3] - d[2]);
  d[2] = fma(two, d1, fma(minus_three, d[2], d[3]));
  d[3] = far;
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
[[gnu::always_inline]] inline void transform_out(Vec (&s)[3]) {
  s[0] = s[0] + s[1];
  s[1] = s[1] + s[2];
}
[[gnu::always_inline]] inline void transform_out(Vec (&s)[4]) {
  const Vec s1 = s[1];
  s[0] = s[0] + s1 + s[2];
  s[1] = s1 - s[2] - s[3];
}
[[gnu::always_inline]] inline void transform_out(Vec (&s)[5]) {
  const Vec sum = s[1] + s[2], difference = s[1] - s[2], far = s[3];
  s[0] = s[0] + sum + far;
  s[1] = fma(broadcast(2.0f), far, difference);
  s[2] = fma(broadcast(4.0f), far, sum);
  s[3] = fma(broadcast(8.0f), far, difference) + s[4];
}
[[gnu::always_inline]] inline void transform_out(Vec (&s)[6]) {
  const Vec sum1 = s[1] + s[2], difference1 = s[1] - s[2];
  const Vec sum2 = s[3] + s[4], difference2 = s[3] - s[4];
  s[0] = s[0] + sum1 + sum2;
  s[1] = difference1 + (difference2 + difference2);
  s[2] = fma(broadcast(4.0f), sum2, sum1);
  s[3] = fma(broadcast(8.0f), difference2, difference1) + s[5];
}

/// G g of one dimension: a value for each tap becomes one for each product.
[[gnu::always_inline]] inline void transform_weights(const Vec (&g)[2], Vec (&u)[3]) {
  u[0] = g[0];
  u[1] = g[0] + g[1];
  u[2] = g[1];
}
[[gnu::always_inline]] inline void transform_weights(const Vec (&g)[2], Vec (&u)[5]) {
  const Vec six = broadcast(6.0f);  // its reciprocal is no float: divisions round once
  u[0] = broadcast(0.5f) * g[0];
  u[1] = broadcast(-0.5f) * (g[0] + g[1]);
  u[2] = (g[1] - g[0]) / six;
  u[3] = (g[0] + (g[1] + g[1])) / six;
  u[4] = g[1];
}
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

template <int M, int R>
void winograd_weights(const float* g, float* to, std::ptrdiff_t to_product) noexcept {
  constexpr int side = M + R - 1;
  Vec columns[R][side];
  for (int j = 0; j < R; ++j) {
    Vec column[R];
    for (int i = 0; i < R; ++i) column[i] = load(g + (i * R + j) * Vec::size);
    transform_weights(column, columns[j]);
  }
  for (int i = 0; i < side; ++i) {
    Vec row[R], u[side];
    for (int j = 0; j < R; ++j) row[j] = columns[j][i];
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

template <int Side, bool Whole>
[[gnu::always_inline]] inline void input_tile(const WinogradInput& t) {
  alignas(64) float columns[Side][Side][Vec::size];
#pragma GCC unroll 1
  for (int j = 0; j < Side; ++j) {
    Vec d[Side];
#pragma GCC unroll 6
    for (int i = 0; i < Side; ++i) d[i] = pixel<Whole>(t, i, j);
    transform_in(d);
#pragma GCC unroll 6
    for (int i = 0; i < Side; ++i) store(columns[i][j], d[i]);
  }
  float* v = t.v;
#pragma GCC unroll 1
  for (int i = 0; i < Side; ++i) {
    Vec d[Side];
#pragma GCC unroll 6
    for (int j = 0; j < Side; ++j) d[j] = load(columns[i][j]);
    transform_in(d);
#pragma GCC unroll 6
    for (int j = 0; j < Side; ++j, v += t.v_product) store(v, d[j]);
  }
}

template <int Side>
void winograd_input(const WinogradInput& t) noexcept {
  const bool whole =
      t.row_begin == 0 && t.row_end == Side && t.column_begin == 0 && t.column_end == Side;
  whole ? input_tile<Side, true>(t) : input_tile<Side, false>(t);
}

template <int M, int R>
void winograd_output(const WinogradOutput& t) noexcept {
  constexpr int side = M + R - 1;
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
      const std::ptrdiff_t at = i * t.y_row + j * t.y_column;
      Vec v = s[j] + bias;
      if (t.residual) v = v + load(t.residual + at);
      store(t.y + at, bounding ? bounds.apply(v) : activate(v, t.epilogue));
    }
  }
}

}  // namespace

template <int M, int R>
constexpr WinogradKernels winograd_kernels{winograd_weights<M, R>, winograd_input<M + R - 1>,
                                           winograd_output<M, R>};

constexpr WinogradKernels winograd2 = winograd_kernels<2, 3>;
constexpr WinogradKernels winograd4 = winograd_kernels<4, 3>;
constexpr WinogradKernels winograd2_taps2 = winograd_kernels<2, 2>;
constexpr WinogradKernels winograd4_taps2 = winograd_kernels<4, 2>;

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
