#include <functional>

#include "strata/ir/ops/binary.hpp"
#include "strata/ir/ops/decomposition.hpp"

namespace strata::ir {
namespace {

void infer_comparison(InferContext& context) {
  expect_number(context, 0, "A");
  context.expect_same_dtype(0, 1);
  context.set_output(0, {DType::boolean, broadcast_operands(context, 2)});
}

/// Whether two known elements are equal, if that holds for all values of the symbols. A lone
/// symbol is an extent, so it equals no negative number.
std::optional<Dim> equal_dims(const Dim& a, const Dim& b) {
  if (a == b) return Dim(1);
  if (a.is_constant() && b.is_constant()) return Dim(0);
  const auto apart = [](const Dim& x, const Dim& y) {
    return x.as_symbol() && y.is_constant() && y.constant() < 0;
  };
  return apart(a, b) || apart(b, a) ? std::optional(Dim(0)) : std::nullopt;
}

void infer_equal(InferContext& context) {
  context.expect_same_dtype(0, 1);
  context.set_output(0, {DType::boolean, broadcast_operands(context, 2)});
  set_combined_elements(context, equal_dims);
}

void infer_logic(InferContext& context) {
  expect_dtype(context, 0, "A", DType::boolean);
  expect_dtype(context, 1, "B", DType::boolean);
  context.set_output(0, {DType::boolean, broadcast_operands(context, 2)});
}

void infer_not(InferContext& context) {
  expect_dtype(context, 0, "X", DType::boolean);
  context.set_output(0, context.input(0));
}

struct And {
  template <class T>
  bool operator()(T a, T b) const {
    return a != 0 && b != 0;
  }
};
struct Or {
  template <class T>
  bool operator()(T a, T b) const {
    return a != 0 || b != 0;
  }
};
struct Xor {
  template <class T>
  bool operator()(T a, T b) const {
    return (a != 0) != (b != 0);
  }
};
struct Not {
  template <class T>
  bool operator()(T x) const {
    return x == 0;
  }
};

Replacement decompose_greater_or_equal(Builder& builder, const Node& node) {
  const ValueId greater = builder.op("Greater", {node.inputs[0], node.inputs[1]});
  return {{builder.op("Or", {greater, builder.op("Equal", {node.inputs[0], node.inputs[1]})})}};
}

Replacement decompose_less_or_equal(Builder& builder, const Node& node) {
  const ValueId less = builder.op("Less", {node.inputs[0], node.inputs[1]});
  return {{builder.op("Or", {less, builder.op("Equal", {node.inputs[0], node.inputs[1]})})}};
}

std::vector<OpCase> comparison_cases() {
  using namespace example;
  std::vector<OpCase> cases = float_binary_cases();
  cases.push_back({"i64", {i64({1, -7, 3}), i64({1, 2, -3})}});
  cases.push_back({"u64", {values<std::uint64_t>({2}, {~0ull, 1}), scalar<std::uint64_t>(5)}});
  cases.push_back(
      {"equal_floats", {values<float>({3}, {1, -0.0f, 2}), values<float>({3}, {1, 0, 3})}});
  return cases;
}

std::vector<OpCase> logic_cases() {
  using namespace example;
  return {{"vectors",
           {values<bool>({4}, {false, false, true, true}),
            values<bool>({4}, {false, true, false, true})}},
          {"broadcast", {values<bool>({2, 1}, {false, true}), values<bool>({2}, {false, true})}}};
}

std::vector<OpCase> not_cases() {
  return {{"vector", {example::values<bool>({2}, {false, true})}}};
}

constexpr OpDef row(std::string_view name, void (*infer)(InferContext&),
                    Status (*reference)(const EvalArgs&), std::vector<OpCase> (*cases)(),
                    decltype(OpDef::decompose) decompose = nullptr) {
  return {.name = name,
          .inputs = {2, 2},
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .decompose = decompose,
          .cases = cases};
}

}  // namespace

extern const OpDef and_op, equal_op, greater_op, greater_or_equal_op, less_op, less_or_equal_op,
    not_op, or_op, xor_op;

constinit const OpDef and_op = row("And", infer_logic, combine_reference<And>, logic_cases);
constinit const OpDef equal_op =
    row("Equal", infer_equal, combine_reference<std::equal_to<>>, comparison_cases);
constinit const OpDef greater_op =
    row("Greater", infer_comparison, combine_reference<std::greater<>>, comparison_cases);
constinit const OpDef greater_or_equal_op =
    row("GreaterOrEqual", infer_comparison, combine_reference<std::greater_equal<>>,
        comparison_cases, decompose_greater_or_equal);
constinit const OpDef less_op =
    row("Less", infer_comparison, combine_reference<std::less<>>, comparison_cases);
constinit const OpDef less_or_equal_op =
    row("LessOrEqual", infer_comparison, combine_reference<std::less_equal<>>, comparison_cases,
        decompose_less_or_equal);
constinit const OpDef not_op = {.name = "Not",
                                .infer = infer_not,
                                .reference = map_reference<Not>,
                                .cost = elementwise_cost,
                                .cases = not_cases};
constinit const OpDef or_op = row("Or", infer_logic, combine_reference<Or>, logic_cases);
constinit const OpDef xor_op = row("Xor", infer_logic, combine_reference<Xor>, logic_cases);

}  // namespace strata::ir
