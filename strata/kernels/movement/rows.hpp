#pragma once

#include "strata/kernels/movement/movement.hpp"

namespace strata::kernels {

/// Rows of each file, that the family's table joins.
extern const Row strided_copy_row, pad_row;

/// One option: plain layouts for one input and one output.
void plain_layouts(const Problem& problem, std::vector<OperandLayouts>& options);
/// The reason against elements of other sizes than 1, 2, 4, 8.
const char* reject_element_size(std::size_t size);

}  // namespace strata::kernels
