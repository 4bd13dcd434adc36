#pragma once

#include "strata/kernels/conv/depthwise.hpp"
#include "strata/kernels/vec_math.hpp"

/// Depthwise and grouped convolution of one vector of channels. A tile is up to 8 neighbours of an
/// output row; each input column is loaded once per kernel row (and channel of a group) and added
/// to all outputs it reaches. Templates recur over columns for the reason given in tile_kernel.hpp.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

constexpr int depthwise_columns = 8;

/// For each channel c of a group, which lane holds that channel of the group of lane l.
struct GroupLanes {
  explicit GroupLanes(int group) {
    for (int c = 0; c < group; ++c) {
      for (int l = 0; l < Vec::size; ++l) of[c][l] = l / group * group + c;
    }
  }
  alignas(64) std::int32_t of[Vec::size][Vec::size];
};

template <bool Grouped>
[[gnu::always_inline]] inline Vec load_lanes(const float* x, LaneOrder order) {
  if constexpr (Grouped) {
    return permute(load(x), order);
  } else {
    return load(x);
  }
}

/// Input columns of a tile that exist: [first, last).
struct ColumnRange {
  int first, last;
};

template <int Width, int Stride, int Columns, int I, int J = 0>
[[gnu::always_inline]] inline void add_column(Vec (&acc)[Columns], const Vec (&w)[Width], Vec x) {
  if constexpr (J < Width) {
    constexpr int q = (I - J) / Stride;
    if constexpr (I >= J && (I - J) % Stride == 0 && q < Columns) accumulate(acc[q], x, w[J]);
    add_column<Width, Stride, Columns, I, J + 1>(acc, w, x);
  }
}

template <int Width, int Stride, int Columns, bool Edge, bool Grouped, int I = 0>
[[gnu::always_inline]] inline void add_columns(Vec (&acc)[Columns], const Vec (&w)[Width],
                                               const float* x, std::ptrdiff_t column,
                                               ColumnRange range, LaneOrder order) {
  if constexpr (I < (Columns - 1) * Stride + Width) {
    if (!Edge || (I >= range.first && I < range.last)) {
      add_column<Width, Stride, Columns, I>(acc, w, load_lanes<Grouped>(x, order));
    }
    add_columns<Width, Stride, Columns, Edge, Grouped, I + 1>(acc, w, x + column, column, range,
                                                              order);
  }
}

template <int Width, int J = 0>
[[gnu::always_inline]] inline void load_row(Vec (&w)[Width], const float* from) {
  if constexpr (J < Width) {
    w[J] = load(from + J * Vec::size);
    load_row<Width, J + 1>(w, from);
  }
}

template <int Columns, int Q = 0>
[[gnu::always_inline]] inline void fill(Vec (&acc)[Columns], Vec value) {
  if constexpr (Q < Columns) {
    acc[Q] = value;
    fill<Columns, Q + 1>(acc, value);
  }
}

template <int Columns, int Q = 0>
[[gnu::always_inline]] inline void store_columns(Vec (&acc)[Columns], const EpilogueBounds& bounds,
                                                 float* y, const float* residual,
                                                 std::ptrdiff_t column) {
  if constexpr (Q < Columns) {
    Vec v = acc[Q];
    if (residual) v = v + load(residual + Q * column);
    store(y + Q * column, bounds.apply(v));
    store_columns<Columns, Q + 1>(acc, bounds, y, residual, column);
  }
}

/// Where a tile starts: its output row and first column.
struct TilePlace {
  int row, column;
};

/// Undilated kernel of a width known here, whole vectors.
template <int Width, int Stride, int Columns, bool Edge, bool Grouped>
void depthwise_tile(const DepthwisePlan& p, const DepthwiseOperands& o, const GroupLanes& lanes,
                    TilePlace at) noexcept {
  Vec acc[Columns];
  fill(acc, load(o.bias));
  const int left = at.column * Stride - p.pad_left;
  const ColumnRange range{-left, p.width - left};
  for (int i = 0; i < p.kernel_h; ++i) {
    const int row = at.row * p.stride_h - p.pad_top + i * p.dilation_h;
    if (row < 0 || row >= p.height) continue;
    const float* x = o.x + row * p.x_row + left * p.x_column;
    for (int c = 0; c < (Grouped ? p.group : 1); ++c) {
      Vec w[Width];
      load_row(w, o.w + (i * (Grouped ? p.group : 1) + c) * Width * Vec::size);
      add_columns<Width, Stride, Columns, Edge, Grouped>(acc, w, x, p.x_column, range,
                                                         load_order(lanes.of[c]));
    }
  }
  const std::ptrdiff_t y = at.row * p.y_row + at.column * p.y_column;
  store_columns(acc, EpilogueBounds(p.epilogue), o.y + y, o.residual ? o.residual + y : nullptr,
                p.y_column);
}

