#pragma once

#include "strata/kernels/integer/finish.hpp"

/// Depthwise convolution of one vector of channels: bytes become shorts without their zero point,
/// two rows of the window are interleaved, and pairs are multiplied and added at once. A tile is a
/// few neighbours of an output row; each input column is loaded once per pair of window rows and
/// added to all outputs that it reaches.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

constexpr int depthwise_columns = int_lanes == 16 ? 8 : 4;
constexpr int short_lanes = 2 * int_lanes;

/// Two vectors of sums: the low and the high halves of each 128 bits of shorts.
struct Halves {
  Ints low, high;
};
struct Pairs {
  Shorts low, high;
};

[[gnu::always_inline]] inline void add_product(Halves& sum, const Pairs& x, const std::int16_t* w) {
  accumulate_shorts(sum.low, x.low, load_any<Shorts>(w));
  accumulate_shorts(sum.high, x.high, load_any<Shorts>(w + short_lanes));
}

/// The rows that a pair of window rows reads; null where padding lies.
struct RowPair {
  const std::uint8_t *first, *second;
};

/// How a byte of x becomes its distance from the zero point: signed ones are flipped to unsigned
/// ones 128 higher, so that one loop does for both.
struct Centre {
  explicit Centre(const IntegerDepthwise& d)
      : lanes(d.lanes), flip(d.is_signed ? 0x80 : 0), zero(std::int16_t(d.zero + flip)) {}
  int lanes;
  std::uint8_t flip;
  std::int16_t zero;
};

[[gnu::always_inline]] inline Shorts load_shorts(const std::uint8_t* p, const Centre& c) {
  return __builtin_convertvector(load_bytes(p, c.lanes) ^ c.flip, Shorts) - c.zero;
}

[[gnu::always_inline]] inline Pairs load_pairs(RowPair rows, std::ptrdiff_t at, const Centre& c) {
  const Shorts a = rows.first ? load_shorts(rows.first + at, c) : Shorts{};
  const Shorts b = rows.second ? load_shorts(rows.second + at, c) : Shorts{};
  return {interleave_low(a, b), interleave_high(a, b)};
}

template <int Width, int Stride, int Columns, int I, int J = 0>
[[gnu::always_inline]] inline void add_column(Halves (&acc)[Columns], const std::int16_t* w,
                                              const Pairs& x) {
  if constexpr (J < Width) {
    constexpr int q = (I - J) / Stride;
    if constexpr (I >= J && (I - J) % Stride == 0 && q < Columns) {
      add_product(acc[q], x, w + J * 2 * short_lanes);
    }
    add_column<Width, Stride, Columns, I, J + 1>(acc, w, x);
  }
}

template <int Width, int Stride, int Columns, int I = 0>
[[gnu::always_inline]] inline void add_columns(const IntegerDepthwise& d, const Centre& centre,
                                               Halves (&acc)[Columns], const std::int16_t* w,
                                               RowPair rows, int left) {
  if constexpr (I < (Columns - 1) * Stride + Width) {
    const int column = left + I;
    if (column >= 0 && column < d.width) {
      add_column<Width, Stride, Columns, I>(acc, w, load_pairs(rows, column * d.x_column, centre));
    }
    add_columns<Width, Stride, Columns, I + 1>(d, centre, acc, w, rows, left);
  }
}

[[gnu::always_inline]] inline RowPair row_pair(const IntegerDepthwise& d, int out_row, int i) {
  const auto row = [&](int at) -> const std::uint8_t* {
    const int y = out_row * d.stride_h - d.pad_top + at * d.dilation_h;
    return at < d.kernel_h && y >= 0 && y < d.height ? d.x + y * d.x_row : nullptr;
  };
  return {row(i), row(i + 1)};
}

/// Out of line: rescaling in all its arithmetics would be most of every tile.
[[gnu::noinline]] void store_outputs(const IntegerDepthwise& d, const Halves* sums, int columns,
                                     std::uint8_t* y) noexcept {
  for (int q = 0; q < columns; ++q, y += d.y_column) {
    const Ints low = rescale(sums[q].low, d.words, 0, d.epilogue);
    const Ints high = rescale(sums[q].high, d.words, int_lanes, d.epilogue);
    store_bytes(y, __builtin_convertvector(join(low, high), WideBytes), d.lanes);
  }
}

