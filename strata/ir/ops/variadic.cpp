#include "strata/ir/ops/binary.hpp"
#include "strata/ir/ops/decomposition.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "input 0");
  for (int i = 1; i < context.inputs(); ++i) context.expect_same_dtype(0, i);
  context.set_output(0, {context.input(0).dtype, broadcast_operands(context, context.inputs())});
}

void infer_float(InferContext& context) {
  expect_float(context, 0, "input 0");
  infer(context);
}

template <DimFunction f>
void infer_with_elements(InferContext& context) {
  infer(context);
  if (context.inputs() == 2) set_combined_elements(context, f);
}

std::optional<Dim> larger(const Dim& a, const Dim& b) { return Dim::max(a, b); }
std::optional<Dim> smaller(const Dim& a, const Dim& b) { return Dim::min(a, b); }

struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};

template <class F>
Status extremum(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  dispatch_compute(y.dtype(), [&]<class C>() {
    // The first operand with itself is the first operand, broadcast.
    combine<C>(args.inputs[0], args.inputs[0], y, F{});
    for (const Tensor& x : args.inputs.subspan(1)) combine<C>(y, x, y, F{});
  });
  return {};
}

/// Adds up all operands at each element of the result; only the end is rounded.
Status scaled_sum(const EvalArgs& args, double scale) {
  Tensor& y = args.outputs[0];
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    double sum = 0;
    for (const Tensor& x : args.inputs) {
      sum += load_one<double>(x, broadcast_offset(y.shape(), i, x.shape()));
    }
    store_one(sum * scale, y, i);
  }
  return {};
}

Status sum(const EvalArgs& args) { return scaled_sum(args, 1); }
Status mean(const EvalArgs& args) { return scaled_sum(args, 1.0 / double(args.inputs.size())); }

template <const char* const& op>
Replacement decompose(Builder& builder, const Node& node) {
  ValueId folded = node.inputs[0];
  for (const ValueId x : std::span(node.inputs).subspan(1)) folded = builder.op(op, {folded, x});
  return {{folded}};
}

constexpr const char* add = "Add";

Replacement decompose_mean(Builder& builder, const Node& node) {
  const ValueId total = builder.op("Sum", node.inputs);
  return {
      {builder.op("Mul", {total, scalar_like(builder, total, 1.0 / double(node.inputs.size()))})}};
}

Cost cost(const CostArgs& args) {
  return {.flops = args.outputs[0].elements() * std::int64_t(args.inputs.size())};
}

std::vector<OpCase> float_cases() {
  using namespace example;
  std::vector<OpCase> cases = float_binary_cases();
  cases.push_back({"one", {f32({3, 5})}});
  cases.push_back({"three", {f32({3, 5}), f32({5}), f32({3, 1})}});
  cases.push_back({"growing", {f32({}), f32({2, 1}), f32({1, 3})}});
  return cases;
}

std::vector<OpCase> number_cases() {
  using namespace example;
  std::vector<OpCase> cases = float_cases();
  cases.push_back({"i64", {i64({1, -7, 3}), i64({0, 2, -3})}});
  cases.push_back({"u64", {values<std::uint64_t>({2}, {~0ull, 1}), scalar<std::uint64_t>(5)}});
  return cases;
}

constexpr OpDef row(std::string_view name, void (*rule)(InferContext&),
                    Status (*reference)(const EvalArgs&), std::vector<OpCase> (*cases)(),
                    decltype(OpDef::decompose) decompose = nullptr) {
  return {.name = name,
          .inputs = {1, variadic},
          .infer = rule,
          .reference = reference,
          .cost = cost,
          .decompose = decompose,
          .cases = cases};
}

}  // namespace

extern const OpDef max_op, mean_op, min_op, sum_op;

constinit const OpDef max_op =
    row("Max", infer_with_elements<larger>, extremum<Larger>, number_cases);
constinit const OpDef mean_op = row("Mean", infer_float, mean, float_cases, decompose_mean);
constinit const OpDef min_op =
    row("Min", infer_with_elements<smaller>, extremum<Smaller>, number_cases);
constinit const OpDef sum_op = row("Sum", infer_float, sum, float_cases, decompose<add>);

}  // namespace strata::ir
