#pragma once

#include "strata/kernels/integer/depthwise3_kernel.hpp"
#include "strata/kernels/integer/depthwise_kernel.hpp"
#include "strata/kernels/integer/dynamic_kernel.hpp"
#include "strata/kernels/integer/prepare_kernel.hpp"
#include "strata/kernels/integer/tile_kernel.hpp"
#include "strata/kernels/integer/vector_kernel.hpp"

namespace strata::kernels::STRATA_INTS_NAMESPACE {

constinit const IntegerKernels integer_kernels = {.lanes = int_lanes,
                                                  .positions = tile_positions,
                                                  .word_elements = int(4 / sizeof(Prepared)),
                                                  .find_tile = find_tile,
                                                  .find_grouped = find_grouped,
                                                  .find_fused = find_fused,
                                                  .finish = finish_tile,
                                                  .prepare = prepare_row,
                                                  .multiply_vector = vector_function,
                                                  .depthwise = depthwise_rows,
                                                  .depthwise3 = depthwise3,
                                                  .range = range_of,
                                                  .find_grids = find_grids,
                                                  .encode = encode,
                                                  .finish_numbers = finish_numbers};

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
