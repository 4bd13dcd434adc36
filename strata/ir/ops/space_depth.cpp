#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view modes[] = {"DCR", "CRD"};

/// The quotient of an extent that must be a multiple of `divisor`.
Dim divided(std::string_view what, const Dim& extent, std::int64_t divisor) {
  if (const auto quotient = Dim::divide_exactly(extent, divisor)) return *quotient;
  if (extent.is_constant()) {
    fail(ErrorCode::model, "{} is {}, which {} does not divide", what, extent.constant(), divisor);
  }
  return Dim::floor_div(extent, divisor);
}

std::int64_t block_of(const InferContext& context) {
  context.expect_rank(0, "input", 4);
  const std::int64_t block = context.attributes().integer("blocksize", 0);
  expect_between("blocksize", block, 1, 1 << 15);
  return block;
}

void infer_depth_to_space(InferContext& context) {
  expect_word(context.attributes(), "mode", "DCR", modes);
  const std::int64_t block = block_of(context);
  const auto [type, x] = context.input(0);
  context.set_output(0, {type,
                         {x[0], divided("number of channels", x[1], block * block),
                          x[2] * Dim(block), x[3] * Dim(block)}});
}

void infer_space_to_depth(InferContext& context) {
  expect_word(context.attributes(), "mode", "DCR", modes);
  const std::int64_t block = block_of(context);
  const auto [type, x] = context.input(0);
  context.set_output(0, {type,
                         {x[0], x[1] * Dim(block * block), divided("height", x[2], block),
                          divided("width", x[3], block)}});
}

/// Strides of the six axes (N, C, row in the block, column in the block, H, W) on the deep side,
/// whose channels are C * block * block, and on the wide side.
struct Sides {
  std::int64_t channels, block, height, width;

  StridedCopy copy(std::int64_t batch, bool depth_first, bool to_space) const {
    const std::int64_t plane = height * width;
    const std::int64_t area = block * block;
    const std::int64_t deep_channel = depth_first ? plane : plane * area;
    const std::int64_t deep_column = depth_first ? plane * channels : plane;
    const std::int64_t wide_row = width * block;
    const std::int64_t axes[6][3] = {
        {batch, channels * area * plane, channels * area * plane},
        {channels, deep_channel, plane * area},
        {block, deep_column * block, wide_row},
        {block, deep_column, 1},
        {height, width, wide_row * block},
        {width, 1, block},
    };
    StridedCopy result;
    for (const auto& [extent, deep, wide] : axes) {
      result.axis(extent, to_space ? deep : wide, to_space ? wide : deep);
    }
    return result;
  }
};

Status move(const EvalArgs& args, const Shape& deep, const Shape& wide, bool to_space) {
  const bool depth_first = text_view(args.attributes(), "mode", "DCR") == "DCR";
  const Sides sides{wide[1], args.attributes().integer("blocksize", 1), deep[2], deep[3]};
  sides.copy(deep[0], depth_first, to_space).run(args.inputs[0], 0, args.outputs[0], 0);
  return {};
}

Status depth_to_space(const EvalArgs& args) {
  return move(args, args.inputs[0].shape(), args.outputs[0].shape(), true);
}
Status space_to_depth(const EvalArgs& args) {
  return move(args, args.outputs[0].shape(), args.inputs[0].shape(), false);
}

std::vector<OpCase> depth_to_space_cases() {
  using namespace example;
  const std::int64_t two = 2;
  return {{"dcr", {f32({2, 8, 2, 3})}, {{"blocksize", two}}},
          {"crd", {f32({1, 12, 2, 3})}, {{"blocksize", two}, {"mode", "CRD"}}},
          {"three", {f32({1, 9, 2, 1})}, {{"blocksize", std::int64_t(3)}}},
          {"symbolic", {f32({Dim::symbol("N"), 4, 2, 2})}, {{"blocksize", two}}}};
}

std::vector<OpCase> space_to_depth_cases() {
  using namespace example;
  return {{"two", {f32({2, 2, 4, 6})}, {{"blocksize", std::int64_t(2)}}},
          {"crd", {f32({1, 3, 4, 2})}, {{"blocksize", std::int64_t(2)}, {"mode", "CRD"}}},
          {"three", {f32({1, 1, 3, 6})}, {{"blocksize", std::int64_t(3)}}}};
}

constexpr AttributeDef attributes[] = {{"blocksize", AttributeKind::integer, true},
                                       {"mode", AttributeKind::string}};

}  // namespace

extern const OpDef depth_to_space_op, space_to_depth_op;

constinit const OpDef depth_to_space_op = {.name = "DepthToSpace",
                                           .attributes = attributes,
                                           .infer = infer_depth_to_space,
                                           .reference = depth_to_space,
                                           .cases = depth_to_space_cases};
constinit const OpDef space_to_depth_op = {.name = "SpaceToDepth",
                                           .attributes = attributes,
                                           .infer = infer_space_to_depth,
                                           .reference = space_to_depth,
                                           .cases = space_to_depth_cases};

}  // namespace strata::ir
