// Ops that move elements.
#include <algorithm>
#include <string>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/node_writer.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;

std::int64_t from_start(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + std::int64_t(rank) : axis;
}

void reshaped(NodeWriter& writer) {
  const std::int32_t x = writer.tensor(0, Layout::plain);
  writer.emit(BuiltinOperator::RESHAPE, {x, writer.own_integers("/shape", writer.output_shape())},
              Layout::plain);
}

/// Whether the operator brings its operands to one grid by itself: u8 only, and rounded otherwise
/// than QUANTIZE does.
bool joins_grids(const NodeWriter& writer, std::size_t i) {
  const std::string arithmetic = writer.attributes().string("arithmetic", "onnx");
  return arithmetic != "onnx" &&
         writer.forms().stored_type(writer.type(i), writer.grid(i)) == DType::u8;
}

/// Operators that join tensors take one grid only, but for those.
std::int32_t on_output_grid(NodeWriter& writer, std::size_t i, Layout layout) {
  const std::int32_t x = writer.tensor(i, layout);
  const Grid* to = writer.output_grid();
  if (!to || !writer.grid(i) || *writer.grid(i) == *to || joins_grids(writer, i)) return x;
  std::vector<std::int64_t> extents = writer.shape(i);
  if (layout == Layout::image) extents = {extents[0], extents[2], extents[3], extents[1]};
  const std::int32_t result =
      writer.forms().make_between(writer.result(), "/part" + std::to_string(i), extents);
  writer.file().add_operator(BuiltinOperator::QUANTIZE, {x}, {result});
  return result;
}

/// `first`, `step`: which inputs are joined.
void write_concat(NodeWriter& writer, std::size_t first, std::size_t step) {
  const auto rank = writer.output_shape().size();
  std::int64_t axis = from_start(writer.attributes().integer("axis", 0), rank);
  bool image = false;
  for (std::size_t i = first; i < writer.node().inputs.size(); i += step) {
    image = image || writer.at_hand(i) == Layout::image;
  }
  const Layout layout = image && rank == 4 ? Layout::image : Layout::plain;
  if (layout == Layout::image) axis = image_place(axis);
  std::vector<std::int32_t> parts;
  for (std::size_t i = first; i < writer.node().inputs.size(); i += step) {
    parts.push_back(on_output_grid(writer, i, layout));
  }
  writer.emit(BuiltinOperator::CONCATENATION, std::move(parts), layout,
              writer.file().options(
                  schema::CreateConcatenationOptions(writer.builder(), std::int32_t(axis))));
}

/// Rearranges what is said of each axis in the graph's order.
std::vector<std::int64_t> in_layout(const std::vector<std::int64_t>& of_axes, Layout layout) {
  if (layout == Layout::plain) return of_axes;
  std::vector<std::int64_t> result(4);
  for (std::size_t axis = 0; axis < 4; ++axis) {
    result[std::size_t(image_place(std::int64_t(axis)))] = of_axes[axis];
  }
  return result;
}

bool is_zero(const Tensor& value, const Grid* grid) {
  const double zero = grid ? double(grid->zero_point[0]) : 0.0;
  return double(value.to_float()[0]) == zero;
}

}  // namespace

std::int64_t image_place(std::int64_t axis) {
  constexpr std::array<std::int64_t, 4> places = {0, 3, 1, 2};
  return places[std::size_t(axis)];
}

void export_reshape(NodeWriter& writer) { reshaped(writer); }

void export_identity(NodeWriter& writer) {
  const ir::ValueId x = writer.input(0);
  if (writer.graph().value(x).producer == ir::no_node) return reshaped(writer);
  const Layout layout = writer.at_hand(0);
  writer.forms().alias(writer.result(), layout, writer.tensor(0, layout));
}

void export_concat(NodeWriter& writer) { write_concat(writer, 0, 1); }
void export_q_linear_concat(NodeWriter& writer) { write_concat(writer, 2, 3); }

