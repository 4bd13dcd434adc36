#include "strata/ir/ops/recurrent.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/checked.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view directions[] = {"forward", "reverse", "bidirectional"};

struct FunctionRow {
  std::string_view name;  ///< in lower case
  int parameters;         ///< 1: alpha; 2: alpha and beta
  double alpha, beta;     ///< where none are given
  double (*apply)(double x, double alpha, double beta);
};

constexpr FunctionRow functions[] = {
    {"affine", 2, 1, 0, [](double x, double a, double b) { return a * x + b; }},
    {"elu", 1, 1, 0, [](double x, double a, double) { return x >= 0 ? x : a * std::expm1(x); }},
    {"hardsigmoid", 2, 0.2, 0.5,
     [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }},
    {"leakyrelu", 1, 0.01, 0, [](double x, double a, double) { return x >= 0 ? x : a * x; }},
    {"relu", 0, 0, 0, [](double x, double, double) { return std::max(x, 0.0); }},
    {"scaledtanh", 2, 1, 1, [](double x, double a, double b) { return a * std::tanh(b * x); }},
    {"sigmoid", 0, 0, 0, [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
    {"softplus", 0, 0, 0,
     [](double x, double, double) {
       return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
     }},
    {"softsign", 0, 0, 0, [](double x, double, double) { return x / (1 + std::fabs(x)); }},
    {"tanh", 0, 0, 0, [](double x, double, double) { return std::tanh(x); }},
    {"thresholdedrelu", 1, 1, 0, [](double x, double a, double) { return x >= a ? x : 0; }},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

const FunctionRow& find_function(std::string_view name) {
  for (const FunctionRow& row : functions) {
    if (std::ranges::equal(row.name, name, {}, {}, lower)) return row;
  }
  fail(ErrorCode::model,
       "activation '{}'; accepted: Affine, Elu, HardSigmoid, LeakyRelu, Relu, ScaledTanh, Sigmoid, "
       "Softplus, Softsign, Tanh, ThresholdedRelu",
       name);
}

/// A list attribute without a copy; empty if absent.
template <class T>
std::span<const T> list(const Attributes& attributes, std::string_view name) {
  const Attribute* found = attributes.find(name);
  const auto* values = found ? std::get_if<std::vector<T>>(found) : nullptr;
  return values ? std::span<const T>(*values) : std::span<const T>();
}

bool batch_first(const Attributes& attributes) { return attributes.integer("layout", 0) == 1; }

int direction_count(const Attributes& attributes) {
  return text_view(attributes, "direction", directions[0]) == directions[2] ? 2 : 1;
}

}  // namespace

double GateFunction::operator()(double x) const {
  if (limit > 0) x = std::clamp(x, -limit, limit);
  return apply(x, alpha, beta);
}

GateFunctions gate_functions(const Attributes& attributes, const RecurrentKind& kind,
                             int direction) {
  const auto names = list<std::string>(attributes, "activations");
  const auto alphas = list<float>(attributes, "activation_alpha");
  const auto betas = list<float>(attributes, "activation_beta");
  const std::size_t count = kind.functions.size();
  if (!names.empty() && names.size() != count && names.size() != 2 * count) {
    fail(ErrorCode::model, "activations has {} entries, expected {}, or {} in two directions",
         names.size(), count, 2 * count);
  }
  GateFunctions result;
  // Parameters are handed out in order, to the functions that take them; one set serves both
  // directions where there is no second.
  std::size_t alpha = 0, beta = 0;
  for (int d = 0; d <= direction; ++d) {
    const std::size_t first = names.size() > count ? std::size_t(d) * count : 0;
    if (first == 0) alpha = beta = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const FunctionRow& row =
          find_function(names.empty() ? kind.functions[i] : std::string_view(names[first + i]));
      result[i] = {row.apply, row.alpha, row.beta, double(attributes.real("clip", 0))};
      if (row.parameters > 0 && alpha < alphas.size()) result[i].alpha = double(alphas[alpha++]);
      if (row.parameters > 1 && beta < betas.size()) result[i].beta = double(betas[beta++]);
    }
  }
  return result;
}

TensorType recurrent_state(const InferContext& context) {
  const SymbolicShape& x = context.input(0).shape;
  const Dim count = direction_count(context.attributes());
  const Dim hidden = context.input(2).shape[2];
  if (batch_first(context.attributes())) return {context.input(0).dtype, {x[0], count, hidden}};
  return {context.input(0).dtype, {count, x[1], hidden}};
}

void expect_recurrent_state(const InferContext& context, int i, std::string_view what) {
  if (!context.has_input(i)) return;
  context.expect_same_dtype(0, i);
  context.expect_rank(i, what, 3);
  const TensorType expected = recurrent_state(context);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    expect_extent(fmt::format("extent {} of {}", axis, what), context.input(i).shape[axis],
                  expected.shape[axis]);
  }
}

