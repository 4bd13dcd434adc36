// 16-bit floats: each element rounded to nearest even.

#include <cmath>

#include "strata/base/error.hpp"
#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

// A weight that becomes infinite ruins the network without any other sign.
void expect_no_overflow(const Tensor& original, const Tensor& codes) {
  const std::vector<float> rounded = codes.to_float();
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    if (!std::isinf(rounded[i])) continue;
    const double value = dispatch(
        original.dtype(), [&]<class T>() { return static_cast<double>(original.data<T>()[i]); });
    if (std::isfinite(value)) {
      fail(ErrorCode::unsupported, "element {} is {}, outside the range of {}", i, value,
           to_string(codes.dtype()));
    }
  }
}

EncodedTensor encode_as(const Encoding& encoding, DType code_type, const Tensor& tensor) {
  expect_float(tensor);
  EncodedTensor encoded;
  encoded.encoding = &encoding;
  encoded.dtype = tensor.dtype();
  encoded.shape = tensor.shape();
  encoded.parts.push_back(tensor.cast(code_type));
  expect_no_overflow(tensor, encoded.parts[0]);
  return encoded;
}

Tensor decode_from(DType code_type, const EncodedTensor& encoded) {
  expect_parts(encoded, {{"codes", code_type, encoded.shape}});
  return encoded.parts[0].cast(encoded.dtype);
}

}  // namespace

constinit const Encoding f16_encoding = {
    .name = "f16",
    .summary = "IEEE binary16: 11 significant bits, up to 65504",
    .encode = [](const Tensor& tensor, int) { return encode_as(f16_encoding, DType::f16, tensor); },
    .decode = [](const EncodedTensor& encoded) { return decode_from(DType::f16, encoded); }};

constinit const Encoding bf16_encoding = {
    .name = "bf16",
    .summary = "bfloat16: 8 significant bits, range of f32",
    .encode = [](const Tensor& tensor,
                 int) { return encode_as(bf16_encoding, DType::bf16, tensor); },
    .decode = [](const EncodedTensor& encoded) { return decode_from(DType::bf16, encoded); }};

}  // namespace strata
