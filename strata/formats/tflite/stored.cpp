#include "strata/formats/tflite/stored.hpp"

#include "strata/tensor/encodings/affine.hpp"

namespace strata::formats::tflite {

bool has_stored_form(const EncodedTensor& constant) {
  if (constant.dtype != DType::f32 || constant.shape.elements() == 0) return false;
  if (constant.encoding == &f16_encoding) return true;
  const AffineFormat* format = affine_format(*constant.encoding);
  return format && format->bits == 8 && format->symmetric &&
         format->sharing != AffineFormat::Sharing::group;
}

std::optional<Stored> stored(const EncodedTensor& constant) {
  if (!has_stored_form(constant)) return std::nullopt;
  if (constant.encoding == &f16_encoding) return Stored{constant.parts[0].aligned(), {}, 0};
  return Stored{affine_codes(constant), constant.parts[1].to_float(), constant.axis};
}

}  // namespace strata::formats::tflite
