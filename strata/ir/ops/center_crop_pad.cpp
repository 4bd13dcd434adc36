#include <algorithm>
#include <cstring>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_index(context, 1, "shape");
  context.expect_rank(1, "shape", 1);
  TensorType y = context.input(0);
  const int rank = int(y.shape.size());
  std::vector<std::int64_t> axes = context.attributes().integers("axes");
  normalize_axes(axes, rank, "axes");  // none twice
  if (!context.attributes().has("axes")) {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  expect_extent("length of shape", context.input(1).shape[0], std::int64_t(axes.size()));
  const auto wanted = context.elements(1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis(axes[i], rank, "axes");
    const Dim extent = wanted ? (*wanted)[i] : context.open_extent(0, axis);
    if (extent.is_constant()) {
      expect_between("shape entry", extent.constant(), 0, std::numeric_limits<std::int32_t>::max());
    }
    y.shape[std::size_t(axis)] = extent;
  }
  context.set_output(0, std::move(y));
}

/// What of an axis is kept: `count` elements from `from` on in the input, `to` in the output.
struct Kept {
  std::int64_t from, to, count;
  Kept(std::int64_t input, std::int64_t output)
      : from(std::max<std::int64_t>(input - output, 0) / 2),
        to(std::max<std::int64_t>(output - input, 0) / 2),
        count(std::min(input, output)) {}
};

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  if (args.outputs[0].elements() > 0) {
    std::memset(args.outputs[0].mutable_raw(), 0, args.outputs[0].size_bytes());
  }
  StridedCopy copy;
  std::int64_t from = 0;
  std::int64_t to = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Kept kept(x[axis], y[axis]);
    from += kept.from * stride_of(x, axis);
    to += kept.to * stride_of(y, axis);
    copy.axis(kept.count, stride_of(x, axis), stride_of(y, axis));
  }
  copy.run(args.inputs[0], from, args.outputs[0], to);
  return {};
}

Replacement decompose(Builder& builder, const Node& node) {
  const auto x = as_constant(type_of(builder, node.inputs[0]).shape);
  const auto y = as_constant(type_of(builder, node.outputs[0]).shape);
  if (!x || !y || x->rank() == 0) return std::nullopt;
  std::vector<std::int64_t> starts, ends, axes, pads(std::size_t(2 * x->rank()));
  for (int axis = 0; axis < x->rank(); ++axis) {
    const Kept kept((*x)[axis], (*y)[axis]);
    starts.push_back(kept.from);
    ends.push_back(kept.from + kept.count);
    axes.push_back(axis);
    pads[std::size_t(axis)] = kept.to;
    pads[std::size_t(axis + x->rank())] = (*y)[axis] - kept.to - kept.count;
  }
  const ValueId cropped =
      builder.op("Slice", {node.inputs[0], builder.integers(std::move(starts)),
                           builder.integers(std::move(ends)), builder.integers(std::move(axes))});
  return {{builder.op("Pad", {cropped, builder.integers(std::move(pads))})}};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {{"crop", {f32({20, 10, 3}), i64({11, 8, 3})}},
          {"pad", {f32({3, 2}), i64({6, 5})}},
          {"both", {f32({5, 4, 3}), values<std::int32_t>({3}, {4, 7, 3})}},
          {"axes", {f32({5, 4, 3}), i64({7, 2})}, {{"axes", Ints{-1, 0}}}},
          {"bool", {input(DType::boolean, {3}), i64({5})}},
          {"symbolic", {f32({Dim::symbol("N"), 5}), i64({4})}, {{"axes", Ints{1}}}},
          {"empty", {f32({3, 2}), i64({0, 3})}}};
}

constexpr AttributeDef attributes[] = {{"axes", AttributeKind::integers}};

}  // namespace

extern const OpDef center_crop_pad_op;
constinit const OpDef center_crop_pad_op = {.name = "CenterCropPad",
                                            .inputs = {2, 2},
                                            .attributes = attributes,
                                            .infer = infer,
                                            .reference = reference,
                                            .decompose = decompose,
                                            .cases = cases};

}  // namespace strata::ir
