#include "strata/ir/ops/decomposition.hpp"

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

}  // namespace strata::ir
