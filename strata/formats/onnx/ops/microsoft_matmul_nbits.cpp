// com.microsoft's product with weights of 2, 4 or 8 bits in blocks.
#include "strata/base/checked.hpp"
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

struct Blocks {
  std::int64_t n, k, size, bits;
  std::int64_t per_row() const { return (k + size - 1) / size; }
  std::int64_t bytes() const { return size * bits / 8; }  // of one block
};

Blocks blocks_of(const ir::Attributes& attributes) {
  const Blocks blocks{attributes.integer("N", 0), attributes.integer("K", 0),
                      attributes.integer("block_size", 0), attributes.integer("bits", 4)};
  constexpr std::int64_t most = std::int64_t(1) << 31;
  if (blocks.n < 1 || blocks.n > most || blocks.k < 1 || blocks.k > most) {
    fail(ErrorCode::model, "N is {} and K is {}; accepted: 1 to {}", blocks.n, blocks.k, most);
  }
  if (blocks.size < 16 || blocks.size > most || (blocks.size & (blocks.size - 1)) != 0) {
    fail(ErrorCode::model, "block_size is {}; accepted: powers of two from 16 on", blocks.size);
  }
  if (blocks.bits != 2 && blocks.bits != 4 && blocks.bits != 8) {
    fail(ErrorCode::unsupported, "bits is {}; accepted: 2, 4, 8", blocks.bits);
  }
  if (attributes.integer("weight_prepacked", 0) != 0) {
    fail(ErrorCode::unsupported, "weights are packed for one device (weight_prepacked)");
  }
  return blocks;
}

Tensor constant(const NodeContext& node, std::size_t i, std::string_view what) {
  const auto tensor = node.constant_input(i);
  if (!tensor) fail(ErrorCode::unsupported, "{} is no constant", what);
  return tensor->aligned();
}

void expect_elements(const Tensor& tensor, std::string_view what, std::int64_t a, std::int64_t b) {
  const auto expected = checked_mul(a, b);
  if (!expected || tensor.elements() != *expected) {
    fail(ErrorCode::model, "{} has {} elements, expected {} * {}", what, tensor.elements(), a, b);
  }
}

/// Number i of bytes that hold several each, the first in the lowest bits.
int unpacked(std::span<const std::uint8_t> bytes, std::int64_t i, std::int64_t bits) {
  const std::int64_t per_byte = 8 / bits;
  const unsigned byte = bytes[std::size_t(i / per_byte)];
  return int(byte >> (i % per_byte * bits)) & ((1 << bits) - 1);
}

/// One per block, row by row.
std::vector<float> zero_points(const NodeContext& node, const Blocks& blocks) {
  const std::int64_t columns = blocks.per_row();
  if (!node.has_input(3)) {
    return std::vector<float>(std::size_t(blocks.n * columns), float(1 << (blocks.bits - 1)));
  }
  const Tensor given = constant(node, 3, "zero_points");
  if (given.dtype() != DType::u8) {
    expect_elements(given, "zero_points", blocks.n, columns);
    return given.to_float();
  }
  const std::int64_t row = (columns * blocks.bits + 7) / 8;
  expect_elements(given, "zero_points", blocks.n, row);
  std::vector<float> result;
  result.reserve(std::size_t(blocks.n * columns));
  for (std::int64_t i = 0; i < blocks.n; ++i) {
    const auto bytes = given.data<std::uint8_t>().subspan(std::size_t(i * row), std::size_t(row));
    for (std::int64_t j = 0; j < columns; ++j) {
      result.push_back(float(unpacked(bytes, j, blocks.bits)));
    }
  }
  return result;
}

/// The weights (K, N): (code - zero_point) * scale.
Tensor dequantized(const NodeContext& node, const Blocks& blocks) {
  const std::int64_t columns = blocks.per_row();
  const Tensor codes = constant(node, 1, "B");
  if (codes.dtype() != DType::u8) {
    fail(ErrorCode::model, "B has element type {}; accepted: u8", to_string(codes.dtype()));
  }
  expect_elements(codes, "B", blocks.n, columns * blocks.bytes());
  const Tensor scales = constant(node, 2, "scales");
  expect_elements(scales, "scales", blocks.n, columns);
  const std::vector<float> scale = scales.to_float();
  const std::vector<float> zero = zero_points(node, blocks);
  Tensor weights = Tensor::zeros(DType::f32, {blocks.k, blocks.n});
  float* to = weights.mutable_data<float>().data();
  for (std::int64_t n = 0; n < blocks.n; ++n) {
    for (std::int64_t k = 0; k < blocks.k; ++k) {
      const std::int64_t block = n * columns + k / blocks.size;
      const auto bytes = codes.data<std::uint8_t>().subspan(std::size_t(block * blocks.bytes()),
                                                            std::size_t(blocks.bytes()));
      const int code = unpacked(bytes, k % blocks.size, blocks.bits);
      to[k * blocks.n + n] = (float(code) - zero[std::size_t(block)]) * scale[std::size_t(block)];
    }
  }
  return weights;
}

}  // namespace

void convert_ms_matmul_nbits(NodeContext& node) {
  const Blocks blocks = blocks_of(node.attributes);
  if (node.has_input(4)) fail(ErrorCode::unsupported, "g_idx is not supported");
  const Tensor weights = dequantized(node, blocks).cast(node.type(0).dtype);
  const std::vector<ir::ValueId> operands{node.input(0), node.constant(weights, "B")};
  if (node.has_input(5)) {
    node.emit("Add", {node.intermediate("MatMul", operands), node.input(5)}, {});
  } else {
    node.emit("MatMul", operands, {});
  }
}

}  // namespace strata::formats::onnx