void export_transpose(NodeWriter& writer) {
  const auto rank = writer.shape(0).size();
  std::vector<std::int64_t> axes;
  if (writer.attributes().has("perm")) {
    axes = writer.attributes().integers("perm");
  } else {
    for (std::size_t i = rank; i-- > 0;) axes.push_back(std::int64_t(i));
  }
  // Channels last in the graph is what an image is in the file.
  if (axes == std::vector<std::int64_t>{0, 3, 1, 2}) {
    return writer.forms().alias(writer.result(), Layout::image, writer.tensor(0, Layout::plain));
  }
  if (axes == std::vector<std::int64_t>{0, 2, 3, 1}) {
    return writer.forms().alias(writer.result(), Layout::plain, writer.tensor(0, Layout::image));
  }
  const std::int32_t x = writer.tensor(0, Layout::plain);
  writer.emit(BuiltinOperator::TRANSPOSE, {x, writer.own_integers("/axes", axes)}, Layout::plain);
}

void export_pad(NodeWriter& writer) {
  const auto rank = writer.shape(0).size();
  const std::string mode(writer.attributes().string("mode", "constant"));
  const auto pads = writer.integers(1, "the padding");
  if (writer.has_input(3) || pads.size() != 2 * rank || mode == "edge" || mode == "wrap") {
    fail(ErrorCode::unsupported, "mode {}{}; accepted: constant or reflect on all axes", mode,
         writer.has_input(3) ? " on some axes" : "");
  }
  const Layout layout = writer.at_hand(0);
  const auto middle = pads.begin() + std::ptrdiff_t(rank);
  const auto before = in_layout({pads.begin(), middle}, layout);
  const auto after = in_layout({middle, pads.end()}, layout);
  Tensor pairs = Tensor::zeros(DType::i32, {std::int64_t(rank), 2});
  const auto to = pairs.mutable_data<std::int32_t>();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (before[axis] < 0 || after[axis] < 0) fail(ErrorCode::unsupported, "negative padding");
    to[2 * axis] = std::int32_t(before[axis]);
    to[2 * axis + 1] = std::int32_t(after[axis]);
  }
  std::vector<std::int32_t> operands = {writer.tensor(0, layout), writer.own("/pads", pairs)};
  if (mode == "reflect") {
    return writer.emit(BuiltinOperator::MIRROR_PAD, std::move(operands), layout,
                       writer.file().options(schema::CreateMirrorPadOptions(
                           writer.builder(), schema::MirrorPadMode::REFLECT)));
  }
  // PAD puts zeros, which codes say by their zero point.
  const Grid* grid = writer.grid(0);
  const Tensor outside =
      writer.has_input(2) ? writer.constant(2, "the number outside") : Tensor::scalar(0.0f);
  if (is_zero(outside, writer.has_input(2) ? grid : nullptr)) {
    return writer.emit(BuiltinOperator::PAD, std::move(operands), layout);
  }
  operands.push_back(writer.own("/outside", outside.cast(writer.type(0)), grid));
  writer.emit(BuiltinOperator::PADV2, std::move(operands), layout);
}

void export_slice(NodeWriter& writer) {
  const auto x = writer.shape(0);
  const auto starts = writer.integers(1, "the starts"), ends = writer.integers(2, "the ends");
  std::vector<std::int64_t> axes, steps(starts.size(), 1);
  for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(std::int64_t(i));
  if (writer.has_input(3)) axes = writer.integers(3, "the axes");
  if (writer.has_input(4)) steps = writer.integers(4, "the steps");
  std::vector<std::int64_t> begin(x.size(), 0), end = x, stride(x.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = std::size_t(from_start(axes[i], x.size()));
    if (steps[i] < 1) fail(ErrorCode::unsupported, "step {}; accepted: above 0", steps[i]);
    const auto place = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + x[axis] : at, 0, x[axis]);
    };
    begin[axis] = place(starts[i]);
    end[axis] = place(ends[i]);
    stride[axis] = steps[i];
  }
  const Layout layout = x.size() == 4 ? writer.at_hand(0) : Layout::plain;
  const std::int32_t image = writer.tensor(0, layout);
  const std::vector<std::int32_t> operands = {
      image, writer.own_integers("/begin", in_layout(begin, layout)),
      writer.own_integers("/end", in_layout(end, layout)),
      writer.own_integers("/strides", in_layout(stride, layout))};
  writer.emit(BuiltinOperator::STRIDED_SLICE, operands, layout,
              writer.file().options(schema::CreateStridedSliceOptions(writer.builder())));
}

