#include <algorithm>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_dtype(context, 1, "indices", DType::i64);
  const SymbolicShape& data = context.input(0).shape;
  const SymbolicShape& indices = context.input(1).shape;
  const auto rank = std::int64_t(data.size());
  if (data.empty() || indices.empty()) {
    fail(ErrorCode::model, "data {} and indices {}; scalars are not accepted", to_string(data),
         to_string(indices));
  }
  const std::int64_t batch = context.attributes().integer("batch_dims", 0);
  expect_between("batch_dims", batch, 0, std::min(rank, std::int64_t(indices.size())) - 1);
  for (std::int64_t i = 0; i < batch; ++i) {
    expect_extent(fmt::format("extent {} of indices", i), indices[std::size_t(i)],
                  data[std::size_t(i)]);
  }
  const std::int64_t depth = expect_known("last extent of indices", indices.back());
  expect_between("last extent of indices", depth, 0, rank - batch);
  SymbolicShape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + batch + depth, data.end());
  if (shape.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "result of rank {}; accepted: at most {}", shape.size(), max_rank);
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

Status reference(const EvalArgs& args) {
  const Tensor& data = args.inputs[0];
  const Tensor& indices = args.inputs[1];
  const Shape& x = data.shape();
  const int batch = int(args.attributes().integer("batch_dims", 0));
  const int depth = int(indices.shape()[-1]);
  const std::int64_t slice = x.elements(batch + depth, x.rank());
  const std::int64_t count = indices.shape().elements(0, indices.shape().rank() - 1);
  const std::int64_t per_batch = indices.shape().elements(batch, indices.shape().rank() - 1);
  const std::int64_t sample = x.elements(batch, x.rank());
  for (int i = 0; i < batch; ++i) {
    if (indices.shape()[i] != x[i]) return {"batch axes of data and indices differ"};
  }
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = i / per_batch * sample;
    for (int a = 0; a < depth; ++a) {
      std::int64_t from = index_at(indices, i * depth + a);
      const std::int64_t extent = x[batch + a];
      if (from < -extent || from >= extent) return {"index out of range"};
      if (from < 0) from += extent;
      offset += from * stride_of(x, batch + a);
    }
    copy_elements(data, offset, args.outputs[0], i * slice, slice);
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes batched{{"batch_dims", std::int64_t(1)}};
  return {{"elements", {f32({2, 3}), values<std::int64_t>({2, 2}, {0, 2, -1, 1})}},
          {"slices", {f32({4, 2, 3}), values<std::int64_t>({2, 1, 1}, {3, -4})}},
          {"batched", {f32({2, 3, 2}), values<std::int64_t>({2, 1}, {1, -3})}, batched},
          {"whole", {f32({2, 3}), values<std::int64_t>({1, 0}, {})}},
          {"bool", {input(DType::boolean, {3}), values<std::int64_t>({2, 1}, {1, 1})}},
          {"symbolic", {f32({Dim::symbol("N"), 3}), values<std::int64_t>({1, 1}, {1})}},
          {"no_indices", {f32({4, 2}), values<std::int64_t>({0, 1}, {})}}};
}

constexpr AttributeDef attributes[] = {{"batch_dims", AttributeKind::integer}};

}  // namespace

extern const OpDef gather_nd_op;
constinit const OpDef gather_nd_op = {.name = "GatherND",
                                      .inputs = {2, 2},
                                      .attributes = attributes,
                                      .infer = infer,
                                      .reference = reference,
                                      .cases = cases};

}  // namespace strata::ir
