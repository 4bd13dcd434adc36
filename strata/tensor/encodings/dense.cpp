// The elements as they are.

#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

EncodedTensor encode(const Tensor& tensor, int) { return EncodedTensor(tensor); }

Tensor decode(const EncodedTensor& encoded) {
  expect_parts(encoded, {{"elements", encoded.dtype, encoded.shape}});
  return encoded.parts[0];
}

}  // namespace

constinit const Encoding dense_encoding = {
    .name = "dense", .summary = "elements as they are", .encode = encode, .decode = decode};

}  // namespace strata
