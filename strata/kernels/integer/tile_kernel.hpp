#pragma once

#include "strata/kernels/integer/finish.hpp"
#include "strata/kernels/tile_bases.hpp"
#include "strata/kernels/unrolled.hpp"

/// The register tile of tile.hpp.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

/// 14 x 2 accumulators with VNNI, fewer where products need a register of their own.
#if defined(__AVX512VNNI__)
constexpr int tile_positions = 14;
#elif defined(__AVX512F__)
constexpr int tile_positions = 12;
#elif defined(__AVX2__)
constexpr int tile_positions = 6;
#else
constexpr int tile_positions = 4;
#endif

/// One word of the reduction for all positions from P on.
template <int Columns, int N, int V, int Count, int P = 0>
[[gnu::always_inline]] inline void step(Ints (&acc)[N][V], const Ints (&w)[V],
                                        const char* const (&base)[Count], std::ptrdiff_t column,
                                        int offset) {
  if constexpr (P < N) {
    const Ints x = broadcast_word(tile_position<Columns, P>(base, column, offset));
    accumulate(acc[P][0], x, w[0]);
    if constexpr (V == 2) accumulate(acc[P][1], x, w[1]);
    step<Columns, N, V, Count, P + 1>(acc, w, base, column, offset);
  }
}

template <int Columns, int N, int V, int Count>
[[gnu::always_inline]] inline void step_at(Ints (&acc)[N][V], const std::uint8_t* w,
                                           const char* const (&base)[Count], std::ptrdiff_t column,
                                           int offset) {
  Ints weights[V];
  weights[0] = load_any<Ints>(w);
  if constexpr (V == 2) weights[1] = load_any<Ints>(w + sizeof(Ints));
  step<Columns>(acc, weights, base, column, offset);
}

template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void clear(Ints (&acc)[N][V]) {
  if constexpr (P < N * V) {
    acc[P / V][P % V] = Ints{};
    clear<N, V, P + 1>(acc);
  }
}

template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void spill(const Ints (&acc)[N][V], std::int32_t* to) {
  if constexpr (P < N * V) {
    store_any(to + P * int_lanes, acc[P / V][P % V]);
    spill<N, V, P + 1>(acc, to);
  }
}

#if defined(__AVX512VNNI__)
/// What one position reads, summed: for weights with a zero point.
[[gnu::noinline]] std::int32_t sum_window(const IntegerTileShape& s, const std::uint8_t* x) {
  Ints sums{};
  const Ints ones = Ints{} + 0x01010101;
  const int rest = s.words % int_lanes;
  const __mmask16 last = __mmask16((1u << rest) - 1);
  for (int a = 0; a < s.rows; ++a) {
    for (int b = 0; b < s.columns; ++b) {
      const std::uint8_t* from = x + a * s.row_stride + b * s.column_stride;
      for (int i = rest; i < s.words; i += int_lanes, from += sizeof(Ints)) {
        accumulate(sums, load_any<Ints>(from), ones);
      }
      accumulate(sums, (Ints)_mm512_maskz_loadu_epi32(last, from), ones);
    }
  }
  return _mm512_reduce_add_epi32((__m512i)sums);
}
#else
/// Differences of bytes need no such sums.
std::int32_t sum_window(const IntegerTileShape&, const std::uint8_t*) { return 0; }
#endif

/// The whole reduction of a tile.
template <int Rows, int Columns, int V>
[[gnu::always_inline]] inline void reduce(const IntegerTileShape& s, const IntegerTile& t,
                                          Ints (&acc)[Rows * Columns][V]) {
  const std::uint8_t* w = t.w;
  constexpr std::ptrdiff_t step_bytes = V * std::ptrdiff_t(sizeof(Ints));
  const char* xa = reinterpret_cast<const char*>(t.x);
  for (int a = 0; a < s.rows; ++a, xa += s.row_stride) {
    const char* xb = xa;
    for (int b = 0; b < s.columns; ++b, xb += s.column_stride) {
      const char* base[TileBases<Rows, Columns>::count];
      place<Rows, Columns>(base, xb, s.x_row, s.x_column);
      int i = s.words;
      for (; i >= 4; i -= 4) {
        step_at<Columns>(acc, w, base, s.x_column, 0);
        step_at<Columns>(acc, w + step_bytes, base, s.x_column, 4);
        step_at<Columns>(acc, w + 2 * step_bytes, base, s.x_column, 8);
        step_at<Columns>(acc, w + 3 * step_bytes, base, s.x_column, 12);
        w += 4 * step_bytes;
        advance(base, 16);
      }
      for (; i > 0; --i) {
        step_at<Columns>(acc, w, base, s.x_column, 0);
        w += step_bytes;
        advance(base, 4);
      }
    }
  }
}

