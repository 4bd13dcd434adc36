#pragma once

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {

/// What a decomposition stands for: one value per output, or nothing.
using Replacement = std::optional<std::vector<ValueId>>;

/// A scalar constant of the element type of `like`.
ValueId scalar_like(Builder& builder, ValueId like, double value);

/// The element type and shape of a value in the builder's graph.
const TensorType& type_of(Builder& builder, ValueId value);

}  // namespace strata::ir
