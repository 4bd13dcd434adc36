#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void expect_extents(std::string_view what, const std::vector<Dim>& extents) {
  for (const Dim& extent : extents) {
    if (extent.is_constant() && extent.constant() < 0) {
      fail(ErrorCode::model, "{} has the negative entry {}", what, extent.constant());
    }
  }
}

void infer_expand(InferContext& context) {
  expect_dtype(context, 1, "shape", DType::i64);
  context.expect_rank(1, "shape", 1);
  if (!context.elements(1)) {
    const SymbolicShape& x = context.input(0).shape;
    const int rank = std::max(rank_of(context, 0), expect_length(context, 1, "shape"));
    SymbolicShape y;
    for (int axis = 0; axis < rank; ++axis) {
      const int from = axis - (rank - int(x.size()));
      const bool kept =
          from >= 0 && x[std::size_t(from)].is_constant() && x[std::size_t(from)] != Dim(1);
      y.push_back(kept ? x[std::size_t(from)] : context.open_extent(0, axis));
    }
    return context.set_output(0, {context.input(0).dtype, std::move(y)});
  }
  const SymbolicShape target = expect_elements(context, 1, "shape");
  expect_extents("shape", target);
  SymbolicShape shape = broadcast(context.input(0).shape, target);
  const auto elements = context.elements(0);
  const bool known =
      elements && elements->size() == 1 && shape.size() == 1 && shape[0].is_constant();
  const Dim count = shape.empty() ? Dim(1) : shape[0];
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
  if (known && count.constant() <= 1024) {
    context.set_elements(0, std::vector<Dim>(std::size_t(count.constant()), elements->front()));
  }
}

Status expand(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  StridedCopy copy;
  for (int axis = 0; axis < y.rank(); ++axis) {
    const int from = axis - (y.rank() - x.rank());
    const bool repeated = from < 0 || x[from] == 1;
    copy.axis(y[axis], repeated ? 0 : stride_of(x, from), stride_of(y, axis));
  }
  copy.run(args.inputs[0], 0, args.outputs[0], 0);
  return {};
}

void infer_tile(InferContext& context) {
  expect_dtype(context, 1, "repeats", DType::i64);
  context.expect_rank(1, "repeats", 1);
  TensorType y = context.input(0);
  if (!context.elements(1)) return context.set_open_output(0, y.dtype, int(y.shape.size()));
  const std::vector<Dim> repeats = expect_elements(context, 1, "repeats");
  expect_count("repeats", repeats.size(), y.shape.size());
  expect_extents("repeats", repeats);
  for (std::size_t i = 0; i < repeats.size(); ++i) y.shape[i] = y.shape[i] * repeats[i];
  context.set_output(0, std::move(y));
}

// Each axis is walked as (repeat, extent), so that repeats re-read the input.
Status tile(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  StridedCopy copy;
  for (int axis = 0; axis < y.rank(); ++axis) {
    copy.axis(index_at(args.inputs[1], axis), 0, x[axis] * stride_of(y, axis));
    copy.axis(x[axis], stride_of(x, axis), stride_of(y, axis));
  }
  copy.run(args.inputs[0], 0, args.outputs[0], 0);
  return {};
}

using example::f32;
using example::i64;

std::vector<OpCase> expand_cases() {
  return {{"both", {f32({3, 1}), i64({2, 1, 4})}},
          {"fewer", {f32({2, 3}), i64({1})}},
          {"scalar", {f32({}), i64({2, 3})}},
          {"symbolic", {f32({Dim::symbol("N"), 1}), i64({1, 3})}}};
}

std::vector<OpCase> tile_cases() {
  return {{"matrix", {f32({2, 3}), i64({2, 2})}},
          {"vector", {f32({3}), i64({4})}},
          {"none", {f32({2, 3}), i64({1, 0})}},
          {"symbolic", {f32({Dim::symbol("N"), 2}), i64({3, 1})}}};
}

}  // namespace

extern const OpDef expand_op, tile_op;

constinit const OpDef expand_op = {.name = "Expand",
                                   .inputs = {2, 2},
                                   .infer = infer_expand,
                                   .reference = expand,
                                   .cases = expand_cases};
constinit const OpDef tile_op = {
    .name = "Tile", .inputs = {2, 2}, .infer = infer_tile, .reference = tile, .cases = tile_cases};

}  // namespace strata::ir
