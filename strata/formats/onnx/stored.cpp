#include "strata/formats/onnx/stored.hpp"

#include <algorithm>

#include "strata/formats/onnx/opset_of.hpp"
#include "strata/tensor/encodings/affine.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::formats::onnx {
namespace {

using Sharing = AffineFormat::Sharing;

/// DequantizeLinear has blocks since.
constexpr int blocks_since = 21;
constexpr int float8_since = 19;

std::optional<DType> code_type(const AffineFormat& format) {
  switch (format.bits) {
    case 8:
      return format.symmetric ? DType::i8 : DType::u8;
    case 4:
      return format.symmetric ? DType::i4 : DType::u4;
    case 2:
      return format.symmetric ? DType::i2 : DType::u2;
    default:
      return std::nullopt;
  }
}

/// Blocks lie along one axis of a matrix whose other axis is that of the channels, so the channels
/// must be the first or the last axis of the constant.
bool has_block_matrix(const Shape& shape, int axis) {
  return shape.rank() < 2 || axis == 0 || axis == shape.rank() - 1;
}

/// The same bytes as elements of another type of one byte.
Tensor as_type(DType type, const Tensor& bytes) {
  Tensor result = Tensor::zeros(type, bytes.shape());
  std::ranges::copy(bytes.bytes(), static_cast<std::byte*>(result.mutable_raw()));
  return result;
}

void lay_out_blocks(const EncodedTensor& constant, int group, Stored& form) {
  const Shape& shape = constant.shape;
  const bool rows_first = shape.rank() < 2 || constant.axis == 0;
  form.block = group;
  if (shape.rank() < 2) {
    const Shape scales{form.scales.shape()[1]};
    form.scales = form.scales.reshaped(scales);
    if (form.zero_points.present()) form.zero_points = form.zero_points.reshaped(scales);
    form.axis = 0;
    return;
  }
  const std::int64_t channels = shape[constant.axis], length = shape.elements() / channels;
  form.codes = form.codes.reshaped(rows_first ? Shape{channels, length} : Shape{length, channels});
  form.axis = rows_first ? 1 : 0;
  if (rows_first) return;
  form.scales = transposed(form.scales);
  if (form.zero_points.present()) form.zero_points = transposed(form.zero_points);
}

bool fits(const EncodedTensor& constant, const AffineFormat& format) {
  if (format.symmetric) return true;
  return std::ranges::all_of(constant.parts[2].bytes(), [&](std::byte zero) {
    return std::to_integer<int>(zero) < 1 << format.bits;
  });
}

}  // namespace

void add_leading_axis(Stored& form) {
  const auto with_axis = [](Tensor& tensor) {
    std::vector<std::int64_t> extents{1};
    const Shape& shape = tensor.shape();
    extents.insert(extents.end(), shape.begin(), shape.end());
    tensor = tensor.reshaped(Shape(extents));
  };
  with_axis(form.codes);
  if (form.block != 0) {
    with_axis(form.scales);
    if (form.zero_points.present()) with_axis(form.zero_points);
  }
  ++form.axis;
}

std::optional<int> stored_opset(const EncodedTensor& constant) {
  if (constant.dtype != DType::f32 || constant.shape.elements() == 0) return std::nullopt;
  const Encoding* encoding = constant.encoding;
  if (encoding == &f16_encoding || encoding == &bf16_encoding) return 13;
  if (encoding == &f8e4m3_tensor_encoding || encoding == &f8e5m2_tensor_encoding) {
    return float8_since;
  }
  const AffineFormat* format = affine_format(*encoding);
  const auto type = format ? code_type(*format) : std::nullopt;
  if (!type || !fits(constant, *format)) return std::nullopt;
  if (format->sharing != Sharing::group) return opset_of(*type);
  if (!has_block_matrix(constant.shape, constant.axis)) return std::nullopt;
  return std::max(blocks_since, opset_of(*type));
}

std::optional<Stored> stored(const EncodedTensor& constant) {
  const auto opset = stored_opset(constant);
  if (!opset) return std::nullopt;
  Stored form;
  form.opset = *opset;
  const AffineFormat* format = affine_format(*constant.encoding);
  form.codes = format ? affine_codes(constant) : constant.parts[0];
  if (constant.parts.size() > 1) form.scales = constant.parts[1].aligned();
  if (!format) return form;
  if (!format->symmetric) form.zero_points = as_type(form.codes.dtype(), constant.parts[2]);
  if (format->sharing == Sharing::channel) form.axis = constant.axis;
  if (format->sharing == Sharing::group) lay_out_blocks(constant, format->group, form);
  return form;
}

}  // namespace strata::formats::onnx
