#include <algorithm>
#include <cmath>
#include <type_traits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr Status out_of_range{"index out of range"};
constexpr std::string_view reductions[] = {"none", "add", "mul", "max", "min"};

enum class Reduction { none, add, mul, max, min };

Reduction reduction_of(const Attributes& attributes) {
  const std::string_view word = text_view(attributes, "reduction", "none");
  const auto* found = std::find(std::begin(reductions), std::end(reductions), word);
  return Reduction(found - std::begin(reductions));
}

template <class C>
C combined(Reduction reduction, C a, C b) {
  if (a != a) return a;  // NaN stays
  if (b != b) return b;
  switch (reduction) {
    case Reduction::add:
      if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) + std::uint64_t(b));
      return a + b;
    case Reduction::mul:
      if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) * std::uint64_t(b));
      return a * b;
    case Reduction::max:
      return std::max(a, b);
    case Reduction::min:
      return std::min(a, b);
    case Reduction::none:
      break;
  }
  return b;
}

/// y[to + i] = reduction(y[to + i], updates[from + i]) for a run of elements.
void update(Reduction reduction, const Tensor& updates, std::int64_t from, Tensor& y,
            std::int64_t to, std::int64_t count) {
  if (reduction == Reduction::none) return copy_elements(updates, from, y, to, count);
  dispatch_compute(y.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < count; ++i) {
      const C old = load_one<C>(y, to + i);
      store_one(combined(reduction, old, load_one<C>(updates, from + i)), y, to + i);
    }
  });
}

void infer_common(InferContext& context) {
  expect_word(context.attributes(), "reduction", "none", reductions);
  context.expect_same_dtype(0, 2);
  context.set_output(0, context.input(0));
}

void infer_elements(InferContext& context) {
  expect_index(context, 1, "indices");
  const int rank = rank_of(context, 0);
  const int axis = normalize_axis(context.attributes().integer("axis", 0), rank, "axis");
  context.expect_rank(1, "indices", rank);
  context.expect_rank(2, "updates", rank);
  for (int i = 0; i < rank; ++i) {
    const auto at = std::size_t(i);
    const Dim& given = context.input(1).shape[at];
    expect_extent(fmt::format("extent {} of updates", i), context.input(2).shape[at], given);
    const Dim& most = context.input(0).shape[at];
    if (i == axis || !given.is_constant() || !most.is_constant()) continue;
    expect_between(fmt::format("extent {} of indices", i), given.constant(), 0, most.constant());
  }
  infer_common(context);
}

Status elements_reference(const EvalArgs& args) {
  const Tensor& indices = args.inputs[1];
  Tensor& y = args.outputs[0];
  const Shape& shape = y.shape();
  const int axis = normalize_axis(args.attributes().integer("axis", 0), shape.rank(), "axis");
  const Reduction reduction = reduction_of(args.attributes());
  if (indices.shape() != args.inputs[2].shape()) return {"indices and updates differ in shape"};
  copy_elements(args.inputs[0], 0, y, 0, y.elements());
  std::array<std::int64_t, max_rank> at{};
  for (std::int64_t i = 0; i < indices.elements(); ++i) {
    std::int64_t offset = 0;
    for (int a = 0; a < shape.rank(); ++a) {
      std::int64_t to = a == axis ? index_at(indices, i) : at[std::size_t(a)];
      if (to < -shape[a] || to >= shape[a]) return out_of_range;
      if (to < 0) to += shape[a];
      offset += to * stride_of(shape, a);
    }
    update(reduction, args.inputs[2], i, y, offset, 1);
    for (int a = shape.rank() - 1; a >= 0; --a) {
      if (++at[std::size_t(a)] < indices.shape()[a]) break;
      at[std::size_t(a)] = 0;
    }
  }
  return {};
}

/// How many axes of data an index of these extents names.
std::int64_t depth_of(const InferContext& context, int rank) {
  const SymbolicShape& indices = context.input(1).shape;
  if (indices.empty()) fail(ErrorCode::model, "indices is a scalar; accepted: rank 1 and above");
  const std::int64_t depth = expect_known("last extent of indices", indices.back());
  expect_between("last extent of indices", depth, 0, rank);
  return depth;
}

