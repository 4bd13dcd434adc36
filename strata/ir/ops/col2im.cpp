#include <array>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/window.hpp"

namespace strata::ir {
namespace {

constexpr int max_axes = max_rank - 2;

enum Operand { columns, image_shape, block_shape };

/// One spatial axis of the image and the blocks laid over it.
struct Axis {
  std::int64_t image, block, stride, dilation, pad_begin, pad_end;
  /// How many blocks fit.
  std::int64_t blocks() const {
    const std::int64_t room = image + pad_begin + pad_end - (block - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
  /// The block whose element k lies on this pixel; -1 if there is none.
  std::int64_t block_at(std::int64_t pixel, std::int64_t k) const {
    const std::int64_t start = pixel + pad_begin - k * dilation;
    return start < 0 || start % stride != 0 || start / stride >= blocks() ? -1 : start / stride;
  }
};

Axis axis_of(const Attributes& attributes, std::size_t i, std::size_t axes, std::int64_t image,
             std::int64_t block) {
  const auto pads = integers_view(attributes, "pads");
  return {image,
          block,
          entry(integers_view(attributes, "strides"), i, 1),
          entry(integers_view(attributes, "dilations"), i, 1),
          entry(pads, i, 0),
          entry(pads, i + axes, 0)};
}

/// Where image and block sizes are known, the columns must be as many as they say.
void expect_blocks(const InferContext& context, const std::vector<Dim>& image,
                   const std::vector<std::int64_t>& block) {
  Dim count = 1;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (!image[i].is_constant()) return;
    count =
        count *
        Dim(axis_of(context.attributes(), i, block.size(), image[i].constant(), block[i]).blocks());
  }
  expect_extent("number of blocks (axis 2 of input)", context.input(columns).shape[2], count);
}

/// Channels of the image: each takes one row of the input per element of a block.
Dim channels_of(const Dim& rows, const std::vector<std::int64_t>& block) {
  Dim taps = 1;
  for (const std::int64_t k : block) {
    expect_between("block_shape entry", k, 1, std::numeric_limits<std::int32_t>::max());
    taps = taps * Dim(k);
  }
  if (rows.is_constant() && rows.constant() % taps.constant() != 0) {
    fail(ErrorCode::model, "input has {} rows, which the block's {} elements do not divide",
         rows.constant(), taps.constant());
  }
  return Dim::floor_div(rows, taps);
}

void infer(InferContext& context) {
  if (context.input(columns).dtype != DType::boolean) expect_number(context, columns, "input");
  context.expect_rank(columns, "input", 3);
  expect_dtype(context, image_shape, "image_shape", DType::i64);
  expect_dtype(context, block_shape, "block_shape", DType::i64);
  const auto axes = std::size_t(expect_length(context, image_shape, "image_shape"));
  expect_between("length of image_shape", std::int64_t(axes), 1, max_axes);
  expect_extent("length of block_shape", context.input(block_shape).shape.at(0),
                std::int64_t(axes));
  expect_spatial_list(context.attributes(), "strides", axes, 1);
  expect_spatial_list(context.attributes(), "dilations", axes, 1);
  expect_spatial_list(context.attributes(), "pads", 2 * axes, 0);
  const SymbolicShape& x = context.input(columns).shape;
  const auto image = context.elements(image_shape);
  const auto block = context.integers(block_shape);
  SymbolicShape shape{x[0], block ? channels_of(x[1], *block) : context.open_extent(0, 1)};
  for (std::size_t i = 0; i < axes; ++i) {
    shape.push_back(image ? (*image)[i] : context.open_extent(0, int(i) + 2));
    if (!shape.back().is_constant()) continue;
    expect_between("image_shape entry", shape.back().constant(), 0,
                   std::numeric_limits<std::int32_t>::max());
  }
  if (image && block) expect_blocks(context, *image, *block);
  context.set_output(0, {context.input(columns).dtype, std::move(shape)});
}

struct Layout {
  std::size_t axes;
  std::array<Axis, max_axes> axis;
  std::int64_t taps = 1, blocks = 1, pixels = 1;
};

/// The sum over the elements of blocks that lie on a pixel. `first` is the channel's first row.
template <class C>
C pixel_sum(const Tensor& x, const Layout& layout, std::int64_t first, std::int64_t pixel) {
  std::array<std::int64_t, max_axes> at{};
  for (std::size_t i = layout.axes; i-- > 0; pixel /= layout.axis[i].image) {
    at[i] = pixel % layout.axis[i].image;
  }
  C sum = 0;
  for (std::int64_t tap = 0; tap < layout.taps; ++tap) {
    std::int64_t block = 0;
    std::int64_t scale = 1;
    std::int64_t rest = tap;
    for (std::size_t i = layout.axes; i-- > 0 && block >= 0;) {
      const Axis& axis = layout.axis[i];
      const std::int64_t own = axis.block_at(at[i], rest % axis.block);
      block = own < 0 ? -1 : block + own * scale;
      scale *= axis.blocks();
      rest /= axis.block;
    }
    if (block < 0) continue;
    const C value = load_one<C>(x, (first + tap) * layout.blocks + block);
    if constexpr (std::is_integral_v<C>) {
      sum = C(std::uint64_t(sum) + std::uint64_t(value));
    } else {
      sum += value;
    }
  }
  return sum;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[columns];
  Tensor& y = args.outputs[0];
  Layout layout{.axes = std::size_t(args.inputs[image_shape].elements()), .axis = {}};
  for (std::size_t i = 0; i < layout.axes; ++i) {
    const std::int64_t block = index_at(args.inputs[block_shape], std::int64_t(i));
    if (block < 1) return {"block_shape has an entry below 1"};
    layout.axis[i] = axis_of(args.attributes(), i, layout.axes, y.shape()[int(i) + 2], block);
    layout.taps *= block;
    layout.blocks *= layout.axis[i].blocks();
    layout.pixels *= layout.axis[i].image;
  }
  if (layout.blocks != x.shape()[2] || y.shape()[1] * layout.taps != x.shape()[1]) {
    return {"the blocks do not fit the columns"};
  }
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      const std::int64_t first = i / layout.pixels * layout.taps;
      store_one(pixel_sum<C>(x, layout, first, i % layout.pixels), y, i);
    }
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {{"plain", {f32({1, 5, 5}), i64({5, 5}), i64({1, 5})}},
          {"overlapping", {f32({2, 8, 6}), i64({3, 4}), i64({2, 2})}},
          {"strided", {f32({1, 9, 4}), i64({5, 5}), i64({3, 3})}, {{"strides", Ints{2, 2}}}},
          {"padded", {f32({1, 4, 12}), i64({2, 3}), i64({2, 2})}, {{"pads", Ints{1, 0, 1, 2}}}},
          {"dilated", {f32({1, 4, 12}), i64({5, 6}), i64({2, 2})}, {{"dilations", Ints{2, 2}}}},
          {"three_dimensions", {f32({1, 10, 12}), i64({3, 4, 5}), i64({1, 1, 5})}},
          {"i32", {input(DType::i32, {1, 2, 3}), i64({4}), i64({2})}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3}), i64({4}), i64({2})}},
          {"empty", {f32({0, 2, 3}), i64({4}), i64({2})}}};
}

constexpr AttributeDef attributes[] = {{"dilations", AttributeKind::integers},
                                       {"pads", AttributeKind::integers},
                                       {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef col2im_op;
constinit const OpDef col2im_op = {.name = "Col2Im",
                                   .inputs = {3, 3},
                                   .attributes = attributes,
                                   .infer = infer,
                                   .reference = reference,
                                   .cost = cost,
                                   .cases = cases};

}  // namespace strata::ir
