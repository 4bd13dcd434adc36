#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/sliced.hpp"

namespace strata::ir {
namespace {

bool is_kept(const Tensor& condition, std::int64_t i) {
  return static_cast<const std::uint8_t*>(condition.raw())[i] != 0;
}

/// How many of the first `extent` entries are set.
std::int64_t count_kept(const Tensor& condition, std::int64_t extent) {
  if (condition.elements() > extent) {
    fail(ErrorCode::model, "condition has {} entries; accepted: at most {}", condition.elements(),
         extent);
  }
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < condition.elements(); ++i) kept += is_kept(condition, i);
  return kept;
}

// Without an axis the input counts as a vector.
void infer(InferContext& context) {
  expect_dtype(context, 1, "condition", DType::boolean);
  context.expect_rank(1, "condition", 1);
  auto [shape, axis] = sliced(context.attributes(), context.input(0).shape);
  Dim& extent = shape[std::size_t(axis)];
  const auto condition = context.constant(1);
  if (condition && extent.is_constant()) {
    extent = count_kept(*condition, extent.constant());
  } else {
    extent = context.open_extent(0, axis);
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const Tensor& condition = args.inputs[1];
  const auto [shape, axis] = sliced(args.attributes(), x.shape());
  const AxisView view(shape, axis);
  if (condition.elements() > view.extent) return {"condition is longer than the axis"};
  std::int64_t to = 0;
  for (std::int64_t o = 0; o < view.outer; ++o) {
    for (std::int64_t i = 0; i < condition.elements(); ++i) {
      if (!is_kept(condition, i)) continue;
      copy_elements(x, (o * view.extent + i) * view.inner, args.outputs[0], to, view.inner);
      to += view.inner;
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {
      {"rows", {f32({3, 2}), values<bool>({3}, {false, true, true})}, {{"axis", std::int64_t(0)}}},
      {"columns_short", {f32({2, 3}), values<bool>({2}, {false, true})}, {{"axis", one}}},
      {"flat", {f32({3, 2}), values<bool>({5}, {false, true, false, false, true})}},
      {"open", {f32({3, 2}), input(DType::boolean, {3})}, {{"axis", -2 * one}}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef compress_op;
constinit const OpDef compress_op = {.name = "Compress",
                                     .inputs = {2, 2},
                                     .attributes = attributes,
                                     .infer = infer,
                                     .reference = reference,
                                     .cases = cases};

}  // namespace strata::ir