[[gnu::always_inline]] inline Halves bias_of(const IntegerDepthwise& d) {
  return {load_any<Ints>(d.bias), load_any<Ints>(d.bias + int_lanes)};
}

template <int Columns, int Q = 0>
[[gnu::always_inline]] inline void fill(Halves (&acc)[Columns], const Halves& bias) {
  if constexpr (Q < Columns) {
    acc[Q] = bias;
    fill<Columns, Q + 1>(acc, bias);
  }
}
/// A copy: registers stay registers only while nobody has their address.
template <int Columns, int Q = 0>
[[gnu::always_inline]] inline void copy(const Halves (&acc)[Columns], Halves* sums) {
  if constexpr (Q < Columns) {
    sums[Q] = acc[Q];
    copy<Columns, Q + 1>(acc, sums);
  }
}

/// Undilated window of a width known here.
template <int Width, int Stride, int Columns>
void depthwise_tile(const IntegerDepthwise& d, int row, int column) noexcept {
  const Centre centre(d);
  Halves acc[Columns];
  fill(acc, bias_of(d));
  const auto* w = static_cast<const std::int16_t*>(d.w);
  for (int i = 0; i < d.kernel_h; i += 2) {
    const RowPair rows = row_pair(d, row, i);
    if (!rows.first && !rows.second) continue;
    add_columns<Width, Stride>(d, centre, acc, w + i * Width * short_lanes, rows,
                               column * Stride - d.pad_left);
  }
  Halves sums[Columns];
  copy(acc, sums);
  store_outputs(d, sums, Columns, d.y + row * d.y_row + column * d.y_column);
}

/// Any window.
void depthwise_any(const IntegerDepthwise& d, int row, int column) noexcept {
  const Centre centre(d);
  Halves acc = bias_of(d);
  const auto* w = static_cast<const std::int16_t*>(d.w);
  for (int i = 0; i < d.kernel_h; i += 2) {
    const RowPair rows = row_pair(d, row, i);
    for (int j = 0; j < d.kernel_w; ++j) {
      const int x = column * d.stride_w - d.pad_left + j * d.dilation_w;
      if (x < 0 || x >= d.width) continue;
      const Pairs pairs = load_pairs(rows, x * d.x_column, centre);
      add_product(acc, pairs, w + (i * d.kernel_w + 2 * j) * short_lanes);
    }
  }
  store_outputs(d, &acc, 1, d.y + row * d.y_row + column * d.y_column);
}

using DepthwiseTile = void (*)(const IntegerDepthwise&, int, int) noexcept;

/// Tiles by columns.
template <int Width, int Stride>
struct DepthwiseTiles {
  DepthwiseTile find[depthwise_columns + 1] = {};
  constexpr DepthwiseTiles() { fill_table<1>(); }

 private:
  template <int Columns>
  constexpr void fill_table() {
    find[Columns] = depthwise_tile<Width, Stride, Columns>;
    if constexpr (Columns < depthwise_columns) fill_table<Columns + 1>();
  }
};
template <int Width, int Stride>
constexpr DepthwiseTiles<Width, Stride> depthwise_tiles;

const DepthwiseTile* depthwise_tiles_for(const IntegerDepthwise& d) {
  if (d.dilation_w != 1) return nullptr;
  if (d.kernel_w == 3 && d.stride_w == 1) return depthwise_tiles<3, 1>.find;
  if (d.kernel_w == 3 && d.stride_w == 2) return depthwise_tiles<3, 2>.find;
  if (d.kernel_w == 5 && d.stride_w == 1) return depthwise_tiles<5, 1>.find;
  if (d.kernel_w == 5 && d.stride_w == 2) return depthwise_tiles<5, 2>.find;
  return nullptr;
}

void depthwise_rows(const IntegerDepthwise& d, int begin, int end) noexcept {
  const DepthwiseTile* tiles = depthwise_tiles_for(d);
  const int count = tiles ? (d.out_width + depthwise_columns - 1) / depthwise_columns : d.out_width;
  for (int row = begin; row < end; ++row) {
    int column = 0;
    for (int tile = 0; tile < count; ++tile) {
      const int next = int(std::int64_t(d.out_width) * (tile + 1) / count);
      tiles ? tiles[next - column](d, row, column) : depthwise_any(d, row, column);
      column = next;
    }
  }
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
