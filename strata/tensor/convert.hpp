#pragma once

#include <cstdint>

#include "strata/tensor/dtype.hpp"

namespace strata {

/// Converts `count` elements as Tensor::cast does; the buffers must not overlap. Allocates nothing.
void convert_elements(DType from, const void* source, DType to, void* destination,
                      std::int64_t count) noexcept;

}  // namespace strata
