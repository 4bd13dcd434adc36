#pragma once

#include <type_traits>

#include "strata/kernels/tile.hpp"
#include "strata/kernels/tile_bases.hpp"
#include "strata/kernels/vec_math.hpp"

/// The register tile of tile.hpp.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

inline Vec load_weights(const float* p) { return load(p); }
inline Vec load_weights(const std::uint16_t* p) { return load_f16(p); }
inline Vec load_weights(const std::int8_t* p) { return load_i8(p); }

#if defined(__AVX512BF16__)
inline Vec load_weights(const Bf16Pair* p) { return load(reinterpret_cast<const float*>(p)); }
#endif

/// Whether there are tiles that compute half of their last vector: processors that take two steps
/// for a vector of 16 lanes then take one.
template <class Weight>
constexpr bool has_half_vectors = std::is_same_v<Weight, float>&& Vec::size == 16;

/// sum += a * b as the type of the weights has it.
template <class Weight, bool Half = false>
[[gnu::always_inline]] inline void multiply_add(Vec& sum, Vec a, Vec b) {
#if defined(__AVX512BF16__)
  if constexpr (std::is_same_v<Weight, Bf16Pair>) return accumulate_pairs(sum, a, b);
#endif
#if defined(__AVX512F__)
  if constexpr (Half) return accumulate_half(sum, a, b);
#endif
  accumulate(sum, a, b);
}

/// The same for a broadcast that no other product shares: as an operand of the product, where there
/// are such, it takes no instruction of its own, of which Zen 4 starts too few per cycle.
template <class Weight, bool Half>
[[gnu::always_inline]] inline void multiply_add_once(Vec& sum, const float& a, Vec b) {
#if defined(__AVX512F__)
  if constexpr (Half) {
    asm volatile("vfmadd231ps %1%{1to8%}, %t2, %t0" : "+v"(sum.v) : "m"(a), "v"(b.v));
    return;
  } else if constexpr (!std::is_same_v<Weight, Bf16Pair>) {
    asm volatile("vfmadd231ps %1%{1to16%}, %2, %0" : "+v"(sum.v) : "m"(a), "v"(b.v));
    return;
  }
#endif
  multiply_add<Weight>(sum, broadcast_now(a), b);
}

inline const char* offset_by(const void* p, std::ptrdiff_t floats) {
  return static_cast<const char*>(p) + floats * std::ptrdiff_t(sizeof(float));
}

/// One step of the reduction for all positions from P on.
template <class Weight, int Columns, bool Half, int N, int V, int Count, int P = 0>
[[gnu::always_inline]] inline void step(Vec (&acc)[N][V], const Vec (&w)[V],
                                        const char* const (&base)[Count], std::ptrdiff_t column,
                                        int offset) {
  if constexpr (P < N) {
    const char* at = tile_position<Columns, P>(base, column, offset);
    const float& x = *reinterpret_cast<const float*>(at);
    if constexpr (V == 1) {
      multiply_add_once<Weight, Half>(acc[P][0], x, w[0]);
    } else {
      const Vec all = broadcast_now(x);
      multiply_add<Weight>(acc[P][0], all, w[0]);
      multiply_add<Weight, Half>(acc[P][1], all, w[1]);
    }
    step<Weight, Columns, Half, N, V, Count, P + 1>(acc, w, base, column, offset);
  }
}

template <int Columns, bool Half = false, int N, int V, int Count, class Weight>
[[gnu::always_inline]] inline void steps(Vec (&acc)[N][V], const Weight* w,
                                         const char* const (&base)[Count], std::ptrdiff_t column,
                                         int offset) {
  Vec weights[V];
  weights[0] = load_weights(w);
  if constexpr (V == 2) weights[1] = load_weights(w + Vec::size);
  step<Weight, Columns, Half>(acc, weights, base, column, offset);
}

template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void clear(Vec (&acc)[N][V]) {
  if constexpr (P < N) {
    acc[P][0] = zero();
    if constexpr (V == 2) acc[P][1] = zero();
    clear<N, V, P + 1>(acc);
  }
}

/// All positions begin with the same lanes.
template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void begin_with(Vec (&acc)[N][V], const Vec (&lanes)[V]) {
  if constexpr (P < N) {
    acc[P][0] = lanes[0];
    if constexpr (V == 2) acc[P][1] = lanes[1];
    begin_with<N, V, P + 1>(acc, lanes);
  }
}

