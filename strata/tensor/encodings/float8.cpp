// 8-bit floats (Micikevicius et al. 2022) times one scale, with which the largest element is the
// largest number of the type.

#include <algorithm>
#include <cmath>

#include "strata/tensor/encodings/parts.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata {
namespace {

template <DType code_type>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int) {
  expect_finite(tensor);
  const double largest_code = code_type == DType::f8e4m3fn ? 448 : 57344;
  const Channels whole = Channels::whole(tensor.shape());
  std::vector<double> elements;
  read_unit(tensor, whole, {0, 0, whole.row_length()}, elements);
  double largest = 0;
  for (const double x : elements) largest = std::max(largest, std::fabs(x));
  const float scale = largest == 0 ? 1 : short_scale(largest / largest_code);
  Tensor codes = Tensor::zeros(code_type, tensor.shape());
  std::ranges::transform(elements, static_cast<std::uint8_t*>(codes.mutable_raw()),
                         [scale](double x) { return narrow_code(code_type, x / double(scale)); });
  EncodedTensor encoded = start_encoding(self, tensor, 0);
  encoded.parts = {std::move(codes), Tensor::scalar(scale)};
  return encoded;
}

template <DType code_type>
std::vector<PartType> layout(const EncodedTensor& encoded) {
  return {{"codes", code_type, encoded.shape}, {"scale", DType::f32, Shape{}}};
}

Tensor decode(const EncodedTensor& encoded) {
  const Tensor& codes = encoded.parts[0];
  const float scale = encoded.parts[1].data<float>()[0];
  Tensor result = codes.cast(DType::f32);
  for (float& x : result.mutable_data<float>()) x *= scale;
  return in_type_of(encoded, std::move(result));
}

}  // namespace

constinit const Encoding f8e4m3_tensor_encoding = {
    .name = "f8e4m3_tensor",
    .summary = "8-bit floats of 4 significant bits, one scale",
    .encoder = encode<DType::f8e4m3fn>,
    .layout = layout<DType::f8e4m3fn>,
    .decoder = decode};

constinit const Encoding f8e5m2_tensor_encoding = {
    .name = "f8e5m2_tensor",
    .summary = "8-bit floats of 3 significant bits, one scale",
    .encoder = encode<DType::f8e5m2>,
    .layout = layout<DType::f8e5m2>,
    .decoder = decode};

}  // namespace strata
