#pragma once

#include <cstddef>
#include <span>

#include "strata/formats/model_info.hpp"

namespace strata::formats::tflite {

/// What the file says about itself: its description, and the entries of its metadata that are text.
/// Throws as import_model does.
ModelInfo read_info(std::span<const std::byte> bytes);

}  // namespace strata::formats::tflite
