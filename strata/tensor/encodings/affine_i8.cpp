// Symmetric int8: element = code * scale, with one scale for the tensor or one for each channel;
// scale = max|w| / 127, codes in [-127, 127].

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

constexpr int max_code = 127;

/// A tensor as (outer, channels, inner): element (o, c, i) belongs to channel c.
struct Channels {
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;

  static Channels whole(const Shape& shape) { return {1, 1, shape.elements()}; }
  static Channels along(const Shape& shape, int axis) {
    return {shape.elements(0, axis), shape[axis], shape.elements(axis + 1, shape.rank())};
  }

  /// Calls visit(channel, element) in the order of the elements.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::int64_t element = 0;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t c = 0; c < count; ++c) {
        for (std::int64_t i = 0; i < inner; ++i) visit(std::size_t(c), std::size_t(element++));
      }
    }
  }
};

float scale_for(double largest) {
  if (largest == 0) return 1;  // any scale decodes the zeros exactly
  if (largest > double(std::numeric_limits<float>::max())) {
    fail(ErrorCode::unsupported, "an element has magnitude {}, outside the range of f32", largest);
  }
  // Subnormal scales are imprecise, and zero to processors that flush them.
  const float scale = std::max(float(largest / max_code), std::numeric_limits<float>::min());
  // Rounded up, the scale of the largest float would decode to infinity.
  return std::isinf(scale * max_code) ? std::nextafter(scale, 0.0f) : scale;
}

template <class T>
Tensor find_scales(std::span<const T> elements, const Channels& channels, const Shape& shape) {
  std::vector<double> largest(std::size_t(channels.count), 0.0);
  channels.for_each([&](std::size_t channel, std::size_t i) {
    const double magnitude = std::fabs(double(elements[i]));
    if (!std::isfinite(magnitude)) {
      fail(ErrorCode::unsupported, "element {} is {}, int8 codes need finite elements", i,
           double(elements[i]));
    }
    largest[channel] = std::max(largest[channel], magnitude);
  });
  Tensor scales = Tensor::zeros(DType::f32, shape);
  std::ranges::transform(largest, scales.mutable_data<float>().begin(), scale_for);
  return scales;
}

template <class T>
Tensor quantize(std::span<const T> elements, const Channels& channels, const Shape& shape,
                std::span<const float> scales) {
  Tensor codes = Tensor::zeros(DType::i8, shape);
  const auto out = codes.mutable_data<std::int8_t>();
  channels.for_each([&](std::size_t channel, std::size_t i) {
    const double code = std::nearbyint(double(elements[i]) / double(scales[channel]));
    out[i] = std::int8_t(std::clamp(code, double(-max_code), double(max_code)));
  });
  return codes;
}

EncodedTensor encode_with(const Encoding& encoding, const Tensor& tensor, int axis,
                          const Channels& channels, const Shape& scale_shape) {
  EncodedTensor encoded;
  encoded.encoding = &encoding;
  encoded.dtype = tensor.dtype();
  encoded.shape = tensor.shape();
  encoded.axis = axis;
  const auto encode_elements = [&]<class T>(std::span<const T> elements) {
    Tensor scales = find_scales(elements, channels, scale_shape);
    Tensor codes = quantize(elements, channels, tensor.shape(), scales.data<float>());
    encoded.parts = {std::move(codes), std::move(scales)};
  };
  switch (tensor.dtype()) {
    case DType::f64:
      encode_elements(tensor.data<double>());
      break;
    case DType::f32:
      encode_elements(tensor.data<float>());
      break;
    default: {
      const std::vector<float> elements = tensor.to_float();
      encode_elements(std::span<const float>(elements));
    }
  }
  return encoded;
}

Tensor decode_with(const EncodedTensor& encoded, const Channels& channels,
                   const Shape& scale_shape) {
  expect_parts(encoded, {{"codes", DType::i8, encoded.shape}, {"scales", DType::f32, scale_shape}});
  const auto codes = encoded.parts[0].data<std::int8_t>();
  const auto scales = encoded.parts[1].data<float>();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  const auto out = result.mutable_data<float>();
  channels.for_each(
      [&](std::size_t channel, std::size_t i) { out[i] = float(codes[i]) * scales[channel]; });
  return encoded.dtype == DType::f32 ? result : result.cast(encoded.dtype);
}

void expect_axis(const Shape& shape, int axis) {
  if (shape.rank() == 0) fail(ErrorCode::unsupported, "a scalar has no channel axis");
  if (axis < 0 || axis >= shape.rank()) {
    fail(ErrorCode::unsupported, "channel axis {} of shape {}, expected 0 to {}", axis,
         to_string(shape), shape.rank() - 1);
  }
}

EncodedTensor encode_tensor(const Tensor& tensor, int) {
  expect_float(tensor);
  return encode_with(i8_tensor_encoding, tensor, 0, Channels::whole(tensor.shape()), Shape{});
}

Tensor decode_tensor(const EncodedTensor& encoded) {
  return decode_with(encoded, Channels::whole(encoded.shape), Shape{});
}

EncodedTensor encode_channel(const Tensor& tensor, int axis) {
  expect_float(tensor);
  expect_axis(tensor.shape(), axis);
  return encode_with(i8_channel_encoding, tensor, axis, Channels::along(tensor.shape(), axis),
                     Shape{tensor.shape()[axis]});
}

Tensor decode_channel(const EncodedTensor& encoded) {
  expect_axis(encoded.shape, encoded.axis);
  return decode_with(encoded, Channels::along(encoded.shape, encoded.axis),
                     Shape{encoded.shape[encoded.axis]});
}

}  // namespace

constinit const Encoding i8_tensor_encoding = {.name = "i8_tensor",
                                               .summary = "symmetric int8, one scale",
                                               .encode = encode_tensor,
                                               .decode = decode_tensor};

constinit const Encoding i8_channel_encoding = {
    .name = "i8_channel",
    .summary = "symmetric int8, one scale for each output channel",
    .encode = encode_channel,
    .decode = decode_channel};

}  // namespace strata
