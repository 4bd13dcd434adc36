#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const TensorType& x = context.input(0);
  if (x.shape.size() < 2) {
    fail(ErrorCode::model, "input has rank {}; accepted: at least 2", x.shape.size());
  }
  const std::int64_t batch = context.attributes().integer("batch_axis", 1);
  const std::int64_t time = context.attributes().integer("time_axis", 0);
  expect_between("batch_axis", batch, 0, 1);
  expect_between("time_axis", time, 0, 1);
  if (batch == time) fail(ErrorCode::model, "batch_axis and time_axis are both {}", time);
  expect_dtype(context, 1, "sequence_lens", DType::i64);
  context.expect_rank(1, "sequence_lens", 1);
  expect_extent("length of sequence_lens", context.input(1).shape[0], x.shape[std::size_t(batch)]);
  context.set_output(0, x);
}

Status reference(const EvalArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  const int batch = int(args.attributes().integer("batch_axis", 1));
  const int time = 1 - batch;
  const std::int64_t inner = shape.elements(2, shape.rank());
  if (args.inputs[1].elements() != shape[batch]) return {"sequence_lens does not fit the batch"};
  for (std::int64_t b = 0; b < shape[batch]; ++b) {
    const std::int64_t length = index_at(args.inputs[1], b);
    if (length < 0 || length > shape[time]) return {"sequence length out of range"};
    for (std::int64_t t = 0; t < shape[time]; ++t) {
      const std::int64_t from = t < length ? length - 1 - t : t;
      const auto row = [&](std::int64_t step) {
        return (batch == 1 ? step * shape[1] + b : b * shape[1] + step) * inner;
      };
      copy_elements(args.inputs[0], row(from), args.outputs[0], row(t), inner);
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes batch_first{{"batch_axis", std::int64_t(0)}, {"time_axis", std::int64_t(1)}};
  return {{"time_first", {f32({4, 4}), i64({4, 3, 2, 0})}},
          {"batch_first", {f32({2, 5, 3}), i64({5, 2})}, batch_first},
          {"i16", {input(DType::i16, {3, 1}), i64({2})}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 2}), i64({1, 3})}, batch_first},
          {"empty", {f32({3, 0}), i64({})}}};
}

constexpr AttributeDef attributes[] = {{"batch_axis", AttributeKind::integer},
                                       {"time_axis", AttributeKind::integer}};

}  // namespace

extern const OpDef reverse_sequence_op;
constinit const OpDef reverse_sequence_op = {.name = "ReverseSequence",
                                             .inputs = {2, 2},
                                             .attributes = attributes,
                                             .infer = infer,
                                             .reference = reference,
                                             .cases = cases};

}  // namespace strata::ir
