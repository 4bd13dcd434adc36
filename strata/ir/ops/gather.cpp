#include <cstring>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr Status out_of_range{"index out of range"};

void infer_gather(InferContext& context) {
  expect_index(context, 1, "indices");
  const TensorType& data = context.input(0);
  const int rank = int(data.shape.size());
  const int axis = normalize_axis(context.attributes().integer("axis", 0), rank, "axis");
  const SymbolicShape& indices = context.input(1).shape;
  SymbolicShape shape = data.shape;
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, indices.begin(), indices.end());
  context.set_output(0, {data.dtype, std::move(shape)});

  const auto known = context.integers(1);
  const Dim& extent = data.shape[std::size_t(axis)];
  if (!known || !extent.is_constant()) return;
  const auto elements = rank == 1 ? context.elements(0) : std::nullopt;
  std::vector<Dim> picked;
  for (const std::int64_t i : *known) {
    expect_between("index", i, -extent.constant(), extent.constant() - 1);
    if (elements) picked.push_back((*elements)[std::size_t(i < 0 ? i + extent.constant() : i)]);
  }
  if (elements) context.set_elements(0, std::move(picked));
}

/// Short runs are copied 16 bytes at a time: a call of memcpy for each takes longer.
void copy_run(const std::byte* from, std::byte* to, std::size_t bytes) {
  constexpr std::size_t piece = 16, most = 16 * piece;
  if (bytes == 0) return;
  if (bytes < piece || bytes > most) {
    std::memcpy(to, from, bytes);
    return;
  }
  for (std::size_t i = 0; i + piece < bytes; i += piece) std::memcpy(to + i, from + i, piece);
  std::memcpy(to + bytes - piece, from + bytes - piece, piece);
}

template <class Index>
Status gather_by(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const AxisView view(
      x.shape(), normalize_axis(args.attributes().integer("axis", 0), x.shape().rank(), "axis"));
  const Index* indices = args.inputs[1].data<Index>().data();
  const std::int64_t count = args.inputs[1].elements();
  const std::size_t run = std::size_t(view.inner) * size_of(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(args.outputs[0].mutable_raw());
  for (std::int64_t o = 0; o < view.outer; ++o) {
    for (std::int64_t i = 0; i < count; ++i, to += run) {
      const std::int64_t index = indices[i];
      if (index < -view.extent || index >= view.extent) return out_of_range;
      const std::int64_t place = o * view.extent + (index < 0 ? index + view.extent : index);
      copy_run(from + std::size_t(place) * run, to, run);
    }
  }
  return {};
}

Status gather(const EvalArgs& args) {
  return args.inputs[1].dtype() == DType::i32 ? gather_by<std::int32_t>(args)
                                              : gather_by<std::int64_t>(args);
}

void infer_gather_elements(InferContext& context) {
  expect_index(context, 1, "indices");
  const TensorType& data = context.input(0);
  const int rank = int(data.shape.size());
  const int axis = normalize_axis(context.attributes().integer("axis", 0), rank, "axis");
  context.expect_rank(1, "indices", rank);
  const SymbolicShape& indices = context.input(1).shape;
  for (int i = 0; i < rank; ++i) {
    const Dim& given = indices[std::size_t(i)];
    const Dim& most = data.shape[std::size_t(i)];
    if (i == axis || !given.is_constant() || !most.is_constant()) continue;
    expect_between(fmt::format("extent {} of indices", i), given.constant(), 0, most.constant());
  }
  context.set_output(0, {data.dtype, indices});
}

Status gather_elements(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const int axis = normalize_axis(args.attributes().integer("axis", 0), x.rank(), "axis");
  std::array<std::int64_t, max_rank> at{};
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    std::int64_t offset = 0;
    for (int a = 0; a < x.rank(); ++a) {
      std::int64_t from = a == axis ? index_at(args.inputs[1], i) : at[std::size_t(a)];
      if (from < -x[a] || from >= x[a]) return out_of_range;
      if (from < 0) from += x[a];
      offset += from * stride_of(x, a);
    }
    copy_elements(args.inputs[0], offset, args.outputs[0], i, 1);
    for (int a = x.rank() - 1; a >= 0 && ++at[std::size_t(a)] == y[a]; --a) at[std::size_t(a)] = 0;
  }
  return {};
}

std::vector<OpCase> gather_cases() {
  using namespace example;
  return {{"rows", {f32({5, 3}), i64({4, 0, 0})}},
          {"columns",
           {f32({2, 5, 3}), values<std::int64_t>({2, 2}, {1, -1, 0, 3})},
           {{"axis", std::int64_t(1)}}},
          {"scalar_index", {f32({5, 3}), scalar<std::int64_t>(-2)}},
          {"i32_indices", {f32({4}), values<std::int32_t>({3}, {3, 1, 2})}},
          {"symbolic", {f32({Dim::symbol("N"), 4}), i64({0, 2})}, {{"axis", std::int64_t(-1)}}},
          {"no_indices", {f32({4, 2}), i64({})}}};
}

std::vector<OpCase> gather_elements_cases() {
  using namespace example;
  return {{"columns",
           {f32({2, 3}), values<std::int64_t>({2, 2}, {0, 2, -1, 1})},
           {{"axis", std::int64_t(1)}}},
          {"rows", {f32({3, 3}), values<std::int64_t>({2, 3}, {1, 2, 0, 2, 0, -3})}},
          {"vector", {f32({4}), i64({3, 3, 0})}, {{"axis", std::int64_t(-1)}}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef gather_elements_op, gather_op;

constinit const OpDef gather_elements_op = {.name = "GatherElements",
                                            .inputs = {2, 2},
                                            .attributes = attributes,
                                            .infer = infer_gather_elements,
                                            .reference = gather_elements,
                                            .cases = gather_elements_cases};
constinit const OpDef gather_op = {.name = "Gather",
                                   .inputs = {2, 2},
                                   .attributes = attributes,
                                   .infer = infer_gather,
                                   .reference = gather,
                                   .cases = gather_cases};

}  // namespace strata::ir
