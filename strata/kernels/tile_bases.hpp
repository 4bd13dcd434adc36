#pragma once

#include <cstddef>

/// Addresses of a register tile's positions. Loops over positions are recursions on template
/// arguments: only so do all indices become constants before GCC 12 decides which arrays live in
/// registers. Internal linkage, as everything that is compiled per instruction set.
namespace strata::kernels {
namespace {

/// Addresses of a tile's rows, every third column; the others are base + {1, 2} * column, so that
/// any stride takes few registers.
template <int Rows, int Columns>
struct TileBases {
  static constexpr int per_row = (Columns + 2) / 3;
  static constexpr int count = Rows * per_row;
};

template <int Rows, int Columns, int B = 0>
[[gnu::always_inline]] inline void place(const char* (&base)[TileBases<Rows, Columns>::count],
                                         const char* x, std::ptrdiff_t row, std::ptrdiff_t column) {
  using Bases = TileBases<Rows, Columns>;
  if constexpr (B < Bases::count) {
    base[B] = x + (B / Bases::per_row) * row + 3 * (B % Bases::per_row) * column;
    place<Rows, Columns, B + 1>(base, x, row, column);
  }
}

template <int Count, int B = 0>
[[gnu::always_inline]] inline void advance(const char* (&base)[Count], int bytes) {
  if constexpr (B < Count) {
    base[B] += bytes;
    advance<Count, B + 1>(base, bytes);
  }
}

/// Where position P of a tile is, `offset` bytes on.
template <int Columns, int P, int Count>
[[gnu::always_inline]] inline const char* tile_position(const char* const (&base)[Count],
                                                        std::ptrdiff_t column, int offset) {
  constexpr int q = P % Columns;
  return base[P / Columns * ((Columns + 2) / 3) + q / 3] + (q % 3) * column + offset;
}

}  // namespace
}  // namespace strata::kernels
