#include <algorithm>
#include <cmath>
#include <numbers>

#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/unary.hpp"

namespace strata::ir {
namespace {

/// Attributes of an activation; their defaults belong to the op.
struct Parameters {
  double alpha, beta;
};

double celu(double x, const Parameters& p) {
  return std::fmax(0, x) + std::fmin(0, p.alpha * std::expm1(x / p.alpha));
}
double elu(double x, const Parameters& p) { return x < 0 ? p.alpha * std::expm1(x) : x; }
double hard_sigmoid(double x, const Parameters& p) {
  return std::clamp(p.alpha * x + p.beta, 0.0, 1.0);
}
double leaky_relu(double x, const Parameters& p) { return x < 0 ? p.alpha * x : x; }
double thresholded_relu(double x, const Parameters& p) { return x > p.alpha ? x : 0; }

/// A reference whose attributes default to these thousandths.
template <double (*f)(double x, const Parameters& p), int alpha, int beta = 0>
Status parametrised(const EvalArgs& args) {
  const Parameters p{args.attributes().real("alpha", float(alpha) / 1000),
                     args.attributes().real("beta", float(beta) / 1000)};
  map<double>(args.inputs[0], args.outputs[0], [&](double x) { return f(x, p); });
  return {};
}

// Constants of self-normalizing networks (Klambauer et al. 2017), as ONNX rounds them.
Status selu(const EvalArgs& args) {
  const double alpha = args.attributes().real("alpha", 1.67326319217681884765625f);
  const double gamma = args.attributes().real("gamma", 1.05070102214813232421875f);
  map<double>(args.inputs[0], args.outputs[0],
              [&](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
  return {};
}

Status gelu(const EvalArgs& args) {
  const bool approximate = text_view(args.attributes(), "approximate", "none") == "tanh";
  map<double>(args.inputs[0], args.outputs[0], [&](double x) {
    if (!approximate) return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1 + std::tanh(inner));
  });
  return {};
}

Status hard_swish(const EvalArgs& args) {
  map<double>(args.inputs[0], args.outputs[0],
              [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); });
  return {};
}

Status mish(const EvalArgs& args) {
  map<double>(args.inputs[0], args.outputs[0], [](double x) {
    const double softplus = std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
    return x * std::tanh(softplus);
  });
  return {};
}

void infer_celu(InferContext& context) {
  if (context.attributes().real("alpha", 1) == 0) {
    fail(ErrorCode::model, "alpha is 0; accepted: anything else");
  }
  infer_float_unary(context);
}

void infer_gelu(InferContext& context) {
  constexpr std::string_view accepted[] = {"none", "tanh"};
  expect_word(context.attributes(), "approximate", "none", accepted);
  infer_float_unary(context);
}

Replacement decompose_hard_swish(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const ValueId slope = builder.op("Mul", {x, scalar_like(builder, x, 1.0 / 6)});
  const ValueId line = builder.op("Add", {slope, scalar_like(builder, x, 0.5)});
  const ValueId gate =
      builder.op("Clip", {line, scalar_like(builder, x, 0), scalar_like(builder, x, 1)});
  return {{builder.op("Mul", {x, gate})}};
}

Replacement decompose_mish(Builder& builder, const Node& node) {
  const ValueId gate = builder.op("Tanh", {builder.op("Softplus", {node.inputs[0]})});
  return {{builder.op("Mul", {node.inputs[0], gate})}};
}

/// x * sigmoid(alpha * x)
ValueId swish(Builder& builder, ValueId x, float alpha) {
  const ValueId slope = alpha == 1 ? x : builder.op("Mul", {x, scalar_like(builder, x, alpha)});
  return builder.op("Mul", {x, builder.op("Sigmoid", {slope})});
}

Replacement decompose_swish(Builder& builder, const Node& node) {
  return {{swish(builder, node.inputs[0], node.attributes.real("alpha", 1))}};
}

Replacement decompose_swiglu(Builder& builder, const Node& node) {
  const ValueId gate = swish(builder, node.inputs[0], node.attributes.real("alpha", 1));
  return {{builder.op("Mul", {gate, node.inputs[1]})}};
}

void infer_swiglu(InferContext& context) {
  infer_float_unary(context);
  context.expect_same_dtype(0, 1);
  context.expect_rank(1, "B", rank_of(context, 0));
  for (int i = 0; i < rank_of(context, 0); ++i) {
    expect_extent(fmt::format("extent {} of B", i), context.input(1).shape[std::size_t(i)],
                  context.input(0).shape[std::size_t(i)]);
  }
}

/// What Gelu takes the erf or the tanh of.
ValueId gelu_argument(Builder& builder, ValueId x, bool approximate) {
  if (!approximate) return builder.op("Mul", {x, scalar_like(builder, x, 1 / std::numbers::sqrt2)});
  const ValueId square = builder.op("Mul", {x, x});
  const ValueId bend = builder.op("Mul", {square, scalar_like(builder, x, 0.044715)});
  const ValueId slope = builder.op("Add", {bend, scalar_like(builder, x, 1)});
  const ValueId scaled =
      builder.op("Mul", {x, scalar_like(builder, x, std::sqrt(2 / std::numbers::pi))});
  return builder.op("Mul", {scaled, slope});
}

Replacement decompose_gelu(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const bool approximate = text_view(node.attributes, "approximate", "none") == "tanh";
  const ValueId argument = gelu_argument(builder, x, approximate);
  const ValueId curve = builder.op(approximate ? "Tanh" : "Erf", {argument});
  const ValueId gate = builder.op("Add", {curve, scalar_like(builder, x, 1)});
  const ValueId half = builder.op("Mul", {x, scalar_like(builder, x, 0.5)});
  return {{builder.op("Mul", {half, gate})}};
}

/// The usual cases, once more with these attributes.
std::vector<OpCase> cases_with(const Attributes& attributes) {
  std::vector<OpCase> cases = unary_cases();
  OpCase parametrised = cases.front();
  parametrised.name = "parametrised";
  parametrised.attributes = attributes;
  cases.push_back(std::move(parametrised));
  return cases;
}
std::vector<OpCase> alpha_cases() { return cases_with({{"alpha", 0.3f}}); }
std::vector<OpCase> swiglu_cases() {
  std::vector<OpCase> cases = alpha_cases();
  for (OpCase& example : cases) example.inputs.push_back(example.inputs[0]);
  return cases;
}
std::vector<OpCase> alpha_beta_cases() { return cases_with({{"alpha", 0.5f}, {"beta", 0.25f}}); }
std::vector<OpCase> alpha_gamma_cases() { return cases_with({{"alpha", 0.5f}, {"gamma", 2.0f}}); }
std::vector<OpCase> gelu_cases() { return cases_with({{"approximate", "tanh"}}); }

constexpr AttributeDef alpha[] = {{"alpha", AttributeKind::real}};
constexpr AttributeDef alpha_beta[] = {{"alpha", AttributeKind::real},
                                       {"beta", AttributeKind::real}};
constexpr AttributeDef alpha_gamma[] = {{"alpha", AttributeKind::real},
                                        {"gamma", AttributeKind::real}};
constexpr AttributeDef approximate[] = {{"approximate", AttributeKind::string}};

constexpr OpDef row(std::string_view name, std::span<const AttributeDef> attributes,
                    Status (*reference)(const EvalArgs&), std::vector<OpCase> (*cases)(),
                    decltype(OpDef::decompose) decompose = nullptr,
                    void (*infer)(InferContext&) = infer_float_unary) {
  return {.name = name,
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .decompose = decompose,
          .cases = cases};
}

}  // namespace

extern const OpDef celu_op, elu_op, gelu_op, hard_sigmoid_op, hard_swish_op, leaky_relu_op, mish_op,
    selu_op, swiglu_op, swish_op, thresholded_relu_op;

constinit const OpDef celu_op =
    row("Celu", alpha, parametrised<celu, 1000>, alpha_cases, nullptr, infer_celu);
constinit const OpDef elu_op = row("Elu", alpha, parametrised<elu, 1000>, alpha_cases);
constinit const OpDef gelu_op =
    row("Gelu", approximate, gelu, gelu_cases, decompose_gelu, infer_gelu);
constinit const OpDef hard_sigmoid_op =
    row("HardSigmoid", alpha_beta, parametrised<hard_sigmoid, 200, 500>, alpha_beta_cases);
constinit const OpDef hard_swish_op =
    row("HardSwish", {}, hard_swish, unary_cases, decompose_hard_swish);
constinit const OpDef leaky_relu_op =
    row("LeakyRelu", alpha, parametrised<leaky_relu, 10>, alpha_cases);
constinit const OpDef mish_op = row("Mish", {}, mish, unary_cases, decompose_mish);
constinit const OpDef selu_op = row("Selu", alpha_gamma, selu, alpha_gamma_cases);
constinit const OpDef swiglu_op = {.name = "SwiGLU",
                                   .inputs = {2, 2},
                                   .attributes = alpha,
                                   .infer = infer_swiglu,
                                   .cost = elementwise_cost,
                                   .decompose = decompose_swiglu,
                                   .cases = swiglu_cases};
constinit const OpDef swish_op = row("Swish", alpha, nullptr, alpha_cases, decompose_swish);
constinit const OpDef thresholded_relu_op =
    row("ThresholdedRelu", alpha, parametrised<thresholded_relu, 1000>, alpha_cases);

}  // namespace strata::ir