constexpr float no_lanes[2 * Vec::size] = {};

/// Where results go, as copies of a tile's numbers that stay in registers: what is written might
/// be the tile itself for all that the compiler knows.
struct Places {
  const float* bias;
  const float* scale;
  std::ptrdiff_t column, next_row, vector;  // floats from one to the next; from a row's end on
};

/// Sums that are not complete: times the scale, with the bias of their lanes added.
enum class Pending { nothing, bias, scale_and_bias };

/// What is pending, then what of the epilogue stays in registers: residual, lower, upper bound. All
/// lanes are written.
template <Pending What, bool Residual, int Columns, int N, int V, int P = 0>
[[gnu::always_inline]] inline void finish(Vec (&acc)[N][V], Places to, const float* residual,
                                          float* y, EpilogueBounds bounds) {
  if constexpr (P < N * V) {
    constexpr int j = P % V;
    Vec v = acc[P / V][j];
    if constexpr (What == Pending::scale_and_bias) v = v * load(to.scale + j * Vec::size);
    if constexpr (What != Pending::nothing) v = v + load(to.bias + j * Vec::size);
    if constexpr (Residual) v = v + load(residual + j * to.vector);
    store(y + j * to.vector, bounds.apply(v));
    if constexpr (j + 1 == V) {
      const std::ptrdiff_t step = (P / V + 1) % Columns == 0 ? to.column + to.next_row : to.column;
      y += step;
      asm volatile(""
                   : "+r"(y));  // or GCC 12 computes all addresses first, and spills sums for them
      if constexpr (Residual) {
        residual += step;
        asm volatile("" : "+r"(residual));
      }
    }
    finish<What, Residual, Columns, N, V, P + 1>(acc, to, residual, y, bounds);
  }
}

template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void spill(const Vec (&acc)[N][V], float* to) {
  if constexpr (P < N * V) {
    store(to + P * Vec::size, acc[P / V][P % V]);
    spill<N, V, P + 1>(acc, to);
  }
}

/// The same for any kind of bias and count of lanes, from sums in memory.
template <bool Scaled>
[[gnu::noinline]] void finish_stored(const float* sums, const TileShape& s, const TileOperands& t,
                                     int columns, int positions, int vectors) {
  const EpilogueBounds bounds(s.epilogue);
  for (int p = 0; p < positions; ++p) {
    for (int j = 0; j < vectors; ++j) {
      Vec v = load(sums + (p * vectors + j) * Vec::size);
      if constexpr (Scaled) v = v * load(t.scale + j * Vec::size);
      if (!s.bias_per_lane) v = v + broadcast(t.bias[p]);
      if (Scaled && s.bias_per_lane) v = v + load(t.bias + j * Vec::size);
      const int lanes = j + 1 < vectors ? Vec::size : t.last_lanes;
      const std::ptrdiff_t at = p / columns * s.y_row + p % columns * s.y_column + j * s.y_vector;
      if (t.residual) v = v + load(t.residual + at, lanes);
      store(t.y + at, bounds.apply(v), lanes);
    }
  }
}

/// Activations beyond bounds, on results just written.
[[gnu::noinline]] inline void activate_tile(const TileShape& s, const TileOperands& t, int columns,
                                            int positions, int vectors) {
  for (int p = 0; p < positions; ++p) {
    for (int j = 0; j < vectors; ++j) {
      float* at = t.y + p / columns * s.y_row + p % columns * s.y_column + j * s.y_vector;
      const int lanes = j + 1 < vectors ? Vec::size : t.last_lanes;
      store(at, activate(load(at, lanes), s.epilogue), lanes);
    }
  }
}

