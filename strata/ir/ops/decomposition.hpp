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

/// An extent of a shape that is computed: a number, or axis `axis` of `of`, which may be symbolic.
struct Extent {
  Extent(std::int64_t n) : number(n) {}  // NOLINT: a number is an Extent
  Extent(Builder& builder, ValueId of, int axis);

  std::int64_t number = 0;
  ValueId of = no_value;  ///< no_value: a number
  int axis = 0;
};

/// i64 [n]: the extents as a shape for Reshape, Expand and the like.
ValueId shape_value(Builder& builder, const std::vector<Extent>& extents);
ValueId reshape(Builder& builder, ValueId x, const std::vector<Extent>& extents);
/// i64 [n]: 0, 1, ... n - 1.
ValueId positions(Builder& builder, const Extent& count);
ValueId transpose(Builder& builder, ValueId x, std::vector<std::int64_t> permutation);
/// x, cast where its element type is another.
ValueId cast_to(Builder& builder, ValueId x, DType type);
/// Elements [begin, end) along an axis.
ValueId slice(Builder& builder, ValueId x, int axis, std::int64_t begin, std::int64_t end,
              std::int64_t step = 1);

/// Input i of the node being replaced; no_value if it is omitted.
inline ValueId input_of(const Node& node, std::size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : no_value;
}

}  // namespace strata::ir
