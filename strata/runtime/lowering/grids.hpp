#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "strata/runtime/lowering.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::runtime {

/// Whose integers the node computes; the op's rule has accepted the name.
Arithmetic arithmetic_of(const LowerContext& context);

/// A scale and a zero point that are constants of one element; nothing if they are not.
std::optional<QuantizedOperand> constant_grid(const LowerContext& context, std::size_t scale,
                                              std::size_t zero_point);

/// What a function of one code, an op on inputs {x, constants of one element}, makes of each code;
/// nothing if it is none. By the reference of the op.
using CodeBytes = std::array<std::uint8_t, 256>;
std::optional<CodeBytes> code_table(const LowerContext& context);
/// What strata.QLinearConcat makes of each code of the part at input `part`.
CodeBytes concat_code_table(const LowerContext& context, std::size_t part);

}  // namespace strata::runtime
