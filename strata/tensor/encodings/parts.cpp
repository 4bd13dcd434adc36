#include "strata/tensor/encodings/parts.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"

namespace strata {

EncodedTensor start_encoding(const Encoding& encoding, const Tensor& tensor, int axis) {
  EncodedTensor encoded;
  encoded.encoding = &encoding;
  encoded.dtype = tensor.dtype();
  encoded.shape = tensor.shape();
  encoded.axis = axis;
  return encoded;
}

void expect_float(const Tensor& tensor) {
  if (!is_float(tensor.dtype())) {
    fail(ErrorCode::unsupported, "elements are {}, expected a float type",
         to_string(tensor.dtype()));
  }
}

void expect_axis(ErrorCode code, const Shape& shape, int axis) {
  if (shape.rank() == 0) fail(code, "a scalar has no channel axis");
  if (axis < 0 || axis >= shape.rank()) {
    fail(code, "channel axis {} of shape {}, expected 0 to {}", axis, to_string(shape),
         shape.rank() - 1);
  }
}

void expect_finite(const Tensor& tensor) {
  expect_float(tensor);
  dispatch(tensor.dtype(), [&]<class T>() {
    const auto elements = tensor.data<T>();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double x = double(elements[i]);
      if (!std::isfinite(x)) {
        fail(ErrorCode::unsupported, "element {} is {}, codes need finite elements", i, x);
      }
      if (std::fabs(x) > double(std::numeric_limits<float>::max())) {
        fail(ErrorCode::unsupported, "element {} is {}, outside the range of f32", i, x);
      }
    }
  });
}

void read_unit(const Tensor& tensor, const Channels& rows, const Unit& unit,
               std::vector<double>& elements) {
  elements.clear();
  dispatch(tensor.dtype(), [&]<class T>() {
    const auto data = tensor.data<T>();
    rows.for_each(unit.row, unit.begin, unit.end,
                  [&](std::size_t place) { elements.push_back(double(data[place])); });
  });
}

Tensor in_type_of(const EncodedTensor& encoded, Tensor elements) {
  return encoded.dtype == DType::f32 ? elements : elements.cast(encoded.dtype);
}

std::int64_t packed_bytes(std::int64_t count, int bits) {
  return count / 8 * bits + (count % 8 * bits + 7) / 8;
}

Tensor pack_bits(const std::vector<std::uint8_t>& codes, int bits) {
  Tensor packed = Tensor::zeros(DType::u8, Shape{packed_bytes(std::int64_t(codes.size()), bits)});
  const auto out = packed.mutable_data<std::uint8_t>();
  const unsigned mask = (1u << bits) - 1;
  std::size_t bit = 0;
  for (const std::uint8_t code : codes) {
    const unsigned shifted = (code & mask) << bit % 8;
    out[bit / 8] |= std::uint8_t(shifted);
    if (shifted > 0xff) out[bit / 8 + 1] |= std::uint8_t(shifted >> 8);
    bit += std::size_t(bits);
  }
  return packed;
}

std::vector<std::uint8_t> unpack_bits(const Tensor& packed, std::int64_t count, int bits) {
  STRATA_ASSERT(packed.elements() == packed_bytes(count, bits));
  const auto in = packed.data<std::uint8_t>();
  const unsigned mask = (1u << bits) - 1;
  std::vector<std::uint8_t> codes(std::size_t(count), 0);
  std::size_t bit = 0;
  for (std::uint8_t& code : codes) {
    unsigned window = in[bit / 8];
    if (bit / 8 + 1 < in.size()) window |= unsigned(in[bit / 8 + 1]) << 8;
    code = std::uint8_t(window >> bit % 8 & mask);
    bit += std::size_t(bits);
  }
  return codes;
}

float short_scale(double scale) {
  constexpr std::uint32_t dropped = (1u << 8) - 1;  // of 24 significant bits
  auto bits = std::bit_cast<std::uint32_t>(float(scale));
  // float() may have rounded up to a number whose low bits are zero.
  if (double(std::bit_cast<float>(bits & ~dropped)) > scale) bits -= dropped + 1;
  return std::max(std::bit_cast<float>(bits & ~dropped), std::numeric_limits<float>::min());
}

}  // namespace strata
