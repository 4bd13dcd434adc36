// The elements as they are.

#include "strata/tensor/encodings/parts.hpp"

namespace strata {

constinit const Encoding dense_encoding = {
    .name = "dense",
    .summary = "elements as they are",
    .searched = true,
    .encoder = [](const Encoding&, const Tensor& tensor, int) { return EncodedTensor(tensor); },
    .layout =
        [](const EncodedTensor& encoded) {
          return std::vector<PartType>{{"elements", encoded.dtype, encoded.shape}};
        },
    .decoder = [](const EncodedTensor& encoded) { return encoded.parts[0]; }};

}  // namespace strata
