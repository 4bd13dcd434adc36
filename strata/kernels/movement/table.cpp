#include "strata/kernels/movement/copy_2d.hpp"
#include "strata/kernels/movement/rows.hpp"

namespace strata::kernels {

void plain_layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
}

const char* reject_element_size(std::size_t size) {
  return copies_elements_of(size) ? nullptr : "elements have 1, 2, 4 or 8 bytes";
}

std::span<const Row> movement_rows() {
  static constexpr int count = 2;
  static const Row table[count] = {strided_copy_row, pad_row};
  return table;
}

}  // namespace strata::kernels
