#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

Dim product(std::span<const Dim> dims) {
  Dim result(1);
  for (const Dim& dim : dims) result = result * dim;
  return result;
}

/// Output 0: the elements of input 0 under another shape.
void set_reshaped(InferContext& context, SymbolicShape shape) {
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
  if (auto elements = context.elements(0)) context.set_elements(0, *std::move(elements));
}

/// What -1 stands for, given the product of the other extents.
Dim missing_extent(const SymbolicShape& x, const Dim& others) {
  const Dim total = product(x);
  if (others == Dim(0)) {
    fail(ErrorCode::model, "-1 in the new shape of {} is not determined: other extents are 0",
         to_string(x));
  }
  if (const auto exact = Dim::divide_exactly(total, others)) return *exact;
  if (total.is_constant() && others.is_constant()) {
    fail(ErrorCode::model, "{} elements of {} do not divide into parts of {}", total.constant(),
         to_string(x), others.constant());
  }
  return Dim::floor_div(total, others);
}

void infer_reshape(InferContext& context) {
  expect_dtype(context, 1, "shape", DType::i64);
  context.expect_rank(1, "shape", 1);
  const SymbolicShape& x = context.input(0).shape;
  const bool allow_zero = context.attributes().integer("allowzero", 0) != 0;
  if (!context.elements(1)) {
    return context.set_open_output(0, context.input(0).dtype, expect_length(context, 1, "shape"));
  }
  SymbolicShape shape = expect_elements(context, 1, "shape");
  std::optional<std::size_t> open;
  bool zero = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!shape[i].is_constant()) continue;
    const std::int64_t extent = shape[i].constant();
    if (extent < -1)
      fail(ErrorCode::model, "shape entry {} is {}; accepted: -1 or more", i, extent);
    if (extent == -1 && open) fail(ErrorCode::model, "shape has -1 at {} and {}", *open, i);
    if (extent == -1) open = i;
    if (extent != 0) continue;
    zero = true;
    if (allow_zero) continue;
    if (i >= x.size()) {
      fail(ErrorCode::model, "shape entry {} is 0 (as in the input), but the input has rank {}", i,
           x.size());
    }
    shape[i] = x[i];
  }
  if (open && zero && allow_zero) {
    fail(ErrorCode::model, "shape has both 0 and -1, which allowzero forbids");
  }
  if (open) {
    shape[*open] = 1;
    shape[*open] = missing_extent(x, product(shape));
  }
  expect_extent("number of elements of the new shape", product(shape), product(x));
  set_reshaped(context, std::move(shape));
}

void infer_flatten(InferContext& context) {
  const SymbolicShape& x = context.input(0).shape;
  const int rank = int(x.size());
  std::int64_t axis = context.attributes().integer("axis", 1);
  expect_between("axis", axis, -rank, rank);
  if (axis < 0) axis += rank;
  const auto split = std::size_t(axis);
  const std::span<const Dim> dims(x);
  set_reshaped(context, {product(dims.first(split)), product(dims.subspan(split))});
}

/// The axes, if they are known.
std::optional<std::vector<std::int64_t>> axes_operand(const InferContext& context) {
  expect_dtype(context, 1, "axes", DType::i64);
  if (rank_of(context, 1) > 1) context.expect_rank(1, "axes", 1);
  return context.integers(1);
}

int count_axes(const InferContext& context) {
  return rank_of(context, 1) == 0 ? 1 : expect_length(context, 1, "axes");
}

/// The result has this rank; which extents it keeps, data tell.
void set_open_reshaped(InferContext& context, int rank) {
  expect_between("rank of the result", rank, 0, max_rank);
  context.set_open_output(0, context.input(0).dtype, rank);
}

