#include "strata/ir/ops/unary.hpp"

#include <cmath>

#include "strata/ir/ops/decomposition.hpp"

namespace strata::ir {

void infer_float_unary(InferContext& context) {
  expect_float(context, 0, "X");
  context.set_output(0, context.input(0));
}

void infer_number_unary(InferContext& context) {
  expect_number(context, 0, "X");
  context.set_output(0, context.input(0));
}

void infer_signed_unary(InferContext& context) {
  expect_signed(context, 0, "X");
  context.set_output(0, context.input(0));
}

std::vector<OpCase> unary_cases() {
  using namespace example;
  return {{.name = "matrix", .inputs = {f32({3, 7, 5})}, .low = -3, .high = 3},
          {.name = "symbolic", .inputs = {f32({Dim::symbol("N"), 9})}, .low = -3, .high = 3},
          {.name = "scalar", .inputs = {f32({})}, .low = -3, .high = 3},
          {.name = "empty", .inputs = {f32({0, 3})}},
          {.name = "f16", .inputs = {input(DType::f16, {300})}, .low = -3, .high = 3},
          {.name = "f64", .inputs = {input(DType::f64, {5})}, .low = -3, .high = 3}};
}

std::vector<OpCase> unary_cases_within(double low, double high) {
  std::vector<OpCase> cases = unary_cases();
  for (OpCase& example : cases) {
    example.low = low;
    example.high = high;
  }
  return cases;
}

std::vector<OpCase> positive_unary_cases() { return unary_cases_within(0.1, 3); }

namespace {

std::vector<OpCase> unit_cases() { return unary_cases_within(-0.9, 0.9); }
std::vector<OpCase> above_one_cases() { return unary_cases_within(1.1, 3); }

/// A row for a function of double.
template <double (*f)(double)>
Status evaluate(const EvalArgs& args) {
  map<double>(args.inputs[0], args.outputs[0], f);
  return {};
}

template <double (*f)(double)>
constexpr OpDef row(std::string_view name, std::vector<OpCase> (*cases)() = unary_cases) {
  return {.name = name,
          .infer = infer_float_unary,
          .reference = evaluate<f>,
          .cost = elementwise_cost,
          .cases = cases};
}

/// A row for a functor that also maps integers.
template <class F>
constexpr OpDef number_row(std::string_view name, void (*infer)(InferContext&)) {
  return {.name = name,
          .infer = infer,
          .reference = map_reference<F>,
          .cost = elementwise_cost,
          .cases = unary_cases};
}

struct Relu {
  template <class T>
  T operator()(T x) const {
    return x < T(0) ? T(0) : x;  // keeps NaN
  }
};

struct Negate {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) return T(std::uint64_t(0) - std::uint64_t(x));
    return -x;
  }
};

struct Absolute {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>) return std::fabs(x);
    return x < T(0) ? Negate{}(x) : x;
  }
};

struct Signum {
  template <class T>
  T operator()(T x) const {
    if (x != x) return x;
    return T(x > T(0)) - T(x < T(0));
  }
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softsign(double x) { return x / (1 + std::fabs(x)); }
double reciprocal(double x) { return 1 / x; }
// log(1 + e^x) without overflow for large x.
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

Replacement decompose_softplus(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const ValueId grown = builder.op("Exp", {builder.op("Neg", {builder.op("Abs", {x})})});
  const ValueId one = scalar_like(builder, x, 1);
  const ValueId tail = builder.op("Log", {builder.op("Add", {one, grown})});
  return {{builder.op("Add", {builder.op("Relu", {x}), tail})}};
}

Replacement decompose_softsign(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const ValueId below = builder.op("Add", {scalar_like(builder, x, 1), builder.op("Abs", {x})});
  return {{builder.op("Div", {x, below})}};
}

constexpr OpDef with_decomposition(OpDef op, decltype(OpDef::decompose) decompose) {
  op.decompose = decompose;
  return op;
}

}  // namespace

extern const OpDef abs_op, acos_op, acosh_op, asin_op, asinh_op, atan_op, atanh_op, ceil_op, cos_op,
    cosh_op, erf_op, exp_op, floor_op, log_op, neg_op, reciprocal_op, relu_op, round_op, sigmoid_op,
    sign_op, sin_op, sinh_op, softplus_op, softsign_op, sqrt_op, tan_op, tanh_op;

constinit const OpDef abs_op = number_row<Absolute>("Abs", infer_number_unary);
constinit const OpDef acos_op = row<std::acos>("Acos", unit_cases);
constinit const OpDef acosh_op = row<std::acosh>("Acosh", above_one_cases);
constinit const OpDef asin_op = row<std::asin>("Asin", unit_cases);
constinit const OpDef asinh_op = row<std::asinh>("Asinh");
constinit const OpDef atan_op = row<std::atan>("Atan");
constinit const OpDef atanh_op = row<std::atanh>("Atanh", unit_cases);
constinit const OpDef ceil_op = row<std::ceil>("Ceil");
constinit const OpDef cos_op = row<std::cos>("Cos");
constinit const OpDef cosh_op = row<std::cosh>("Cosh");
constinit const OpDef erf_op = row<std::erf>("Erf");
constinit const OpDef exp_op = row<std::exp>("Exp");
constinit const OpDef floor_op = row<std::floor>("Floor");
constinit const OpDef log_op = row<std::log>("Log", positive_unary_cases);
constinit const OpDef neg_op = number_row<Negate>("Neg", infer_signed_unary);
constinit const OpDef reciprocal_op = row<reciprocal>("Reciprocal", positive_unary_cases);
constinit const OpDef relu_op = number_row<Relu>("Relu", infer_signed_unary);
constinit const OpDef round_op = row<std::nearbyint>("Round");  // halves to even
constinit const OpDef sigmoid_op = row<sigmoid>("Sigmoid");
constinit const OpDef sign_op = number_row<Signum>("Sign", infer_number_unary);
constinit const OpDef sin_op = row<std::sin>("Sin");
constinit const OpDef sinh_op = row<std::sinh>("Sinh");
constinit const OpDef softplus_op =
    with_decomposition(row<softplus>("Softplus"), decompose_softplus);
constinit const OpDef softsign_op =
    with_decomposition(row<softsign>("Softsign"), decompose_softsign);
constinit const OpDef sqrt_op = row<std::sqrt>("Sqrt", positive_unary_cases);
constinit const OpDef tan_op = row<std::tan>("Tan");
constinit const OpDef tanh_op = row<std::tanh>("Tanh");

}  // namespace strata::ir
