#include <cstring>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

// In inference a dropout passes its input on, and its mask keeps everything.
void infer_dropout(InferContext& context) {
  expect_float(context, 0, "data");
  if (context.has_input(1)) {
    expect_float(context, 1, "ratio");
    context.expect_rank(1, "ratio", 0);
  }
  if (context.has_input(2)) {
    expect_dtype(context, 2, "training_mode", DType::boolean);
    context.expect_rank(2, "training_mode", 0);
    const auto training = context.constant(2);
    if (!training || training->data<bool>()[0]) {
      fail(ErrorCode::unsupported, "training_mode is {}; accepted: false",
           training ? "true" : "computed from data");
    }
  }
  same_as_input(context);
  context.set_output(1, {DType::boolean, context.input(0).shape});
}

Status dropout(const EvalArgs& args) {
  if (args.outputs.size() > 1 && args.outputs[1].present()) {
    std::memset(args.outputs[1].mutable_raw(), 1, args.outputs[1].size_bytes());
  }
  return args.outputs[0].present() ? copy_reference(args) : Status{};
}

using example::f32;

std::vector<OpCase> identity_cases() {
  return {{"floats", {f32({3, 5})}}, {"integers", {example::i64({1, 2})}}, {"scalar", {f32({})}}};
}

std::vector<OpCase> dropout_cases() {
  return {{"plain", {f32({3, 5})}},
          {"ratio", {f32({3, 5}), example::scalar(0.3f)}},
          {"not_training", {f32({3, 5}), example::scalar(0.3f), example::scalar(false)}},
          {"mask", {f32({3, 5})}, {}, 2}};
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