void export_split(NodeWriter& writer) {
  const auto rank = writer.shape(0).size();
  std::int64_t axis = from_start(writer.attributes().integer("axis", 0), rank);
  const Layout layout = rank == 4 ? writer.at_hand(0) : Layout::plain;
  const std::int32_t x = writer.tensor(0, layout);
  std::vector<std::int64_t> sizes;
  std::vector<std::int32_t> outputs;
  for (const ir::ValueId id : writer.node().outputs) {
    sizes.push_back(writer.forms().shape(id)[std::size_t(axis)]);
    outputs.push_back(writer.forms().make(id, layout));
  }
  if (layout == Layout::image) axis = image_place(axis);
  const Tensor place = Tensor::from<std::int64_t>(Shape{}, {axis}).cast(DType::i32);
  writer.file().add_operator(BuiltinOperator::SPLIT_V,
                             {x, writer.own_integers("/sizes", sizes), writer.own("/axis", place)},
                             outputs,
                             writer.file().options(schema::CreateSplitVOptions(
                                 writer.builder(), std::int32_t(sizes.size()))));
}

namespace {

/// Indices, counted from the start where they are constants: the file knows no others. `extents`:
/// of the axes that the entries of their last axis are for, or of one.
std::int32_t indices(NodeWriter& writer, std::span<const std::int64_t> extents) {
  if (!writer.graph().is_constant(writer.input(1))) return writer.tensor(1, Layout::plain);
  const Tensor given = writer.constant(1, "the indices");
  std::vector<std::int64_t> places = given.to_int64();
  if (std::ranges::none_of(places, [](std::int64_t i) { return i < 0; })) {
    return writer.tensor(1, Layout::plain);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] < 0) places[i] += extents[i % extents.size()];
  }
  return writer.own("/indices",
                    Tensor::from<std::int64_t>(given.shape(), places).cast(given.dtype()));
}

}  // namespace

void export_gather(NodeWriter& writer) {
  const auto rank = writer.shape(0).size();
  const std::int64_t axis = from_start(writer.attributes().integer("axis", 0), rank);
  const std::int32_t x = writer.tensor(0, Layout::plain);
  const std::int64_t extent = writer.shape(0)[std::size_t(axis)];
  writer.emit(
      BuiltinOperator::GATHER, {x, indices(writer, {&extent, 1})}, Layout::plain,
      writer.file().options(schema::CreateGatherOptions(writer.builder(), std::int32_t(axis))));
}

void export_gather_nd(NodeWriter& writer) {
  if (writer.attributes().integer("batch_dims", 0) != 0) {
    fail(ErrorCode::unsupported, "batch_dims {}; accepted: 0",
         writer.attributes().integer("batch_dims", 0));
  }
  const std::int32_t x = writer.tensor(0, Layout::plain);
  auto extents = writer.shape(0);
  extents.resize(std::size_t(writer.shape(1).back()));
  writer.emit(BuiltinOperator::GATHER_ND, {x, indices(writer, extents)}, Layout::plain);
}

void export_tile(NodeWriter& writer) {
  const std::int32_t x = writer.tensor(0, Layout::plain);
  writer.emit(BuiltinOperator::TILE,
              {x, writer.own_integers("/counts", writer.integers(1, "the counts"))}, Layout::plain);
}

namespace {

std::int32_t block_size(const NodeWriter& writer) {
  return std::int32_t(writer.attributes().integer("blocksize", 1));
}

}  // namespace

void export_depth_to_space(NodeWriter& writer) {
  if (writer.attributes().string("mode", "DCR") != "DCR") {
    fail(ErrorCode::unsupported, "mode {}; accepted: DCR",
         writer.attributes().string("mode", "DCR"));
  }
  const std::int32_t x = writer.tensor(0, Layout::image);
  writer.emit(BuiltinOperator::DEPTH_TO_SPACE, {x}, Layout::image,
              writer.file().options(
                  schema::CreateDepthToSpaceOptions(writer.builder(), block_size(writer))));
}
void export_space_to_depth(NodeWriter& writer) {
  const std::int32_t x = writer.tensor(0, Layout::image);
  writer.emit(BuiltinOperator::SPACE_TO_DEPTH, {x}, Layout::image,
              writer.file().options(
                  schema::CreateSpaceToDepthOptions(writer.builder(), block_size(writer))));
}

}  // namespace strata::formats::tflite
