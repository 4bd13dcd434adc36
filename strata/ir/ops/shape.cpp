#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// The axes [first, last) that Shape reports: bounds count from the end and are clamped.
struct Range {
  std::int64_t first, last;
};
Range reported(const Attributes& attributes, std::int64_t rank) {
  const auto clamp = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const std::int64_t first = clamp(attributes.integer("start", 0));
  return {first, std::max(first, clamp(attributes.integer("end", rank)))};
}

void infer_shape(InferContext& context) {
  const SymbolicShape& x = context.input(0).shape;
  const Range range = reported(context.attributes(), std::int64_t(x.size()));
  context.set_output(0, {DType::i64, {range.last - range.first}});
  context.set_elements(0, {x.begin() + range.first, x.begin() + range.last});
}

Status shape(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Range range = reported(args.attributes(), x.rank());
  std::int64_t* y = args.outputs[0].mutable_data<std::int64_t>().data();
  for (std::int64_t axis = range.first; axis < range.last; ++axis) *y++ = x[int(axis)];
  return {};
}

void infer_size(InferContext& context) {
  context.set_output(0, {DType::i64, {}});
  Dim count(1);
  for (const Dim& extent : context.input(0).shape) count = count * extent;
  context.set_elements(0, {count});
}

Status size(const EvalArgs& args) {
  args.outputs[0].mutable_data<std::int64_t>()[0] = args.inputs[0].elements();
  return {};
}

std::vector<OpCase> shape_cases() {
  using namespace example;
  return {{"all", {f32({2, 3, 4})}},
          {"part", {f32({2, 3, 4})}, {{"start", std::int64_t(1)}, {"end", std::int64_t(-1)}}},
          {"clamped", {f32({2, 3})}, {{"start", std::int64_t(-9)}, {"end", std::int64_t(9)}}},
          {"empty", {f32({2, 3})}, {{"start", std::int64_t(2)}, {"end", std::int64_t(1)}}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}}};
}

std::vector<OpCase> size_cases() {
  return {{"plain", {example::f32({2, 3, 4})}}, {"scalar", {example::f32({})}}};
}

constexpr AttributeDef attributes[] = {{"end", AttributeKind::integer},
                                       {"start", AttributeKind::integer}};

}  // namespace

extern const OpDef shape_op, size_op;

constinit const OpDef shape_op = {.name = "Shape",
                                  .attributes = attributes,
                                  .infer = infer_shape,
                                  .reference = shape,
                                  .cases = shape_cases};
constinit const OpDef size_op = {
    .name = "Size", .infer = infer_size, .reference = size, .cases = size_cases};

}  // namespace strata::ir