void infer_recurrent(InferContext& context, const RecurrentKind& kind) {
  const Attributes& attributes = context.attributes();
  expect_float(context, 0, "X");
  expect_word(attributes, "direction", directions[0], directions);
  expect_between("layout", attributes.integer("layout", 0), 0, 1);
  if (!(attributes.real("clip", 0) >= 0)) {
    fail(ErrorCode::model, "clip is {}; accepted: 0 or more", attributes.real("clip", 0));
  }
  const Dim count = direction_count(attributes);
  for (int d = 0; d < direction_count(attributes); ++d) gate_functions(attributes, kind, d);
  constexpr std::string_view names[] = {"X", "W", "R"};
  for (int i = 0; i < 3; ++i) {
    context.expect_same_dtype(0, i);
    context.expect_rank(i, names[i], 3);
  }
  const bool first = batch_first(attributes);
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& w = context.input(1).shape;
  const SymbolicShape& r = context.input(2).shape;
  const Dim steps = x[first ? 1 : 0];
  const Dim batch = x[first ? 0 : 1];
  const Dim hidden = r[2];
  const Dim rows = hidden * Dim(kind.gates);
  if (attributes.has("hidden_size")) {
    expect_extent("extent 2 of R", hidden, attributes.integer("hidden_size", 0));
  }
  expect_extent("extent 0 of W (the directions)", w[0], count);
  expect_extent("extent 0 of R (the directions)", r[0], count);
  expect_extent("extent 1 of W", w[1], rows);
  expect_extent("extent 1 of R", r[1], rows);
  expect_extent("extent 2 of W", w[2], x[2]);
  if (context.has_input(3)) {
    context.expect_same_dtype(0, 3);
    context.expect_rank(3, "B", 2);
    expect_extent("extent 0 of B (the directions)", context.input(3).shape[0], count);
    expect_extent("extent 1 of B", context.input(3).shape[1], rows * Dim(2));
  }
  if (context.has_input(4)) {
    expect_dtype(context, 4, "sequence_lens", DType::i32);
    context.expect_rank(4, "sequence_lens", 1);
    expect_extent("length of sequence_lens", context.input(4).shape[0], batch);
  }
  expect_recurrent_state(context, 5, "initial_h");
  const DType type = context.input(0).dtype;
  context.set_output(0, {type, first ? SymbolicShape{batch, steps, count, hidden}
                                     : SymbolicShape{steps, count, batch, hidden}});
  context.set_output(1, recurrent_state(context));
}

// Every step multiplies all weights.
Cost recurrent_cost(const CostArgs& args) {
  const std::int64_t weights = args.inputs[1].elements() + args.inputs[2].elements();
  const auto rows = checked_mul(args.inputs[0][0], args.inputs[0][1]);
  const auto macs = rows ? checked_mul(*rows, weights) : std::nullopt;
  return {.macs = macs.value_or(std::numeric_limits<std::int64_t>::max())};
}

std::size_t recurrent_scratch(const CostArgs& args) {
  const std::int64_t doubles = args.inputs[0][2] + 2 * args.inputs[2][2] + 2 * args.inputs[1][1];
  return std::size_t(doubles) * sizeof(double);
}

RecurrentSizes::RecurrentSizes(const EvalArgs& args)
    : steps(args.inputs[0].shape()[0]),
      batch(args.inputs[0].shape()[1]),
      input(args.inputs[0].shape()[2]),
      hidden(args.inputs[2].shape()[2]),
      directions(args.inputs[2].shape()[0]),
      batch_first(ir::batch_first(args.attributes())),
      reversed(text_view(args.attributes(), "direction", ir::directions[0]) == ir::directions[1]) {
  if (batch_first) std::swap(steps, batch);
}

std::int64_t RecurrentSizes::x(std::int64_t t, std::int64_t b) const {
  return (batch_first ? b * steps + t : t * batch + b) * input;
}

std::int64_t RecurrentSizes::y(std::int64_t t, std::int64_t d, std::int64_t b) const {
  return (batch_first ? (b * steps + t) * directions + d : (t * directions + d) * batch + b) *
         hidden;
}

std::int64_t RecurrentSizes::state(std::int64_t d, std::int64_t b) const {
  return (batch_first ? b * directions + d : d * batch + b) * hidden;
}

}  // namespace strata::ir
