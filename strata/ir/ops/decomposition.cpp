#include "strata/ir/ops/decomposition.hpp"

#include <algorithm>

#include "strata/ir/ops/compute.hpp"

namespace strata::ir {

ValueId scalar_like(Builder& builder, ValueId like, double value) {
  Tensor tensor = Tensor::zeros(type_of(builder, like).dtype, {});
  store_one(value, tensor, 0);
  return builder.constant(std::move(tensor));
}

const TensorType& type_of(Builder& builder, ValueId value) {
  return builder.graph().value(value).type;
}

Extent::Extent(Builder& builder, ValueId value, int index) : axis(index) {
  const Dim& dim = type_of(builder, value).shape[std::size_t(index)];
  if (dim.is_constant()) {
    number = dim.constant();
  } else {
    of = value;
  }
}

ValueId shape_value(Builder& builder, const std::vector<Extent>& extents) {
  std::vector<ValueId> parts;
  std::vector<std::int64_t> numbers;
  const auto flush = [&] {
    if (!numbers.empty()) parts.push_back(builder.integers(std::move(numbers)));
    numbers.clear();
  };
  for (const Extent& extent : extents) {
    if (extent.of == no_value) {
      numbers.push_back(extent.number);
      continue;
    }
    flush();
    const auto axis = std::int64_t(extent.axis);
    parts.push_back(builder.op("Shape", {extent.of}, {{"start", axis}, {"end", axis + 1}}));
  }
  flush();
  if (parts.size() == 1) return parts[0];
  return builder.op("Concat", parts, {{"axis", std::int64_t(0)}});
}

ValueId reshape(Builder& builder, ValueId x, const std::vector<Extent>& extents) {
  return builder.op("Reshape", {x, shape_value(builder, extents)},
                    {{"allowzero", std::int64_t(1)}});
}

ValueId positions(Builder& builder, const Extent& count) {
  const auto number = [&](std::int64_t n) { return builder.constant(Tensor::scalar(n)); };
  const ValueId limit =
      count.of == no_value
          ? number(count.number)
          : builder.op("Squeeze", {shape_value(builder, {count}), builder.integers({0})});
  return builder.op("Range", {number(0), limit, number(1)});
}

ValueId transpose(Builder& builder, ValueId x, std::vector<std::int64_t> permutation) {
  return builder.op("Transpose", {x}, {{"perm", std::move(permutation)}});
}

ValueId cast_to(Builder& builder, ValueId x, DType type) {
  return type_of(builder, x).dtype == type ? x : builder.op("Cast", {x}, {{"to", type}});
}

ValueId slice(Builder& builder, ValueId x, int axis, std::int64_t begin, std::int64_t end,
              std::int64_t step) {
  return builder.op("Slice", {x, builder.integers({begin}), builder.integers({end}),
                              builder.integers({axis}), builder.integers({step})});
}

}  // namespace strata::ir
