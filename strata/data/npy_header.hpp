#pragma once

#include <string>
#include <string_view>

#include "strata/tensor/dtype.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::data {

/// What the dictionary at the head of an .npy file says.
struct NpyHeader {
  DType dtype = DType::f32;
  bool fortran_order = false;
  Shape shape;
};

/// Reads the dictionary, a Python literal, without evaluating anything. Throws model with the
/// position in `text`, unsupported for element types that Strata does not have.
NpyHeader parse_npy_header(std::string_view text);
/// The dictionary for a tensor in C order.
std::string npy_header(DType dtype, const Shape& shape);

}  // namespace strata::data
