#pragma once

#include <cstddef>
#include <span>

#include "strata/tensor/tensor.hpp"

namespace strata::data {

/// Reads one array in the IDX format of MNIST (big endian; u8, i8, i16, i32, f32 or f64). Throws
/// model naming the byte.
Tensor parse_idx(std::span<const std::byte> bytes);

}  // namespace strata::data
