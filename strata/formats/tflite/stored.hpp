#pragma once

#include <optional>
#include <vector>

#include "strata/tensor/encoding.hpp"

namespace strata::formats::tflite {

/// How a file stores an f32 constant in fewer bits: codes that a DEQUANTIZE reads.
struct Stored {
  Tensor codes;               ///< f16, or i8 with scales and zero points of 0
  std::vector<float> scales;  ///< one, or one for each entry of the axis; of f16 none
  int axis = 0;
};

/// Nothing for encodings that files have no form for: the constant is written decoded.
std::optional<Stored> stored(const EncodedTensor& constant);
/// Whether it is something, without making it.
bool has_stored_form(const EncodedTensor& constant);

}  // namespace strata::formats::tflite
