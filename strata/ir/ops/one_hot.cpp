#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { indices, depth, on_off };

/// The depth as an extent: a known element, or a constant of any number type.
Dim depth_of(InferContext& context, int axis) {
  std::optional<Dim> known;
  if (const auto elements = context.elements(depth)) {
    expect_count("depth", elements->size(), 1);
    known = (*elements)[0];
  } else if (const auto constant = context.constant(depth)) {
    expect_count("depth", std::size_t(constant->elements()), 1);
    known = constant->cast(DType::i64).to_int64()[0];
  }
  if (!known) return context.open_extent(0, axis);
  if (known->is_constant()) {
    expect_between("depth", known->constant(), 0, std::numeric_limits<std::int32_t>::max());
  }
  return *known;
}

void infer(InferContext& context) {
  expect_number(context, indices, "indices");
  expect_number(context, depth, "depth");
  if (rank_of(context, depth) > 1) context.expect_rank(depth, "depth", 0);
  context.expect_rank(on_off, "values", 1);
  expect_extent("length of values", context.input(on_off).shape[0], 2);
  SymbolicShape shape = context.input(indices).shape;
  const int rank = int(shape.size()) + 1;
  if (rank > max_rank) {
    fail(ErrorCode::unsupported, "result of rank {}; accepted: at most {}", rank, max_rank);
  }
  const int axis = normalize_axis(context.attributes().integer("axis", -1), rank, "axis");
  shape.insert(shape.begin() + axis, depth_of(context, axis));
  context.set_output(0, {context.input(on_off).dtype, std::move(shape)});
}

// An index outside [-depth, depth) lights no element.
Status reference(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  const AxisView view(
      y.shape(), normalize_axis(args.attributes().integer("axis", -1), y.shape().rank(), "axis"));
  dispatch_compute(args.inputs[indices].dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      const std::int64_t line = i / (view.extent * view.inner) * view.inner + i % view.inner;
      const std::int64_t k = i / view.inner % view.extent;
      const C index = load_one<C>(args.inputs[indices], line);
      const bool on = index == C(k) || (index < C(0) && index == C(k - view.extent));
      copy_elements(args.inputs[on_off], on ? 1 : 0, y, i, 1);
    }
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto zero_one = values<float>({2}, {0, 1});
  const auto four = scalar<std::int64_t>(4);
  return {{"last", {i64({0, 7, -1, 3}), four, zero_one}},
          {"first",
           {values<std::int32_t>({2, 2}, {0, -4, -5, 3}), four, values<std::int8_t>({2}, {2, 5})},
           {{"axis", std::int64_t(0)}}},
          {"middle", {input(DType::u8, {2, 3}), i64({5}), zero_one}, {{"axis", std::int64_t(-2)}}},
          {"floats", {values<float>({3}, {1, -2, 0.5f}), scalar(3.0f), zero_one}},
          {"symbolic", {input(DType::i64, {Dim::symbol("N")}), four, zero_one}},
          {"scalar", {scalar<std::int64_t>(2), four, zero_one}},
          {"no_classes", {i64({1, 2}), scalar<std::int64_t>(0), zero_one}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef one_hot_op;
constinit const OpDef one_hot_op = {.name = "OneHot",
                                    .inputs = {3, 3},
                                    .attributes = attributes,
                                    .infer = infer,
                                    .reference = reference,
                                    .cases = cases};

}  // namespace strata::ir