template <int Rows, int Columns, int V>
void run_tile(const IntegerTileShape& s, const IntegerTile& t) noexcept {
  Ints acc[Rows * Columns][V];
  clear(acc);
  reduce<Rows, Columns>(s, t, acc);
  spill(acc, t.sums);
  if (!t.window_sums) return;
  for (int p = 0; p < Rows * Columns; ++p) {
    t.window_sums[p] = sum_window(s, t.x + p / Columns * s.x_row + p % Columns * s.x_column);
  }
}

#if defined(__AVX512VNNI__)
/// The biases in all sums.
template <int N, int V, int P = 0>
[[gnu::always_inline]] inline void start(Ints (&acc)[N][V], const Ints (&bias)[V]) {
  if constexpr (P < N * V) {
    acc[P / V][P % V] = bias[P % V];
    start<N, V, P + 1>(acc, bias);
  }
}

/// Codes of positions from P on, two of two vectors at a time, or four of one.
template <int Columns, int N, int V, int P = 0>
[[gnu::always_inline]] inline void store_codes(const Ints (&acc)[N][V], const IntegerFinish& f,
                                               const FourVectors& four, const __m512 (&scale)[V]) {
  if constexpr (P < N) {
    constexpr int together = 4 / V, count = N - P < together ? N - P : together;
    const auto whole = [&](auto i) __attribute__((always_inline)) {
      constexpr int p = P + (decltype(i)::value / V < count ? decltype(i)::value / V : 0);
      return four.whole((__m512i)acc[p][i % V], scale[i % V]);
    };
    const __m512i codes = four.codes(
        whole(std::integral_constant<int, 0>{}), whole(std::integral_constant<int, 1>{}),
        whole(std::integral_constant<int, 2>{}), whole(std::integral_constant<int, 3>{}));
    const auto lanes = __mmask32((std::uint64_t(1) << (int_lanes * (V - 1) + f.last_lanes)) - 1);
    unrolled<count>([&](auto i) __attribute__((always_inline)) {
      constexpr int p = P + decltype(i)::value;
      std::uint8_t* y = f.y + p / Columns * f.y_row + p % Columns * f.y_column;
      if constexpr (V == 2) {
        _mm256_mask_storeu_epi8(y, lanes, _mm512_extracti64x4_epi64(codes, i));
      } else {
        _mm_mask_storeu_epi8(y, __mmask16(lanes), _mm512_extracti32x4_epi32(codes, i));
      }
    });
    store_codes<Columns, N, V, P + together>(acc, f, four, scale);
  }
}

template <int Rows, int Columns, int V>
void run_fused(const IntegerTileShape& s, const IntegerTile& t, const IntegerFinish& f) noexcept {
  Ints acc[Rows * Columns][V], bias[V];
  unrolled<V>([&](auto v) __attribute__((always_inline)) {
    bias[v] = load_any<Ints>(f.bias + v * int_lanes);
  });
  start(acc, bias);
  reduce<Rows, Columns>(s, t, acc);
  __m512 scale[V];
  unrolled<V>([&](auto v) __attribute__((always_inline)) {
    scale[v] = _mm512_loadu_ps(f.words.first + v * int_lanes);
  });
  store_codes<Columns>(acc, f, FourVectors(f.epilogue), scale);
}
#endif

#if defined(__AVX512VNNI__)
/// One word of each group's reduction for all positions from P on.
template <int Columns, int N, int Count, int P = 0>
[[gnu::always_inline]] inline void grouped_step(Ints (&acc)[N][1], Ints w, Ints lane_words,
                                                const char* const (&base)[Count],
                                                std::ptrdiff_t column) {
  if constexpr (P < N) {
    const char* at = tile_position<Columns, P>(base, column, 0);
    const __m512i four = _mm512_castsi128_si512(load_any<__m128i>(at));
    accumulate(acc[P][0], (Ints)_mm512_permutexvar_epi32((__m512i)lane_words, four), w);
    grouped_step<Columns, N, Count, P + 1>(acc, w, lane_words, base, column);
  }
}