void infer_nd(InferContext& context) {
  expect_dtype(context, 1, "indices", DType::i64);
  const SymbolicShape& data = context.input(0).shape;
  const SymbolicShape& indices = context.input(1).shape;
  const std::int64_t depth = depth_of(context, int(data.size()));
  SymbolicShape expected(indices.begin(), indices.end() - 1);
  expected.insert(expected.end(), data.begin() + depth, data.end());
  context.expect_rank(2, "updates", int(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_extent(fmt::format("extent {} of updates", i), context.input(2).shape[i], expected[i]);
  }
  infer_common(context);
}

Status nd_reference(const EvalArgs& args) {
  const Tensor& indices = args.inputs[1];
  Tensor& y = args.outputs[0];
  const Shape& shape = y.shape();
  const int depth = int(indices.shape()[-1]);
  const Reduction reduction = reduction_of(args.attributes());
  const std::int64_t slice = shape.elements(depth, shape.rank());
  const std::int64_t count = indices.shape().elements(0, indices.shape().rank() - 1);
  if (args.inputs[2].elements() != count * slice) return {"updates do not fit the indices"};
  copy_elements(args.inputs[0], 0, y, 0, y.elements());
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = 0;
    for (int a = 0; a < depth; ++a) {
      std::int64_t to = index_at(indices, i * depth + a);
      if (to < -shape[a] || to >= shape[a]) return out_of_range;
      if (to < 0) to += shape[a];
      offset += to * stride_of(shape, a);
    }
    update(reduction, args.inputs[2], i * slice, y, offset, slice);
  }
  return {};
}

using namespace example;

std::vector<OpCase> elements_cases() {
  const auto indices = values<std::int64_t>({2, 2}, {0, 2, -1, 1});
  const std::int64_t one = 1;
  std::vector<OpCase> all = {
      {"rows", {f32({3, 3}), values<std::int64_t>({2, 3}, {1, 0, 2, 0, 2, -3}), f32({2, 3})}},
      {"columns", {f32({2, 3}), indices, f32({2, 2})}, {{"axis", one}}},
      {"i32_indices", {f32({4}), values<std::int32_t>({3}, {3, 1, 3}), f32({3})}},
      {"bool",
       {input(DType::boolean, {4}), i64({0, 2}), input(DType::boolean, {2})},
       {{"reduction", "add"}}},
      {"u64",
       {input(DType::u64, {4}), i64({1, 1}), input(DType::u64, {2})},
       {{"reduction", "mul"}}},
      {"symbolic",
       {f32({Dim::symbol("N"), 3}), values<std::int64_t>({1, 2}, {1, -1}), f32({1, 2})}},
      {"no_indices", {f32({4, 2}), values<std::int64_t>({0, 2}, {}), f32({0, 2})}}};
  for (const std::string_view word : reductions) {
    all.push_back({word,
                   {f32({2, 3}), values<std::int64_t>({2, 3}, {0, 0, 0, -2, 1, 0}), f32({2, 3})},
                   {{"reduction", std::string(word)}}});
  }
  return all;
}

std::vector<OpCase> nd_cases() {
  std::vector<OpCase> all = {
      {"elements", {f32({2, 3}), values<std::int64_t>({2, 2}, {0, 2, -1, 1}), f32({2})}},
      {"slices", {f32({4, 2, 3}), values<std::int64_t>({2, 1}, {3, 0}), f32({2, 2, 3})}},
      {"whole", {f32({2, 3}), values<std::int64_t>({1, 0}, {}), f32({1, 2, 3})}},
      {"symbolic", {f32({Dim::symbol("N"), 3}), values<std::int64_t>({1, 1}, {1}), f32({1, 3})}},
      {"f16",
       {input(DType::f16, {3}), values<std::int64_t>({2, 1}, {1, 1}), input(DType::f16, {2})},
       {{"reduction", "add"}}},
      {"no_indices", {f32({4, 2}), values<std::int64_t>({0, 1}, {}), f32({0, 2})}}};
  for (const std::string_view word : reductions) {
    all.push_back({word,
                   {f32({3, 2}), values<std::int64_t>({3, 1}, {1, 0, 1}), f32({3, 2})},
                   {{"reduction", std::string(word)}}});
  }
  return all;
}

constexpr AttributeDef elements_attributes[] = {{"axis", AttributeKind::integer},
                                                {"reduction", AttributeKind::string}};
constexpr AttributeDef nd_attributes[] = {{"reduction", AttributeKind::string}};

}  // namespace

extern const OpDef scatter_elements_op, scatter_nd_op;

constinit const OpDef scatter_elements_op = {.name = "ScatterElements",
                                             .inputs = {3, 3},
                                             .attributes = elements_attributes,
                                             .infer = infer_elements,
                                             .reference = elements_reference,
                                             .cases = elements_cases};
constinit const OpDef scatter_nd_op = {.name = "ScatterND",
                                       .inputs = {3, 3},
                                       .attributes = nd_attributes,
                                       .infer = infer_nd,
                                       .reference = nd_reference,
                                       .cases = nd_cases};

}  // namespace strata::ir
