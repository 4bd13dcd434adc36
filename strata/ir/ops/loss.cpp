#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { scores, target, weight };

constexpr std::string_view reductions[] = {"mean", "none", "sum"};

void infer(InferContext& context) {
  expect_float(context, scores, "scores");
  expect_index(context, target, "target");
  expect_word(context.attributes(), "reduction", "mean", reductions);
  const TensorType& x = context.input(scores);
  if (x.shape.size() < 2) {
    fail(ErrorCode::model, "scores have rank {}; accepted: at least 2 (N, C and more)",
         x.shape.size());
  }
  context.expect_rank(target, "target", int(x.shape.size()) - 1);
  SymbolicShape samples = x.shape;
  samples.erase(samples.begin() + 1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    expect_extent(fmt::format("extent {} of target", i), context.input(target).shape[i],
                  samples[i]);
  }
  if (context.has_input(weight)) {
    context.expect_same_dtype(scores, weight);
    context.expect_rank(weight, "weight", 1);
    expect_extent("length of weight", context.input(weight).shape[0], x.shape[1]);
  }
  const bool each = text_view(context.attributes(), "reduction", "mean") == "none";
  context.set_output(0, {x.dtype, each ? samples : SymbolicShape{}});
  context.set_output(1, x);
}

ValueId sum_of_all(Builder& builder, ValueId x) {
  return builder.op("ReduceSum", {x}, {{"keepdims", std::int64_t(0)}});
}

bool has_input(const Node& node, std::size_t i) {
  return i < node.inputs.size() && node.inputs[i] != no_value;
}

/// -input[n, target[n]] * weight[target[n]]; what ignore_index names counts for nothing.
Replacement decompose_likelihood(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[scores];
  const std::string reduction(text_view(node.attributes, "reduction", "mean"));
  const bool ignores = node.attributes.has("ignore_index");
  ValueId labels = node.inputs[target];
  ValueId ignored = no_value;
  if (ignores) {
    Tensor index = Tensor::scalar(node.attributes.integer("ignore_index", 0));
    index = index.cast(type_of(builder, labels).dtype);
    ignored = builder.op("Equal", {labels, builder.constant(index)});
    labels = builder.op("Where", {ignored, scalar_like(builder, labels, 0), labels});
  }
  const ValueId axis = builder.integers({1});
  const ValueId column = builder.op("Unsqueeze", {labels, axis});
  const ValueId chosen = builder.op("GatherElements", {x, column}, {{"axis", std::int64_t(1)}});
  ValueId loss = builder.op("Neg", {builder.op("Squeeze", {chosen, axis})});
  ValueId weights = no_value;
  const ValueId zero = scalar_like(builder, x, 0);
  if (has_input(node, weight)) {
    weights = builder.op("Gather", {node.inputs[weight], labels});
    loss = builder.op("Mul", {loss, weights});
  }
  if (ignores) {
    loss = builder.op("Where", {ignored, zero, loss});
    const ValueId counted = weights == no_value ? scalar_like(builder, x, 1) : weights;
    weights = builder.op("Where", {ignored, zero, counted});
  }
  if (reduction == "none") return {{loss}};
  if (reduction == "sum") return {{sum_of_all(builder, loss)}};
  if (weights == no_value) {
    return {{builder.op("ReduceMean", {loss}, {{"keepdims", std::int64_t(0)}})}};
  }
  return {{builder.op("Div", {sum_of_all(builder, loss), sum_of_all(builder, weights)})}};
}

Replacement decompose_cross_entropy(Builder& builder, const Node& node) {
  const ValueId logarithms =
      builder.op("LogSoftmax", {node.inputs[scores]}, {{"axis", std::int64_t(1)}});
  std::vector<ValueId> operands = node.inputs;
  operands[scores] = logarithms;
  std::vector<ValueId> results{builder.op("NegativeLogLikelihoodLoss", operands, node.attributes),
                               logarithms};
  results.resize(node.outputs.size(), no_value);
  return results;
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[scores].elements()}; }

using namespace example;

std::vector<OpCase> cases() {
  const auto labels = values<std::int64_t>({3}, {0, 4, 1});
  const auto weights = values<float>({5}, {0.5f, 1, 2, 0.25f, 3});
  const auto pixels = values<std::int32_t>({2, 2}, {1, 0, -7, 2});
  const auto with = [](std::string_view reduction) {
    return Attributes{{"reduction", std::string(reduction)}};
  };
  Attributes ignoring{{"ignore_index", std::int64_t(-7)}};
  Attributes ignoring_each = ignoring;
  ignoring_each.set("reduction", "none");
  return {
      {"mean", {f32({3, 5}), labels}},
      {"sum", {f32({3, 5}), labels}, with("sum")},
      {"none", {f32({3, 5}), labels}, with("none")},
      {"weighted", {f32({3, 5}), labels, weights}},
      {"ignored", {f32({2, 3, 2}), pixels}, ignoring},
      {"ignored_each", {f32({2, 3, 2}), pixels}, ignoring_each},
      {"ignored_weighted", {f32({2, 3, 2}), pixels, values<float>({3}, {1, 2, 0.5f})}, ignoring},
      {"f16", {input(DType::f16, {3, 5}), labels}},
      {"symbolic",
       {f32({Dim::symbol("N"), 3, 2}), values<std::int64_t>({2, 2}, {0, 1, 2, 0})},
       with("none")}};
}

std::vector<OpCase> cross_entropy_cases() {
  std::vector<OpCase> all = cases();
  OpCase both = all.front();
  both.name = "both_outputs";
  both.outputs = 2;
  all.push_back(std::move(both));
  return all;
}

constexpr AttributeDef attributes[] = {{"ignore_index", AttributeKind::integer},
                                       {"reduction", AttributeKind::string}};

}  // namespace

extern const OpDef negative_log_likelihood_loss_op, softmax_cross_entropy_loss_op;

constinit const OpDef negative_log_likelihood_loss_op = {.name = "NegativeLogLikelihoodLoss",
                                                         .inputs = {2, 3},
                                                         .attributes = attributes,
                                                         .infer = infer,
                                                         .cost = cost,
                                                         .decompose = decompose_likelihood,
                                                         .cases = cases};
constinit const OpDef softmax_cross_entropy_loss_op = {.name = "SoftmaxCrossEntropyLoss",
                                                       .inputs = {2, 3},
                                                       .outputs = {1, 2},
                                                       .attributes = attributes,
                                                       .infer = infer,
                                                       .cost = cost,
                                                       .decompose = decompose_cross_entropy,
                                                       .cases = cross_entropy_cases};

}  // namespace strata::ir
