// Affine codes of 2 to 8 bits: element = (code - zero point) * scale, one scale (and zero point)
// for the tensor, each channel, or each group of neighbours in a channel.
//
// Symmetric: scale = max|w| / (2^(bits-1) - 1). Asymmetric: the range [min(w, 0), max(w, 0)] over
// 2^bits - 1 steps, so that zero is exact. Below 8 bits the range is the one of `shrinks` times
// that whose codes have the least squared error. Scales have 16 significant bits, so that decoding
// is exact; those of i8_tensor and i8_channel have 24, as their kernels and files know them.

#include "strata/tensor/encodings/affine.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/tensor/encodings/parts.hpp"
#include "strata/tensor/encodings/range_search.hpp"

namespace strata {
namespace {

using Sharing = AffineFormat::Sharing;

constexpr int groups[] = {16, 32, 64, 128};

EncodedTensor encode(const Encoding& self, const Tensor& tensor, int axis);
std::vector<PartType> layout(const EncodedTensor& encoded);
Tensor decode(const EncodedTensor& encoded);

#define STRATA_AFFINE(sign, bits, unit, how)                                                \
  {                                                                                         \
    .name = #sign #bits "_" #unit, .summary = how,                                          \
    .family = "[iu]N_tensor, [iu]N_channel, [iu]N_groupG (N 2 to 8; G 16, 32, 64 or 128)",  \
    .searched = std::string_view(#sign #bits "_" #unit) == "i4_group32", .encoder = encode, \
    .layout = layout, .decoder = decode                                                     \
  }
#define STRATA_AFFINE_UNITS(sign, bits, kind)                                       \
  STRATA_AFFINE(sign, bits, tensor, kind ", one scale"),                            \
      STRATA_AFFINE(sign, bits, channel, kind ", a scale for each output channel"), \
      STRATA_AFFINE(sign, bits, group16, kind ", a scale for 16 weights"),          \
      STRATA_AFFINE(sign, bits, group32, kind ", a scale for 32 weights"),          \
      STRATA_AFFINE(sign, bits, group64, kind ", a scale for 64 weights"),          \
      STRATA_AFFINE(sign, bits, group128, kind ", a scale for 128 weights")
#define STRATA_AFFINE_BITS(bits)                                     \
  STRATA_AFFINE_UNITS(i, bits, "symmetric codes of " #bits " bits"), \
      STRATA_AFFINE_UNITS(u, bits, "codes of " #bits " bits and zero points")

constexpr int units = 2 + int(std::size(groups));

// In the order of format_at. The first two are replaced by the encodings that have names of their
// own in the list.
constinit const Encoding table[] = {
    STRATA_AFFINE_BITS(8), STRATA_AFFINE_BITS(7), STRATA_AFFINE_BITS(6), STRATA_AFFINE_BITS(5),
    STRATA_AFFINE_BITS(4), STRATA_AFFINE_BITS(3), STRATA_AFFINE_BITS(2)};

constexpr AffineFormat format_at(int row) {
  AffineFormat format;
  format.bits = 8 - row / (2 * units);
  format.symmetric = row / units % 2 == 0;
  const int unit = row % units;
  format.sharing = unit == 0 ? Sharing::tensor : unit == 1 ? Sharing::channel : Sharing::group;
  if (unit > 1) format.group = groups[unit - 2];
  return format;
}

constexpr auto formats = [] {
  std::array<AffineFormat, std::size(table)> list;
  for (int row = 0; row < int(list.size()); ++row) list[std::size_t(row)] = format_at(row);
  return list;
}();

const Encoding* encoding_at(std::size_t row) {
  return row == 0 ? &i8_tensor_encoding : row == 1 ? &i8_channel_encoding : &table[row];
}

Channels rows_of(const AffineFormat& format, const Shape& shape, int axis) {
  switch (format.sharing) {
    case Sharing::tensor:
      break;
    case Sharing::channel:
      return Channels::along(shape, axis);
    case Sharing::group:
      return Channels::rows(shape, axis);
  }
  return Channels::whole(shape);
}

struct Grid {
  float scale = 1;  // any scale decodes zeros exactly
  int zero_point = 0;
};

/// What codes there are, and the grid that a range of elements gets.
struct Codes {
  AffineFormat format;
  int lowest, highest;

  explicit Codes(const AffineFormat& of)
      : format(of),
        lowest(of.symmetric ? -((1 << (of.bits - 1)) - 1) : 0),
        highest(of.symmetric ? -lowest : (1 << of.bits) - 1) {}

  int code(double x, const Grid& grid) const {
    const double steps = std::nearbyint(x / double(grid.scale)) + grid.zero_point;
    return int(std::clamp(steps, double(lowest), double(highest)));
  }
  static double value(int code, const Grid& grid) {
    return double(code - grid.zero_point) * double(grid.scale);
  }

  Grid grid(double low, double high) const {
    if (format.symmetric) return {symmetric_scale(std::max(-low, high)), 0};
    low = std::min(low, 0.0), high = std::max(high, 0.0);
    if (low == high) return {};
    // The grid may reach half a step beyond the range, which has to stay in f32.
    if (std::max(-low, high) > double(std::numeric_limits<float>::max()) / 2) {
      fail(ErrorCode::unsupported, "elements from {} to {}, too large for codes with zero points",
           low, high);
    }
    const float scale = short_scale((high - low) / highest);
    return {scale, int(std::clamp(std::nearbyint(-low / double(scale)), 0.0, double(highest)))};
  }

 private:
  float symmetric_scale(double largest) const {
    if (largest == 0) return 1;
    const bool known = format.bits == 8 && format.sharing != Sharing::group;
    if (!known) return short_scale(largest / highest);
    // Subnormal scales are imprecise, and zero to processors that flush them.
    const float scale = std::max(float(largest / highest), std::numeric_limits<float>::min());
    // Rounded up, the scale of the largest float would decode to infinity.
    return std::isinf(scale * float(highest)) ? std::nextafter(scale, 0.0f) : scale;
  }
};

Grid grid_for(const Codes& codes, const std::vector<double>& elements) {
  double low = 0, high = 0;
  for (const double x : elements) low = std::min(low, x), high = std::max(high, x);
  if (codes.format.bits == 8) return codes.grid(low, high);
  return best_grid(
      elements, [&](double share) { return codes.grid(share * low, share * high); },
      [&](double x, const Grid& grid) { return Codes::value(codes.code(x, grid), grid); });
}

EncodedTensor encode(const Encoding& self, const Tensor& tensor, int axis) {
  expect_finite(tensor);
  const AffineFormat& format = *affine_format(self);
  const Shape& shape = tensor.shape();
  if (format.sharing == Sharing::tensor) axis = 0;
  if (format.sharing != Sharing::tensor) expect_axis(ErrorCode::unsupported, shape, axis);
  const Codes codes(format);
  const Channels rows = rows_of(format, shape, axis);
  const Shape scale_shape = affine_scale_shape(format, shape, axis);
  Tensor bytes = Tensor::zeros(format.symmetric ? DType::i8 : DType::u8, shape);
  Tensor scales = Tensor::zeros(DType::f32, scale_shape);
  Tensor zero_points = Tensor::zeros(DType::u8, scale_shape);
  auto* const out = static_cast<std::uint8_t*>(bytes.mutable_raw());
  std::vector<double> elements;
  std::size_t at = 0;
  for_each_unit(rows, format.group, [&](const Unit& unit) {
    read_unit(tensor, rows, unit, elements);
    const Grid grid = grid_for(codes, elements);
    scales.mutable_data<float>()[at] = grid.scale;
    zero_points.mutable_data<std::uint8_t>()[at++] = std::uint8_t(grid.zero_point);
    auto element = elements.begin();
    rows.for_each(unit.row, unit.begin, unit.end, [&](std::size_t place) {
      out[place] = std::uint8_t(codes.code(*element++, grid));
    });
  });
  EncodedTensor encoded = make_affine(self, axis, bytes, scales, zero_points);
  encoded.dtype = tensor.dtype();
  return encoded;
}

std::vector<PartType> layout(const EncodedTensor& encoded) {
  const AffineFormat& format = *affine_format(*encoded.encoding);
  const Shape scales = affine_scale_shape(format, encoded.shape, encoded.axis);
  std::vector<PartType> parts;
  if (format.bits == 8) {
    parts.push_back({"codes", format.symmetric ? DType::i8 : DType::u8, encoded.shape});
  } else {
    const std::int64_t bytes = packed_bytes(encoded.shape.elements(), format.bits);
    parts.push_back({"codes", DType::u8, Shape{bytes}});
  }
  parts.push_back({"scales", DType::f32, scales});
  if (!format.symmetric) parts.push_back({"zero points", DType::u8, scales});
  return parts;
}

/// Codes as bytes, sign-extended.
std::vector<std::uint8_t> byte_codes(const EncodedTensor& encoded, const AffineFormat& format) {
  const std::int64_t count = encoded.shape.elements();
  if (format.bits == 8) {
    const std::span bytes = encoded.parts[0].bytes();
    const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return {first, first + bytes.size()};
  }
  std::vector<std::uint8_t> codes = unpack_bits(encoded.parts[0].aligned(), count, format.bits);
  if (!format.symmetric) return codes;
  const int sign = 1 << (format.bits - 1);
  for (std::uint8_t& code : codes) code = std::uint8_t((code ^ sign) - sign);
  return codes;
}

Tensor decode(const EncodedTensor& encoded) {
  const AffineFormat& format = *affine_format(*encoded.encoding);
  const std::vector<std::uint8_t> codes = byte_codes(encoded, format);
  const auto scales = encoded.parts[1].data<float>();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  const auto out = result.mutable_data<float>();
  const Channels rows = rows_of(format, encoded.shape, encoded.axis);
  std::size_t at = 0;
  for_each_unit(rows, format.group, [&](const Unit& unit) {
    const int zero = format.symmetric ? 0 : encoded.parts[2].data<std::uint8_t>()[at];
    const float scale = scales[at++];
    rows.for_each(unit.row, unit.begin, unit.end, [&](std::size_t place) {
      const int code = format.symmetric ? int(std::int8_t(codes[place])) : int(codes[place]);
      out[place] = float(code - zero) * scale;
    });
  });
  return in_type_of(encoded, std::move(result));
}

}  // namespace

constinit const Encoding i8_tensor_encoding = {.name = "i8_tensor",
                                               .summary = "symmetric int8, one scale",
                                               .searched = true,
                                               .encoder = encode,
                                               .layout = layout,
                                               .decoder = decode};

constinit const Encoding i8_channel_encoding = {
    .name = "i8_channel",
    .summary = "symmetric int8, one scale for each output channel",
    .searched = true,
    .encoder = encode,
    .layout = layout,
    .decoder = decode};

std::span<const Encoding* const> affine_encodings() {
  static const auto list = [] {
    std::array<const Encoding*, std::size(table) - 2> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = &table[i + 2];
    return all;
  }();
  return list;
}

const AffineFormat* affine_format(const Encoding& encoding) {
  for (std::size_t row = 0; row < formats.size(); ++row) {
    if (encoding_at(row) == &encoding) return &formats[row];
  }
  return nullptr;
}

const Encoding* find_affine(const AffineFormat& format) {
  for (std::size_t row = 0; row < formats.size(); ++row) {
    const AffineFormat& f = formats[row];
    if (f.bits == format.bits && f.symmetric == format.symmetric && f.sharing == format.sharing &&
        (f.sharing != Sharing::group || f.group == format.group)) {
      return encoding_at(row);
    }
  }
  return nullptr;
}

Shape affine_scale_shape(const AffineFormat& format, const Shape& shape, int axis) {
  if (format.sharing == Sharing::tensor) return {};
  expect_axis(ErrorCode::model, shape, axis);
  if (format.sharing == Sharing::channel) return {shape[axis]};
  const Channels rows = Channels::rows(shape, axis);
  const std::int64_t length = rows.row_length();
  return {rows.count, length / format.group + (length % format.group != 0)};
}

Tensor affine_codes(const EncodedTensor& encoded) {
  const AffineFormat& format = *affine_format(*encoded.encoding);
  const auto type = [&] {
    switch (format.bits) {
      case 4:
        return format.symmetric ? DType::i4 : DType::u4;
      case 2:
        return format.symmetric ? DType::i2 : DType::u2;
      default:
        return format.symmetric ? DType::i8 : DType::u8;
    }
  }();
  Tensor codes = Tensor::zeros(type, encoded.shape);
  std::vector<std::uint8_t> bytes = byte_codes(encoded, format);
  const int mask = (1 << bits_of(type)) - 1;
  std::ranges::transform(bytes, static_cast<std::uint8_t*>(codes.mutable_raw()),
                         [mask](std::uint8_t code) { return std::uint8_t(code & mask); });
  return codes;
}

EncodedTensor make_affine(const Encoding& encoding, int axis, const Tensor& codes,
                          const Tensor& scales, const Tensor& zero_points) {
  const AffineFormat* format = affine_format(encoding);
  STRATA_ASSERT(format && size_of(codes.dtype()) == 1);
  EncodedTensor encoded = start_encoding(encoding, codes, axis);
  encoded.dtype = DType::f32;
  if (format->bits == 8) {
    encoded.parts = {codes, scales};
  } else {
    const auto* const first = static_cast<const std::uint8_t*>(codes.raw());
    encoded.parts = {pack_bits({first, first + codes.size_bytes()}, format->bits), scales};
  }
  if (!format->symmetric) encoded.parts.push_back(zero_points);
  return encoded;
}

Tensor transposed(const Tensor& matrix) {
  const std::int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  Tensor result = Tensor::zeros(matrix.dtype(), Shape{columns, rows});
  const std::size_t size = size_of(matrix.dtype());
  const std::byte* from = matrix.bytes().data();
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c, from += size) {
      std::copy_n(from, size, to + std::size_t(c * rows + r) * size);
    }
  }
  return result;
}

}  // namespace strata
