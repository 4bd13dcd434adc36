#include "strata/ir/ops/binary.hpp"

namespace strata::ir {

SymbolicShape broadcast_operands(const InferContext& context, int count) {
  SymbolicShape shape = context.input(0).shape;
  for (int i = 1; i < count; ++i) shape = broadcast(shape, context.input(i).shape);
  if (shape.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "result of rank {}; accepted: at most {}", shape.size(), max_rank);
  }
  return shape;
}

namespace {

/// f(a, b) unless it leaves the range of the element type: then it wraps, which dims do not.
std::optional<Dim> within(DType type, DimFunction f, const Dim& a, const Dim& b) {
  std::optional<Dim> value;
  try {
    value = f(a, b);
  } catch (const Error&) {  // beyond 63 bits, or too long an expression
    return std::nullopt;
  }
  const bool narrow = type == DType::i32 && value && value->is_constant() &&
                      value->constant() != std::int32_t(value->constant());
  return narrow ? std::nullopt : value;
}

}  // namespace

void set_combined_elements(InferContext& context, DimFunction f) {
  const auto a = context.elements(0);
  const auto b = context.elements(1);
  if (!a || !b) return;
  const auto shape = as_constant(broadcast_operands(context, 2));
  const auto left = as_constant(context.input(0).shape);
  const auto right = as_constant(context.input(1).shape);
  // Known elements are scalars and vectors; more is not worth a general walk.
  if (!shape || !left || !right || shape->rank() > 1) return;
  std::vector<Dim> elements;
  for (std::size_t i = 0; i < std::size_t(shape->elements()); ++i) {
    const auto value = within(context.input(0).dtype, f, (*a)[a->size() == 1 ? 0 : i],
                              (*b)[b->size() == 1 ? 0 : i]);
    if (!value) return;
    elements.push_back(*value);
  }
  context.set_elements(0, std::move(elements));
}

void infer_binary(InferContext& context) {
  expect_number(context, 0, "A");
  context.expect_same_dtype(0, 1);
  context.set_output(0, {context.input(0).dtype, broadcast_operands(context, 2)});
}

std::vector<OpCase> binary_cases(DType type, double low, double high) {
  using namespace example;
  const auto make = [&](std::string_view name, SymbolicShape a, SymbolicShape b) {
    return OpCase{
        .name = name, .inputs = {input(type, a), input(type, b)}, .low = low, .high = high};
  };
  return {make("same_shape", {2, 3, 5}, {2, 3, 5}),
          make("scalar_right", {2, 3, 5}, {}),
          make("scalar_left", {}, {4, 3}),
          make("channel", {2, 3, 4, 5}, {3, 1, 1}),
          make("row", {2, 3, 5}, {5}),
          make("both", {4, 1, 3}, {1, 5, 1}),
          make("large", {2, 700}, {2, 1}),
          make("empty", {0, 3}, {1, 3}),
          make("symbolic", {Dim::symbol("N"), 3}, {1, 3})};
}

std::vector<OpCase> float_binary_cases() { return binary_cases(DType::f32, -2, 2); }

}  // namespace strata::ir
