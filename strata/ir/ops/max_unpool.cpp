#include <array>
#include <cstring>
#include <limits>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/window.hpp"

namespace strata::ir {
namespace {

enum Operand { pooled, indices, output_shape };

/// Extent of spatial axis i of what was pooled, as the attributes tell it.
template <class Extent>
Extent unpooled(const Attributes& attributes, std::size_t i, std::size_t axes, Extent x) {
  const std::int64_t stride = entry(integers_view(attributes, "strides"), i, 1);
  const auto pads = integers_view(attributes, "pads");
  const std::int64_t kernel = integers_view(attributes, "kernel_shape")[i];
  return (x - Extent(1)) * Extent(stride) +
         Extent(kernel - entry(pads, i, 0) - entry(pads, i + axes, 0));
}

void expect_operands(const InferContext& context) {
  expect_float(context, pooled, "X");
  expect_dtype(context, indices, "I", DType::i64);
  context.expect_rank(indices, "I", rank_of(context, pooled));
  const SymbolicShape& x = context.input(pooled).shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    expect_extent(fmt::format("extent {} of I", i), context.input(indices).shape[i], x[i]);
  }
  if (x.size() < 3) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 3 (N, C and spatial axes)", x.size());
  }
  const std::size_t axes = x.size() - 2;
  expect_spatial_list(context.attributes(), "kernel_shape", axes, 1);
  expect_spatial_list(context.attributes(), "strides", axes, 1);
  expect_spatial_list(context.attributes(), "pads", 2 * axes, 0);
}

void infer(InferContext& context) {
  expect_operands(context);
  const SymbolicShape& x = context.input(pooled).shape;
  SymbolicShape shape{x[0], x[1]};
  for (std::size_t i = 2; i < x.size(); ++i) {
    shape.push_back(unpooled(context.attributes(), i - 2, x.size() - 2, x[i]));
    if (shape.back().is_constant() && shape.back().constant() < 0) {
      fail(ErrorCode::model, "extent {} of the result is {}; pads exceed it", i,
           shape.back().constant());
    }
  }
  if (context.has_input(output_shape)) {
    expect_dtype(context, output_shape, "output_shape", DType::i64);
    context.expect_rank(output_shape, "output_shape", 1);
    expect_extent("length of output_shape", context.input(output_shape).shape[0],
                  std::int64_t(x.size()));
    const auto stated = context.elements(output_shape);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (stated && (*stated)[i].is_constant() && shape[i].is_constant()) {
        expect_between("output_shape entry", (*stated)[i].constant(), shape[i].constant(),
                       std::numeric_limits<std::int32_t>::max());
      }
      shape[i] = stated ? (*stated)[i] : context.open_extent(0, int(i));
    }
  }
  context.set_output(0, {context.input(pooled).dtype, std::move(shape)});
}

// Indices count in the tensor that was pooled; output_shape may be larger, with zeros at the end
// of each axis.
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[pooled];
  Tensor& y = args.outputs[0];
  Shape inner = x.shape();
  for (int axis = 2; axis < inner.rank(); ++axis) {
    inner.set(axis, unpooled<std::int64_t>(args.attributes(), std::size_t(axis - 2),
                                           std::size_t(inner.rank() - 2), inner[axis]));
    if (inner[axis] < 0) return {"pads exceed what was pooled"};
  }
  for (int axis = 0; axis < inner.rank(); ++axis) {
    if (inner[axis] > y.shape()[axis]) return {"output_shape is smaller than what was pooled"};
  }
  if (y.elements() > 0) std::memset(y.mutable_raw(), 0, y.size_bytes());
  const std::int64_t elements = inner.elements(0, inner.rank());
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    std::int64_t rest = index_at(args.inputs[indices], i);
    if (rest < 0 || rest >= elements) return {"index out of range"};
    std::int64_t to = 0;
    for (int axis = inner.rank() - 1; axis >= 0; --axis) {
      to += rest % inner[axis] * stride_of(y.shape(), axis);
      rest /= inner[axis];
    }
    copy_elements(x, i, y, to, 1);
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const Attributes twos{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const auto corners = values<std::int64_t>({1, 1, 2, 2}, {5, 7, 13, 15});
  return {{"plain", {f32({1, 1, 2, 2}), corners}, twos},
          {"larger", {f32({1, 1, 2, 2}), corners, i64({1, 1, 5, 5})}, twos},
          {"padded",
           {f32({1, 2, 2}), values<std::int64_t>({1, 2, 2}, {0, 2, 5, 3})},
           {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"pads", Ints{1, 1}}}},
          {"f16",
           {input(DType::f16, {1, 1, 2}), values<std::int64_t>({1, 1, 2}, {2, 0})},
           {{"kernel_shape", Ints{2}}}},
          {"symbolic",
           {f32({Dim::symbol("N"), 1, 1}), values<std::int64_t>({2, 1, 1}, {1, 2})},
           {{"kernel_shape", Ints{2}}}}};
}

constexpr AttributeDef attributes[] = {{"kernel_shape", AttributeKind::integers, true},
                                       {"pads", AttributeKind::integers},
                                       {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef max_unpool_op;
constinit const OpDef max_unpool_op = {.name = "MaxUnpool",
                                       .inputs = {2, 3},
                                       .attributes = attributes,
                                       .infer = infer,
                                       .reference = reference,
                                       .cases = cases};

}  // namespace strata::ir
