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

template <DType code_type>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int) {
  expect_float(tensor);
  EncodedTensor encoded = start_encoding(self, tensor, 0);
  encoded.parts.push_back(tensor.cast(code_type));
  expect_no_overflow(tensor, encoded.parts[0]);
  return encoded;
}

template <DType code_type>
std::vector<PartType> layout(const EncodedTensor& encoded) {
  return {{"codes", code_type, encoded.shape}};
}

Tensor decode(const EncodedTensor& encoded) { return encoded.parts[0].cast(encoded.dtype); }

}  // namespace

constinit const Encoding f16_encoding = {.name = "f16",
                                         .summary = "IEEE binary16: 11 significant bits, to 65504",
                                         .searched = true,
                                         .encoder = encode<DType::f16>,
                                         .layout = layout<DType::f16>,
                                         .decoder = decode};

constinit const Encoding bf16_encoding = {.name = "bf16",
                                          .summary = "bfloat16: 8 significant bits, range of f32",
                                          .searched = true,
                                          .encoder = encode<DType::bf16>,
                                          .layout = layout<DType::bf16>,
                                          .decoder = decode};

}  // namespace strata
