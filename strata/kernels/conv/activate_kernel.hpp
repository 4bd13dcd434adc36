#pragma once

#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/vec_math.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {

void activate_row(float* values, std::int64_t count, const Epilogue& epilogue) noexcept {
  for (std::int64_t i = 0; i < count; i += Vec::size) {
    const int lanes = count - i < Vec::size ? int(count - i) : Vec::size;
    store(values + i, activate(load(values + i, lanes), epilogue), lanes);
  }
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