void infer_squeeze(InferContext& context) {
  const SymbolicShape& x = context.input(0).shape;
  std::vector<bool> dropped(x.size());
  if (context.has_input(1)) {
    const auto axes = axes_operand(context);
    if (!axes) return set_open_reshaped(context, int(x.size()) - count_axes(context));
    for (const int axis : normalize_axes(*axes, int(x.size()), "axes")) {
      expect_extent("squeezed extent", x[std::size_t(axis)], 1);
      dropped[std::size_t(axis)] = true;
    }
  } else {
    for (std::size_t i = 0; i < x.size(); ++i) dropped[i] = x[i] == Dim(1);
  }
  SymbolicShape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!dropped[i]) shape.push_back(x[i]);
  }
  set_reshaped(context, std::move(shape));
}

void infer_unsqueeze(InferContext& context) {
  SymbolicShape shape = context.input(0).shape;
  const auto axes = axes_operand(context);
  if (!axes) return set_open_reshaped(context, int(shape.size()) + count_axes(context));
  const std::size_t rank = shape.size() + axes->size();
  if (rank > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "result of rank {}; accepted: at most {}", rank, max_rank);
  }
  for (const int axis : normalize_axes(*axes, int(rank), "axes")) {
    shape.insert(shape.begin() + axis, 1);
  }
  set_reshaped(context, std::move(shape));
}

using example::f32;
using example::i64;

std::vector<OpCase> reshape_cases() {
  return {{"flat", {f32({2, 3, 4}), i64({24})}},
          {"inferred", {f32({2, 3, 4}), i64({4, -1})}},
          {"copied", {f32({2, 3, 4}), i64({0, -1})}},
          {"to_scalar", {f32({1, 1}), i64({})}},
          {"from_scalar", {f32({}), i64({1, 1})}},
          {"allowzero", {f32({0, 3}), i64({3, 0})}, {{"allowzero", std::int64_t(1)}}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 4}), i64({-1, 12})}},
          {"symbolic_inner", {f32({2, Dim::symbol("L"), 4}), i64({0, 0, 2, 2})}},
          {"bytes", {example::values<std::uint8_t>({2, 2}, {1, 2, 3, 4}), i64({4})}}};
}

std::vector<OpCase> flatten_cases() {
  return {{"default", {f32({2, 3, 4, 5})}},
          {"axis_0", {f32({2, 3, 4})}, {{"axis", std::int64_t(0)}}},
          {"all", {f32({2, 3, 4})}, {{"axis", std::int64_t(3)}}},
          {"negative", {f32({2, 3, 4})}, {{"axis", std::int64_t(-1)}}},
          {"symbolic", {f32({Dim::symbol("N"), 8, 1, 2})}}};
}

std::vector<OpCase> squeeze_cases() {
  return {{"all", {f32({1, 3, 1, 2})}},
          {"named", {f32({1, 3, 1, 2}), i64({-2})}},
          {"two", {f32({1, 3, 1, 1}), i64({0, 3})}}};
}

std::vector<OpCase> unsqueeze_cases() {
  return {{"front", {f32({3, 2}), i64({0})}},
          {"unordered", {f32({3, 2}), i64({4, 0, -2})}},
          {"scalar", {f32({}), i64({0})}}};
}

constexpr AttributeDef reshape_attributes[] = {{"allowzero", AttributeKind::integer}};
constexpr AttributeDef flatten_attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef flatten_op, reshape_op, squeeze_op, unsqueeze_op;

constinit const OpDef flatten_op = {.name = "Flatten",
                                    .attributes = flatten_attributes,
                                    .infer = infer_flatten,
                                    .reference = copy_reference,
                                    .cases = flatten_cases};
constinit const OpDef reshape_op = {.name = "Reshape",
                                    .inputs = {2, 2},
                                    .attributes = reshape_attributes,
                                    .infer = infer_reshape,
                                    .reference = copy_reference,
                                    .cases = reshape_cases};
constinit const OpDef squeeze_op = {.name = "Squeeze",
                                    .inputs = {1, 2},
                                    .infer = infer_squeeze,
                                    .reference = copy_reference,
                                    .cases = squeeze_cases};
constinit const OpDef unsqueeze_op = {.name = "Unsqueeze",
                                      .inputs = {2, 2},
                                      .infer = infer_unsqueeze,
                                      .reference = copy_reference,
                                      .cases = unsqueeze_cases};

}  // namespace strata::ir
