#include <limits>

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
    for (const std::int64_t k : expect_integers(context, 1, "k")) {
      expect_between("k", k, std::numeric_limits<std::int32_t>::min(),
                     std::numeric_limits<std::int32_t>::max());
    }
  }
  context.set_output(0, context.input(0));
}

// Keeps the elements on and above (upper) or on and below (lower) diagonal k of each matrix.
Status reference(const EvalArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  const std::int64_t k = args.has_input(1) ? index_at(args.inputs[1], 0) : 0;
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