/// A tile of one vector whose lanes belong to several groups.
template <int Rows, int Columns>
void run_grouped(const IntegerTileShape& s, const IntegerTile& t) noexcept {
  Ints acc[Rows * Columns][1];
  clear(acc);
  const std::uint8_t* w = t.w;
  const char* xa = reinterpret_cast<const char*>(t.x);
  for (int a = 0; a < s.rows; ++a, xa += s.row_stride) {
    const char* xb = xa;
    for (int b = 0; b < s.columns; ++b, xb += s.column_stride) {
      const char* base[TileBases<Rows, Columns>::count];
      place<Rows, Columns>(base, xb, s.x_row, s.x_column);
      for (int i = 0; i < s.words; ++i, w += sizeof(Ints)) {
        grouped_step<Columns>(acc, load_any<Ints>(w), load_any<Ints>(t.lane_words + i * int_lanes),
                              base, s.x_column);
      }
    }
  }
  spill(acc, t.sums);
}
#endif

/// run_tile by columns and vectors, for one or two rows. Clang evaluates only what it has seen, so
/// constructors of tables stand last.
struct TileTable {
  IntegerTileFunction* one_row[tile_positions + 1][3] = {};
  IntegerTileFunction* two_rows[tile_positions / 2 + 1][3] = {};

 private:
  template <int Columns>
  constexpr void fill() {
    one_row[Columns][1] = run_tile<1, Columns, 1>;
    one_row[Columns][2] = run_tile<1, Columns, 2>;
    if constexpr (Columns <= tile_positions / 2) {
      two_rows[Columns][1] = run_tile<2, Columns, 1>;
      two_rows[Columns][2] = run_tile<2, Columns, 2>;
    }
    if constexpr (Columns < tile_positions) fill<Columns + 1>();
  }

 public:
  constexpr TileTable() { fill<1>(); }
};
constexpr TileTable tiles;

#if defined(__AVX512VNNI__)
/// run_fused by columns and vectors, for one or two rows.
struct FusedTable {
  IntegerFusedFunction* one_row[tile_positions + 1][3] = {};
  IntegerFusedFunction* two_rows[tile_positions / 2 + 1][3] = {};

 private:
  template <int Columns>
  constexpr void fill() {
    one_row[Columns][1] = run_fused<1, Columns, 1>;
    one_row[Columns][2] = run_fused<1, Columns, 2>;
    if constexpr (Columns <= tile_positions / 2) {
      two_rows[Columns][1] = run_fused<2, Columns, 1>;
      two_rows[Columns][2] = run_fused<2, Columns, 2>;
    }
    if constexpr (Columns < tile_positions) fill<Columns + 1>();
  }

 public:
  constexpr FusedTable() { fill<1>(); }
};
constexpr FusedTable fused_tiles;

IntegerFusedFunction* find_any_fused(int rows, int columns, int vectors) noexcept {
  return rows == 1 ? fused_tiles.one_row[columns][vectors] : fused_tiles.two_rows[columns][vectors];
}
constexpr auto find_fused = find_any_fused;

struct GroupedTable {
  IntegerTileFunction* one_row[tile_positions + 1] = {};
  IntegerTileFunction* two_rows[tile_positions / 2 + 1] = {};

 private:
  template <int Columns>
  constexpr void fill() {
    one_row[Columns] = run_grouped<1, Columns>;
    if constexpr (Columns <= tile_positions / 2) two_rows[Columns] = run_grouped<2, Columns>;
    if constexpr (Columns < tile_positions) fill<Columns + 1>();
  }

 public:
  constexpr GroupedTable() { fill<1>(); }
};
constexpr GroupedTable grouped_tiles;

IntegerTileFunction* find_any_grouped(int rows, int columns) noexcept {
  return rows == 1 ? grouped_tiles.one_row[columns] : grouped_tiles.two_rows[columns];
}
constexpr auto find_grouped = find_any_grouped;
#else
constexpr decltype(IntegerKernels::find_fused) find_fused = nullptr;
constexpr decltype(IntegerKernels::find_grouped) find_grouped = nullptr;
#endif

IntegerTileFunction* find_tile(int rows, int columns, int vectors) noexcept {
  return rows == 1 ? tiles.one_row[columns][vectors] : tiles.two_rows[columns][vectors];
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
