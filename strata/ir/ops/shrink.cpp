#include <algorithm>
#include <type_traits>

#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/unary.hpp"

namespace strata::ir {
namespace {

/// The attribute in the compute type of the elements: integers truncate it.
template <class C>
C limit(float value) {
  if constexpr (std::is_same_v<C, double>) return value;
  return C(std::int64_t(std::clamp(double(value), -9e18, 9e18)));
}

template <class C>
C shrink(C x, C lambd, C bias) {
  if constexpr (std::is_same_v<C, double>) {
    if (x < -lambd) return x + bias;
    return x > lambd ? x - bias : 0;
  } else {
    // Without sign, as integers wrap; an unsigned number is below no negative one.
    if (std::is_signed_v<C> && x < -lambd) return C(std::uint64_t(x) + std::uint64_t(bias));
    return x > lambd ? C(std::uint64_t(x) - std::uint64_t(bias)) : C(0);
  }
}

Status reference(const EvalArgs& args) {
  const float lambd = args.attributes().real("lambd", 0.5f);
  const float bias = args.attributes().real("bias", 0);
  dispatch_compute(args.inputs[0].dtype(), [&]<class C>() {
    map<C>(args.inputs[0], args.outputs[0],
           [l = limit<C>(lambd), b = limit<C>(bias)](C x) { return shrink(x, l, b); });
  });
  return {};
}

Replacement decompose(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const DType type = type_of(builder, x).dtype;
  if (type != DType::f32 && type != DType::f64) return std::nullopt;  // limits would round
  const double lambd = node.attributes.real("lambd", 0.5f);
  const ValueId bias = scalar_like(builder, x, node.attributes.real("bias", 0));
  const ValueId below = builder.op("Less", {x, scalar_like(builder, x, -lambd)});
  const ValueId above = builder.op("Greater", {x, scalar_like(builder, x, lambd)});
  const ValueId lowered =
      builder.op("Where", {above, builder.op("Sub", {x, bias}), scalar_like(builder, x, 0)});
  return {{builder.op("Where", {below, builder.op("Add", {x, bias}), lowered})}};
}

std::vector<OpCase> cases() {
  std::vector<OpCase> all = unary_cases();
  const Attributes soft{{"lambd", 1.5f}, {"bias", 1.5f}};
  all.push_back(
      {.name = "soft", .inputs = {example::f32({3, 5})}, .attributes = soft, .low = -3, .high = 3});
  all.push_back({"i8", {example::values<std::int8_t>({4}, {-128, -1, 2, 1})}, soft});
  all.push_back({"u8", {example::values<std::uint8_t>({3}, {255, 1, 2})}, soft});
  return all;
}

constexpr AttributeDef attributes[] = {{"bias", AttributeKind::real},
                                       {"lambd", AttributeKind::real}};

}  // namespace

extern const OpDef shrink_op;
constinit const OpDef shrink_op = {.name = "Shrink",
                                   .attributes = attributes,
                                   .infer = infer_number_unary,
                                   .reference = reference,
                                   .cost = elementwise_cost,
                                   .decompose = decompose,
                                   .cases = cases};

}  // namespace strata::ir