using DepthwiseTile = void (*)(const DepthwisePlan&, const DepthwiseOperands&, const GroupLanes&,
                               TilePlace) noexcept;

/// Tiles by columns, with and without an edge; those of groups, rarer, always look for one.
template <int Width, int Stride, bool Grouped>
struct DepthwiseTiles {
  DepthwiseTile find[depthwise_columns + 1][2] = {};
  constexpr DepthwiseTiles() { fill_table<1>(); }

 private:
  template <int Columns>
  constexpr void fill_table() {
    find[Columns][0] = depthwise_tile<Width, Stride, Columns, Grouped, Grouped>;
    find[Columns][1] = depthwise_tile<Width, Stride, Columns, true, Grouped>;
    if constexpr (Columns < depthwise_columns) fill_table<Columns + 1>();
  }
};
template <int Width, int Stride, bool Grouped = false>
constexpr DepthwiseTiles<Width, Stride, Grouped> depthwise_tiles;

/// Any kernel, stride, dilation and count of lanes: tap by tap over the outputs that it reaches.
inline void depthwise_any(const DepthwisePlan& p, const DepthwiseOperands& o,
                          const GroupLanes& lanes, TilePlace at, int columns) {
  Vec acc[depthwise_columns];
  for (int q = 0; q < columns; ++q) acc[q] = load(o.bias);
  for (int i = 0; i < p.kernel_h; ++i) {
    const int row = at.row * p.stride_h - p.pad_top + i * p.dilation_h;
    if (row < 0 || row >= p.height) continue;
    for (int tap = 0; tap < p.group * p.kernel_w; ++tap) {
      const Vec w = load(o.w + (i * p.group * p.kernel_w + tap) * Vec::size);
      const LaneOrder order = load_order(lanes.of[tap / p.kernel_w]);
      const int j = tap % p.kernel_w;
      for (int q = 0; q < columns; ++q) {
        const int column = (at.column + q) * p.stride_w - p.pad_left + j * p.dilation_w;
        if (column < 0 || column >= p.width) continue;
        const Vec x = load(o.x + row * p.x_row + column * p.x_column, o.lanes);
        acc[q] = fma(permute(x, order), w, acc[q]);
      }
    }
  }
  const EpilogueBounds bounds(p.epilogue);
  for (int q = 0; q < columns; ++q) {
    const std::ptrdiff_t y = at.row * p.y_row + (at.column + q) * p.y_column;
    Vec v = acc[q];
    if (o.residual) v = v + load(o.residual + y, o.lanes);
    store(o.y + y, bounds.apply(v), o.lanes);
  }
}

/// The table for a kernel, or null.
inline const DepthwiseTile (*tiles_for(const DepthwisePlan& p, int lanes))[2] {
  if (p.dilation_w != 1 || lanes != Vec::size) return nullptr;
  if (p.group > 1) {
    if (p.kernel_w == 3 && p.stride_w == 1) return depthwise_tiles<3, 1, true>.find;
    if (p.kernel_w == 3 && p.stride_w == 2) return depthwise_tiles<3, 2, true>.find;
    return nullptr;
  }
  if (p.kernel_w == 3 && p.stride_w == 1) return depthwise_tiles<3, 1>.find;
  if (p.kernel_w == 3 && p.stride_w == 2) return depthwise_tiles<3, 2>.find;
  if (p.kernel_w == 5 && p.stride_w == 1) return depthwise_tiles<5, 1>.find;
  if (p.kernel_w == 5 && p.stride_w == 2) return depthwise_tiles<5, 2>.find;
  return nullptr;
}

inline void activate_row(const DepthwisePlan& p, const DepthwiseOperands& o, int row) {
  float* y = o.y + row * p.y_row;
  for (int q = 0; q < p.out_width; ++q, y += p.y_column) {
    store(y, activate(load(y, o.lanes), p.epilogue), o.lanes);
  }
}

}  // namespace

void depthwise_rows(const DepthwisePlan& p, const DepthwiseOperands& o, int begin,
                    int end) noexcept {
  const auto* tiles = tiles_for(p, o.lanes);
  const GroupLanes lanes(p.group);
  const int count = (p.out_width + depthwise_columns - 1) / depthwise_columns;
  for (int row = begin; row < end; ++row) {
    int column = 0;
    for (int tile = 0; tile < count; ++tile) {
      const int columns = int(std::int64_t(p.out_width) * (tile + 1) / count) - column;
      const int left = column * p.stride_w - p.pad_left;
      const int right = left + (columns - 1) * p.stride_w + p.kernel_w;
      if (tiles) {
        tiles[columns][left < 0 || right > p.width](p, o, lanes, {row, column});
      } else {
        depthwise_any(p, o, lanes, {row, column}, columns);
      }
      column += columns;
    }
    if (!is_bounding(p.epilogue.activation)) activate_row(p, o, row);
  }
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
