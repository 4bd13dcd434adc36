#pragma once

#include <initializer_list>
#include <string_view>

#include "strata/tensor/encoding.hpp"

namespace strata {

/// What a part of an encoded tensor has to be.
struct PartType {
  std::string_view name;
  DType dtype;
  Shape shape;
};

/// Throws model unless `encoded` has exactly these parts: they may come from a file.
void expect_parts(const EncodedTensor& encoded, std::initializer_list<PartType> types);

/// Throws unsupported unless the elements are of a float type.
void expect_float(const Tensor& tensor);

}  // namespace strata
