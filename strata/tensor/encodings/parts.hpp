#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "strata/tensor/encoding.hpp"

namespace strata {

/// Type, shape and axis of `tensor` under `encoding`, the parts still to come.
EncodedTensor start_encoding(const Encoding& encoding, const Tensor& tensor, int axis);

/// Throws unsupported unless the elements are of a float type.
void expect_float(const Tensor& tensor);

/// Throws `code` unless the shape has that axis.
void expect_axis(ErrorCode code, const Shape& shape, int axis);

/// Throws unsupported unless every element is finite and of a magnitude that f32 has, naming the
/// first that is not; and unless they are of a float type.
void expect_finite(const Tensor& tensor);

/// A tensor as (outer, channels, inner): element (o, c, i) belongs to channel c. Row c is what
/// belongs to channel c, in the order of the elements.
struct Channels {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;

  static Channels whole(const Shape& shape) { return {1, 1, shape.elements()}; }
  static Channels along(const Shape& shape, int axis) {
    return {shape.elements(0, axis), shape[axis], shape.elements(axis + 1, shape.rank())};
  }
  /// Along the axis; a scalar or a vector is one row.
  static Channels rows(const Shape& shape, int axis) {
    return shape.rank() < 2 ? whole(shape) : along(shape, axis);
  }

  std::int64_t row_length() const { return outer * inner; }
  /// Calls visit(place) with where the elements [begin, end) of row `c` lie.
  template <class Visit>
  void for_each(std::int64_t c, std::int64_t begin, std::int64_t end, Visit&& visit) const {
    if (begin >= end) return;
    std::int64_t i = begin % inner;
    std::int64_t place = (begin / inner * count + c) * inner + i;
    for (; begin < end; ++begin) {
      visit(std::size_t(place));
      ++place;
      if (++i == inner) i = 0, place += (count - 1) * inner;
    }
  }
};

/// Neighbours in a row, which share a scale.
struct Unit {
  std::int64_t row = 0;
  std::int64_t begin = 0, end = 0;
};
/// Units of at most `length` elements, the last of each row shorter where it does not divide; in
/// the order of rows. Length 0: whole rows, also empty ones.
template <class Visit>
void for_each_unit(const Channels& rows, std::int64_t length, Visit&& visit) {
  for (std::int64_t row = 0; row < rows.count; ++row) {
    if (length == 0) {
      visit(Unit{row, 0, rows.row_length()});
      continue;
    }
    for (std::int64_t begin = 0; begin < rows.row_length(); begin += length) {
      visit(Unit{row, begin, std::min(begin + length, rows.row_length())});
    }
  }
}
/// The elements of a unit of a float tensor.
void read_unit(const Tensor& tensor, const Channels& rows, const Unit& unit,
               std::vector<double>& elements);

/// `elements` (f32) as elements of the type that was encoded.
Tensor in_type_of(const EncodedTensor& encoded, Tensor elements);

/// Bytes of `count` codes of `bits` bits each, packed without gaps: code i is bits i * bits and up,
/// the lowest bit of the first byte first; the rest of the last byte is zero.
std::int64_t packed_bytes(std::int64_t count, int bits);
/// u8 [packed_bytes]; only the low `bits` bits of each code count.
Tensor pack_bits(const std::vector<std::uint8_t>& codes, int bits);
std::vector<std::uint8_t> unpack_bits(const Tensor& packed, std::int64_t count, int bits);

/// The nearest below with 16 significant bits: times a code of 8 bits it is exact in f32. Not below
/// the smallest normal number, which processors may flush to zero.
float short_scale(double scale);

}  // namespace strata
