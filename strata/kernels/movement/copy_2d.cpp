#include "strata/kernels/movement/copy_2d.hpp"

#include <algorithm>
#include <cstring>

namespace strata::kernels {
namespace {

/// Rows that are contiguous on both sides. Short lengths that layouts have are copied inline.
void copy_runs(std::int64_t runs, std::size_t bytes, std::int64_t in_stride,
               std::int64_t out_stride, const std::byte* in, std::byte* out) {
  const auto each = [&](auto length) {
    for (std::int64_t i = 0; i < runs; ++i) {
      std::memcpy(out + i * out_stride, in + i * in_stride, length());
    }
  };
  switch (bytes) {
    case 0:  // of tensors without elements, which may have no address
      return;
    case 4:
      return each([] { return std::size_t(4); });
    case 12:  // three channels
      return each([] { return std::size_t(12); });
    case 16:
      return each([] { return std::size_t(16); });
    case 32:
      return each([] { return std::size_t(32); });
    case 64:
      return each([] { return std::size_t(64); });
    default:
      return each([bytes] { return bytes; });
  }
}

/// Strides in bytes. Constants need no alignment, so elements are copied as bytes.
template <std::size_t Size>
void copy_elements(const Copy2d s, const std::byte* in, std::byte* out) {  // out aliases no local
  const auto columns_of = [&](auto rows) {
    for (std::int64_t c = 0; c < s.columns; ++c) {
      for (std::int64_t r = 0; r < rows(); ++r) {
        std::memcpy(out + r * s.out_row + c * s.out_column, in + r * s.in_row + c * s.in_column,
                    Size);
      }
    }
  };
  switch (s.rows) {  // the channels of pictures
    case 1:
      return columns_of([] { return 1; });
    case 3:
      return columns_of([] { return 3; });
    default:
      return columns_of([&] { return s.rows; });
  }
}

using Four = std::uint32_t __attribute__((vector_size(16)));

/// Transposes 4 x 4 words; strides in bytes.
[[gnu::always_inline]] inline void transpose_4x4(const std::byte* in, std::int64_t in_stride,
                                                 std::byte* out, std::int64_t out_stride) {
  Four a, b, c, d;
  std::memcpy(&a, in, sizeof a);
  std::memcpy(&b, in + in_stride, sizeof b);
  std::memcpy(&c, in + 2 * in_stride, sizeof c);
  std::memcpy(&d, in + 3 * in_stride, sizeof d);
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const Four rows[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                        __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (int j = 0; j < 4; ++j) std::memcpy(out + j * out_stride, &rows[j], sizeof(Four));
}

using Sixteen = std::uint8_t __attribute__((vector_size(16)));
using Eight = std::uint16_t __attribute__((vector_size(16)));

/// The first eight bytes of two rows, by turns.
[[gnu::always_inline]] inline Eight pairs_of(const std::byte* a, const std::byte* b) {
  Sixteen first{}, second{};
  std::memcpy(&first, a, 8);
  std::memcpy(&second, b, 8);
  return (Eight)__builtin_shufflevector(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                        22, 7, 23);
}

/// Transposes 8 x 8 bytes; strides in bytes.
[[gnu::always_inline]] inline void transpose_8x8(const std::byte* in, std::int64_t in_stride,
                                                 std::byte* out, std::int64_t out_stride) {
  const Eight a = pairs_of(in, in + in_stride);
  const Eight b = pairs_of(in + 2 * in_stride, in + 3 * in_stride);
  const Eight c = pairs_of(in + 4 * in_stride, in + 5 * in_stride);
  const Eight d = pairs_of(in + 6 * in_stride, in + 7 * in_stride);
  const auto low = [](Eight x, Eight y) {
    return (Four)__builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
  };
  const auto high = [](Eight x, Eight y) {
    return (Four)__builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
  };
  const Four ab[2] = {low(a, b), high(a, b)}, cd[2] = {low(c, d), high(c, d)};
  for (int half = 0; half < 2; ++half) {
    const Four columns[2] = {__builtin_shufflevector(ab[half], cd[half], 0, 4, 1, 5),
                             __builtin_shufflevector(ab[half], cd[half], 2, 6, 3, 7)};
    for (int j = 0; j < 4; ++j) {
      std::memcpy(out + (4 * half + j) * out_stride,
                  reinterpret_cast<const std::byte*>(&columns[j / 2]) + j % 2 * 8, 8);
    }
  }
}

/// Transposes 16 x 16 bytes; strides in bytes. Four times, rows i and i + 8 take turns.
[[gnu::always_inline]] inline void transpose_16x16(const std::byte* in, std::int64_t in_stride,
                                                   std::byte* out, std::int64_t out_stride) {
  Sixteen rows[16], turned[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&rows[i], in + i * in_stride, 16);
  const auto turn = [](const Sixteen* from, Sixteen* to) {
    for (int i = 0; i < 8; ++i) {
      to[2 * i] = __builtin_shufflevector(from[i], from[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                          5, 21, 6, 22, 7, 23);
      to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + 8], 8, 24, 9, 25, 10, 26, 11, 27,
                                              12, 28, 13, 29, 14, 30, 15, 31);
    }
  };
  turn(rows, turned);
  turn(turned, rows);
  turn(rows, turned);
  turn(turned, rows);
  for (int i = 0; i < 16; ++i) std::memcpy(out + i * out_stride, &rows[i], 16);
}

/// Either X is contiguous along rows and Y along columns, or the reverse. Strides in bytes.
template <std::int64_t Side, std::size_t Size, auto Transpose, auto Rest>
void transpose_tiles(const Copy2d s, const std::byte* in, std::byte* out) {
  const std::int64_t rows = s.rows / Side * Side;
  const std::int64_t columns = s.columns / Side * Side;
  const std::int64_t in_stride = s.in_row == Size ? s.in_column : s.in_row;
  const std::int64_t out_stride = s.out_row == Size ? s.out_column : s.out_row;
  // Columns of a whole cache line before the next rows: few lines are in use at once.
  constexpr std::int64_t line = 64 / Size;
  for (std::int64_t first = 0; first < columns; first += line) {
    const std::int64_t end = std::min(first + line, columns);
    for (std::int64_t r = 0; r < rows; r += Side) {
      for (std::int64_t c = first; c < end; c += Side) {
        Transpose(in + r * s.in_row + c * s.in_column, in_stride,
                  out + r * s.out_row + c * s.out_column, out_stride);
      }
    }
  }
  Copy2d bottom = s;
  bottom.rows -= rows;
  Rest(bottom, in + rows * s.in_row, out + rows * s.out_row);
  Copy2d right = s;
  right.rows = rows;
  right.columns -= columns;
  Rest(right, in + columns * s.in_column, out + columns * s.out_column);
}

constexpr auto transpose_small_tiles = transpose_tiles<8, 1, transpose_8x8, copy_elements<1>>;

}  // namespace

void copy_2d(const Copy2d& copy, std::size_t element_size, const std::byte* in, std::byte* out) {
  const auto size = std::int64_t(element_size);
  const Copy2d s{.rows = copy.rows,
                 .columns = copy.columns,
                 .in_row = copy.in_row * size,
                 .in_column = copy.in_column * size,
                 .out_row = copy.out_row * size,
                 .out_column = copy.out_column * size};
  const bool in_rows = copy.in_row == 1, in_columns = copy.in_column == 1;
  const bool out_rows = copy.out_row == 1, out_columns = copy.out_column == 1;
  if (in_columns && out_columns) {
    return copy_runs(s.rows, std::size_t(s.columns * size), s.in_row, s.out_row, in, out);
  }
  if (in_rows && out_rows) {
    return copy_runs(s.columns, std::size_t(s.rows * size), s.in_column, s.out_column, in, out);
  }
  const bool turns = (in_rows && out_columns) || (in_columns && out_rows);
  switch (element_size) {
    case 1:
      if (turns && s.rows >= 16) {
        return transpose_tiles<16, 1, transpose_16x16, transpose_small_tiles>(s, in, out);
      }
      if (turns && s.rows >= 8) return transpose_small_tiles(s, in, out);
      return copy_elements<1>(s, in, out);
    case 2:
      return copy_elements<2>(s, in, out);
    case 4:
      if (turns) return transpose_tiles<4, 4, transpose_4x4, copy_elements<4>>(s, in, out);
      return copy_elements<4>(s, in, out);
    case 8:
      return copy_elements<8>(s, in, out);
  }
}

}  // namespace strata::kernels
