#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/random.hpp"

namespace strata::ir {
namespace {

void infer_dropout(InferContext& context) {
  if (!is_narrow_float(context.input(0).dtype)) expect_float(context, 0, "data");
  if (context.has_input(1)) {
    if (!is_narrow_float(context.input(1).dtype)) expect_float(context, 1, "ratio");
    context.expect_rank(1, "ratio", 0);
  }
  if (context.has_input(2)) {
    expect_dtype(context, 2, "training_mode", DType::boolean);
    context.expect_rank(2, "training_mode", 0);
  }
  same_as_input(context);
  context.set_output(1, {DType::boolean, context.input(0).shape});
}

/// y = x * mask / (1 - ratio), where the mask keeps each element with probability 1 - ratio. In
/// inference it keeps all, as they are.
Status dropout(const EvalArgs& args) {
  const bool training = args.has_input(2) && args.inputs[2].data<bool>()[0];
  const double ratio = !training           ? 0
                       : args.has_input(1) ? load_one<double>(args.inputs[1], 0)
                                           : 0.5;
  if (!(ratio >= 0 && ratio < 1)) return {"ratio is not in [0, 1)"};
  const bool masked = args.outputs.size() > 1 && args.outputs[1].present();
  Random random = node_random(args.node);
  for (std::int64_t i = 0; i < args.inputs[0].elements(); ++i) {
    const bool kept = ratio == 0 || random.uniform() >= ratio;
    if (masked) args.outputs[1].mutable_data<bool>()[std::size_t(i)] = kept;
    if (!args.outputs[0].present()) continue;
    if (ratio == 0) {
      copy_elements(args.inputs[0], i, args.outputs[0], i, 1);
    } else {
      store_one(kept ? load_one<double>(args.inputs[0], i) / (1 - ratio) : 0, args.outputs[0], i);
    }
  }
  return {};
}

using example::f32;

std::vector<OpCase> identity_cases() {
  return {{"floats", {f32({3, 5})}}, {"integers", {example::i64({1, 2})}}, {"scalar", {f32({})}}};
}

std::vector<OpCase> dropout_cases() {
  return {{"plain", {f32({3, 5})}},
          {"ratio", {f32({3, 5}), example::scalar(0.3f)}},
          {"not_training", {f32({3, 5}), example::scalar(0.3f), example::scalar(false)}},
          {"mask", {f32({3, 5})}, {}, 2},
          {"training",
           {f32({3, 5}), example::scalar(0.75f), example::scalar(true)},
           {{"seed", std::int64_t(3)}},
           2}};
}

constexpr AttributeDef attributes[] = {{"seed", AttributeKind::integer}};

}  // namespace

extern const OpDef dropout_op, identity_op;

constinit const OpDef dropout_op = {.name = "Dropout",
                                    .inputs = {1, 3},
                                    .outputs = {1, 2},
                                    .attributes = attributes,
                                    .infer = infer_dropout,
                                    .reference = dropout,
                                    .cases = dropout_cases};
constinit const OpDef identity_op = {.name = "Identity",
                                     .infer = same_as_input,
                                     .reference = copy_reference,
                                     .cases = identity_cases};

}  // namespace strata::ir