/// Half: of the last vector.
template <class Weight, int Rows, int Columns, int V, bool Half>
void run_tile(const TileShape& s, const TileOperands& t) noexcept {
  constexpr bool scaled = sizeof(Weight) == 1;
  // Sums that begin with the bias of their lanes need no addition for it.
  const float* first = !scaled && s.bias_per_lane ? t.bias : no_lanes;
  Vec lanes[V];
  for (int j = 0; j < V; ++j) lanes[j] = load(first + j * Vec::size);
  Vec acc[Rows * Columns][V];
  begin_with(acc, lanes);
  const Weight* w = static_cast<const Weight*>(t.w);
  const std::byte* prefetch = t.prefetch;
  const std::ptrdiff_t row = s.x_row * std::ptrdiff_t(sizeof(float));
  const std::ptrdiff_t column = s.x_column * std::ptrdiff_t(sizeof(float));
  const char* xa = reinterpret_cast<const char*>(t.x);
  for (int a = 0; a < s.count[0]; ++a, xa = offset_by(xa, s.stride[0])) {
    const int inner = a + 1 < s.count[0] ? s.inner : s.last_inner;
    const char* xb = xa;
    for (int b = 0; b < s.count[1]; ++b, xb = offset_by(xb, s.stride[1])) {
      const char* xc = xb;
      for (int c = 0; c < s.count[2]; ++c, xc = offset_by(xc, s.stride[2])) {
        const char* base[TileBases<Rows, Columns>::count];
        place<Rows, Columns>(base, xc, row, column);
        int i = inner;
        for (; i >= 4; i -= 4) {
          __builtin_prefetch(prefetch);
          __builtin_prefetch(prefetch + 64);
          prefetch += tile_prefetch_bytes;
          steps<Columns, Half>(acc, w, base, column, 0);
          steps<Columns, Half>(acc, w + V * Vec::size, base, column, 4);
          steps<Columns, Half>(acc, w + 2 * V * Vec::size, base, column, 8);
          steps<Columns, Half>(acc, w + 3 * V * Vec::size, base, column, 12);
          w += 4 * V * Vec::size;
          advance(base, 16);
        }
        for (; i > 0; --i) {
          steps<Columns, Half>(acc, w, base, column, 0);
          w += V * Vec::size;
          advance(base, 4);
        }
      }
    }
  }
  if (!s.bias_per_lane || t.last_lanes != Vec::size) {
    float sums[Rows * Columns * V * Vec::size];
    spill(acc, sums);
    finish_stored<scaled>(sums, s, t, Columns, Rows * Columns, V);
  } else {
    constexpr Pending pending = scaled ? Pending::scale_and_bias : Pending::nothing;
    const EpilogueBounds bounds(s.epilogue);
    const Places to{t.bias, t.scale, s.y_column, s.y_row - Columns * s.y_column, s.y_vector};
    if (t.residual) {
      finish<pending, true, Columns>(acc, to, t.residual, t.y, bounds);
    } else {
      finish<pending, false, Columns>(acc, to, nullptr, t.y, bounds);
    }
  }
  if (!is_bounding(s.epilogue.activation)) activate_tile(s, t, Columns, Rows * Columns, V);
}

/// run_tile by columns, vectors and halves, for one or two rows.
template <class Weight>
struct TileTable {
  static constexpr int most = Vec::size == 16  ? avx512_form.positions
                              : Vec::size == 8 ? avx2_form.positions
                                               : baseline_form.positions;
  TileFunction* one_row[most + 1][3][2] = {};
  TileFunction* two_rows[most / 2 + 1][3][2] = {};

  constexpr TileTable() { fill<1>(); }

  TileFunction* find(int rows, int columns, int lanes) const {
    const int vectors = lanes > Vec::size ? 2 : 1;
    const bool half = has_half_vectors<Weight> && 2 * lanes <= (2 * vectors - 1) * Vec::size;
    return rows == 1 ? one_row[columns][vectors][half] : two_rows[columns][vectors][half];
  }

 private:
  template <int Columns>
  constexpr void fill() {
    fill_one<Columns, 1, false>();
    fill_one<Columns, 2, false>();
    if constexpr (has_half_vectors<Weight>) {
      fill_one<Columns, 1, true>();
      fill_one<Columns, 2, true>();
    }
    if constexpr (Columns < most) fill<Columns + 1>();
  }

  template <int Columns, int V, bool Half>
  constexpr void fill_one() {
    one_row[Columns][V][Half] = run_tile<Weight, 1, Columns, V, Half>;
    if constexpr (Columns <= most / 2) {
      two_rows[Columns][V][Half] = run_tile<Weight, 2, Columns, V, Half>;
    }
  }
};

template <class Weight>
constexpr TileTable<Weight> tiles;

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
