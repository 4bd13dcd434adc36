#pragma once

#include <string>

#include "strata/ir/op.hpp"

namespace strata::conformance {

/// The element types of its first operand with which the op's shape rule accepts one of its
/// examples: "f16 bf16 f32 f64, bool", ... Operands of the same type change with it.
std::string element_types(const ir::OpDef& op);

}  // namespace strata::conformance
