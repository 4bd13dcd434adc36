// The blocks of GGUF files: 32 neighbours in a row with one f16 scale d, little-endian, no gaps.
//   q4_0  18 bytes: d, 16 bytes: the low 4 bits of byte i are element i, the high ones element
//         i + 16; element = (code - 8) * d
//   q8_0  34 bytes: d, 32 signed codes; element = code * d
// Codes are those of ggml's reference quantizer. A row whose length 32 does not divide ends in
// zeros, which no GGUF file has.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "strata/base/error.hpp"
#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

constexpr int block_length = 32;
constexpr int code_count = 16;  // of q4_0
constexpr int bytes_q4_0 = 2 + block_length / 2;
constexpr int bytes_q8_0 = 2 + block_length;

using Block = std::array<float, block_length>;

void write_scale(std::uint8_t* to, float d) {
  const Half half(d);
  if (std::isinf(float(half))) {
    fail(ErrorCode::unsupported, "a block needs scale {}, outside the range of f16", d);
  }
  to[0] = std::uint8_t(half.bits);
  to[1] = std::uint8_t(half.bits >> 8);
}

float read_scale(const std::uint8_t* from) {
  Half half;
  half.bits = std::uint16_t(from[0] | from[1] << 8);
  return half;
}

/// A scale that f16 has none for is zero, and its elements with it.
float inverse(float d) { return float(Half(d)) == 0 ? 0 : 1 / d; }

struct Q4 {
  static constexpr int bytes = bytes_q4_0;

  static void encode(const Block& x, std::uint8_t* to) {
    float largest = 0;  // in magnitude, with its sign
    for (const float v : x) {
      if (std::fabs(v) > std::fabs(largest)) largest = v;
    }
    const float d = largest == 0 ? 0 : largest / (-code_count / 2);  // no -0
    const float id = inverse(d);
    write_scale(to, d);
    const auto code = [id](float v) {
      return std::min(code_count - 1, int(v * id + (float(code_count / 2) + 0.5f)));
    };
    for (std::size_t i = 0; i < block_length / 2; ++i) {
      to[2 + i] = std::uint8_t(code(x[i]) | code(x[i + block_length / 2]) << 4);
    }
  }

  static void decode(const std::uint8_t* from, Block& x) {
    const float d = read_scale(from);
    for (std::size_t i = 0; i < block_length / 2; ++i) {
      x[i] = float((from[2 + i] & 0xf) - code_count / 2) * d;
      x[i + block_length / 2] = float((from[2 + i] >> 4) - code_count / 2) * d;
    }
  }
};

struct Q8 {
  static constexpr int bytes = bytes_q8_0;

  static void encode(const Block& x, std::uint8_t* to) {
    float largest = 0;
    for (const float v : x) largest = std::max(largest, std::fabs(v));
    const float d = largest / 127;
    const float id = inverse(d);
    write_scale(to, d);
    for (std::size_t i = 0; i < block_length; ++i) {
      to[2 + i] = std::uint8_t(std::int8_t(std::round(x[i] * id)));
    }
  }

  static void decode(const std::uint8_t* from, Block& x) {
    const float d = read_scale(from);
    for (std::size_t i = 0; i < block_length; ++i) {
      x[i] = float(std::bit_cast<std::int8_t>(from[2 + i])) * d;
    }
  }
};

Shape blocks_of(const Channels& rows, int bytes) {
  const std::int64_t length = rows.row_length();
  const std::int64_t blocks = length / block_length + (length % block_length != 0);
  return {rows.count, blocks, bytes};
}

template <class Format>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int axis) {
  expect_finite(tensor);
  if (tensor.shape().rank() > 1) expect_axis(ErrorCode::unsupported, tensor.shape(), axis);
  const Channels rows = Channels::rows(tensor.shape(), axis);
  Tensor blocks = Tensor::zeros(DType::u8, blocks_of(rows, Format::bytes));
  std::uint8_t* to = blocks.mutable_data<std::uint8_t>().data();
  std::vector<double> elements;
  for_each_unit(rows, block_length, [&](const Unit& unit) {
    read_unit(tensor, rows, unit, elements);
    Block block{};
    std::ranges::transform(elements, block.begin(), [](double x) { return float(x); });
    Format::encode(block, to);
    to += Format::bytes;
  });
  EncodedTensor encoded = start_encoding(self, tensor, tensor.shape().rank() > 1 ? axis : 0);
  encoded.parts = {std::move(blocks)};
  return encoded;
}

template <class Format>
std::vector<PartType> layout(const EncodedTensor& encoded) {
  if (encoded.shape.rank() > 1) expect_axis(ErrorCode::model, encoded.shape, encoded.axis);
  const Channels rows = Channels::rows(encoded.shape, encoded.axis);
  return {{"blocks", DType::u8, blocks_of(rows, Format::bytes)}};
}

template <class Format>
Tensor decode(const EncodedTensor& encoded) {
  const std::uint8_t* from = encoded.parts[0].data<std::uint8_t>().data();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  const auto out = result.mutable_data<float>();
  const Channels rows = Channels::rows(encoded.shape, encoded.axis);
  for_each_unit(rows, block_length, [&](const Unit& unit) {
    Block block;
    Format::decode(from, block);
    from += Format::bytes;
    auto element = block.begin();
    rows.for_each(unit.row, unit.begin, unit.end,
                  [&](std::size_t place) { out[place] = *element++; });
  });
  return in_type_of(encoded, std::move(result));
}

template <class Format>
constexpr Encoding row(std::string_view name, std::string_view summary) {
  return {.name = name,
          .summary = summary,
          .encoder = encode<Format>,
          .layout = layout<Format>,
          .decoder = decode<Format>};
}

}  // namespace

constinit const Encoding q4_0_encoding =
    row<Q4>("q4_0", "blocks of GGUF: 32 codes of 4 bits and an f16 scale");
constinit const Encoding q8_0_encoding =
    row<Q8>("q8_0", "blocks of GGUF: 32 codes of 8 bits and an f16 scale");

}  // namespace strata
