#include <algorithm>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  if (rank_of(context, 0) < 2) {
    fail(ErrorCode::model, "input has rank {}; accepted: at least 2", rank_of(context, 0));
  }
  if (context.has_input(1)) {
    expect_dtype(context, 1, "k", DType::i64);
    if (rank_of(context, 1) > 1) context.expect_rank(1, "k", 0);
    if (const auto elements = as_constant(context.input(1).shape)) {
      expect_count("k", std::size_t(elements->elements()), 1);
    }
  }
  context.set_output(0, context.input(0));
}

// Keeps the elements on and above (upper) or on and below (lower) diagonal k of each matrix.
Status reference(const EvalArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  if (args.has_input(1) && args.inputs[1].elements() != 1) return {"k is not one number"};
  // Beyond the matrix all diagonals are alike, and sums with the row cannot leave 64 bits.
  constexpr std::int64_t beyond = std::int64_t(1) << 62;
  const std::int64_t k =
      args.has_input(1) ? std::clamp(index_at(args.inputs[1], 0), -beyond, beyond) : 0;
  const bool upper = args.attributes().integer("upper", 1) != 0;
  const std::uint64_t nothing = 0;
  const Tensor zero =
      Tensor::borrow(args.outputs[0].dtype(), {}, static_cast<const void*>(&nothing));
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    const std::int64_t column = i % shape[-1];
    const std::int64_t row = i / shape[-1] % shape[-2];
    const bool kept = upper ? column >= row + k : column <= row + k;
    copy_elements(kept ? args.inputs[0] : zero, kept ? i : 0, args.outputs[0], i, 1);
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes lower{{"upper", std::int64_t(0)}};
  return {{"upper", {f32({4, 5})}},
          {"lower", {f32({2, 4, 3})}, lower},
          {"above", {f32({4, 4}), scalar<std::int64_t>(1)}},
          {"below", {f32({4, 4}), scalar<std::int64_t>(-2)}, lower},
          {"k_from_data", {f32({4, 4}), input(DType::i64, {})}},
          {"far", {f32({3, 4}), scalar<std::int64_t>(INT64_MIN)}, lower},
          {"symbolic", {f32({Dim::symbol("N"), 3, 3})}}};
}

constexpr AttributeDef attributes[] = {{"upper", AttributeKind::integer}};

}  // namespace

extern const OpDef trilu_op;
constinit const OpDef trilu_op = {.name = "Trilu",
                                  .inputs = {1, 2},
                                  .attributes = attributes,
                                  .infer = infer,
                                  .reference = reference,
                                  .cases = cases};

}  // namespace strata::ir
