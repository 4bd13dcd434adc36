#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "strata/tensor/tensor.hpp"

namespace strata::data {

/// Reads one array in the IDX format of MNIST (big endian; u8, i8, i16, i32, f32 or f64). Throws
/// model naming the byte.
Tensor parse_idx(std::span<const std::byte> bytes);

/// Whether a file is called like one: "x.idx", "train-images-idx3-ubyte", "t.idx1-ubyte", also with
/// the ending of a compression.
bool has_idx_name(std::string_view name);

}  // namespace strata::data
