// Pooling, reductions and resizing.
#include <algorithm>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/spatial_padding.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;

/// What a maximum never chooses.
Tensor lowest(DType type) {
  if (const auto range = quantized_range(type)) {
    return Tensor::scalar(float(range->low)).cast(type);
  }
  return Tensor::scalar(-std::numeric_limits<float>::infinity()).cast(type);
}

void write_reduction(NodeWriter& writer, BuiltinOperator op, std::vector<std::int64_t> axes,
                     bool keep) {
  const auto rank = std::int64_t(writer.shape(0).size());
  for (std::int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  if (axes.empty()) {
    for (std::int64_t axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  std::ranges::sort(axes);
  // Without the spatial axes what is left has one order.
  const bool spatial = axes == std::vector<std::int64_t>{2, 3};
  const bool image = rank == 4 && (spatial || (keep && writer.at_hand(0) == Layout::image));
  const Layout layout = image ? Layout::image : Layout::plain;
  if (image) {
    for (std::int64_t& axis : axes) axis = image_place(axis);
  }
  const std::int32_t x = writer.tensor(0, layout);
  const std::int32_t list = writer.own_integers("/axes", axes);
  writer.emit(op, {x, list}, keep ? layout : Layout::plain,
              writer.file().options(schema::CreateReducerOptions(writer.builder(), keep)));
}

/// Averages of unpadded windows by weights of one value: unlike pooling that takes two grids, and
/// so rounds once.
void write_weighted(NodeWriter& writer, const SpatialWindow& window) {
  const Grid& x = *writer.grid(0);
  const DType type = writer.forms().stored_type(writer.type(0), &x);
  const std::int64_t channels = writer.shape(0)[1];
  const auto taps = std::size_t(window.kernel[0] * window.kernel[1] * channels);
  const Tensor ones = Tensor::from<float>(Shape{1, window.kernel[0], window.kernel[1], channels},
                                          std::vector<float>(taps, 1.0f));
  const Grid weight{{1.0f / float(window.kernel[0] * window.kernel[1])}, {0}, 0};
  const Grid sum{{x.scale[0] * weight.scale[0]}, {0}, 0};
  const std::vector<std::int32_t> operands = {
      writer.tensor(0, Layout::image), writer.own("/weights", ones.cast(type), &weight, 3),
      writer.own("/bias", Tensor::zeros(DType::i32, Shape{channels}), &sum)};
  const schema::Activation activation = writer.take_activation();
  writer.emit(BuiltinOperator::DEPTHWISE_CONV_2D, operands, Layout::image,
              writer.file().options(schema::CreateDepthwiseConv2DOptions(
                  writer.builder(), schema::Padding::VALID, std::int32_t(window.stride[1]),
                  std::int32_t(window.stride[0]), 1, activation, 1, 1)));
}

void write_pool(NodeWriter& writer, BuiltinOperator op) {
  const auto x = writer.shape(0);
  const auto& kernel = writer.attributes().integers("kernel_shape");
  if (kernel.size() != 2) {
    fail(ErrorCode::unsupported, "a window of {} axes; accepted: 2", kernel.size());
  }
  SpatialWindow window(writer.attributes(), {kernel[0], kernel[1]}, x);
  const bool average = op == BuiltinOperator::AVERAGE_POOL_2D;
  const bool counts_padding = writer.attributes().integer("count_include_pad", 0) != 0;
  if (window.dilation != std::array<std::int64_t, 2>{1, 1}) {
    fail(ErrorCode::unsupported, "dilations {} and {}; accepted: 1", window.dilation[0],
         window.dilation[1]);
  }
  const auto y = writer.output_shape();
  for (std::size_t i = 0; i < 2; ++i) {
    // With ceil_mode the last window may reach further: so many more rows are padding.
    const std::int64_t reach = (y[i + 2] - 1) * window.stride[i] + window.kernel[i];
    const std::int64_t extent = x[i + 2] + window.before[i] + window.after[i];
    if (reach <= extent) continue;
    if (average && counts_padding) {
      fail(ErrorCode::unsupported,
           "an average of windows that reach {} elements beyond padding that counts; accepted: 0",
           reach - extent);
    }
    window.after[i] += reach - extent;
  }
  const Grid* grid = writer.grid(0);
  const bool moves_grid = grid && writer.output_grid() && *grid != *writer.output_grid();
  if (average && moves_grid && !window.is_padded()) {
    // MEAN takes two grids.
    const bool whole = kernel[0] == x[2] && kernel[1] == x[3];
    if (whole) return write_reduction(writer, BuiltinOperator::MEAN, {2, 3}, true);
    if (writer.type(0) != DType::i16) return write_weighted(writer, window);
  }
  std::int32_t image = writer.tensor(0, Layout::image);
  const bool same =
      window.is_padded() && window.is_same({x[2], x[3]}) && !(average && counts_padding);
  if (window.is_padded() && !same) {
    if (average && !counts_padding) {
      fail(ErrorCode::unsupported,
           "an average of padded windows that does not count the padding; "
           "accepted: TensorFlow's SAME padding, or none");
    }
    const Tensor outside = lowest(writer.type(0));
    image = padded(writer, image, writer.input(0), window, average ? nullptr : &outside);
  }
  // An activation's bounds would be those of the operand's grid.
  const schema::Activation activation =
      moves_grid ? schema::Activation::NONE : writer.take_activation();
  writer.emit_on(grid, op, {image}, Layout::image,
                 writer.file().options(schema::CreatePool2DOptions(
                     writer.builder(), same ? schema::Padding::SAME : schema::Padding::VALID,
                     std::int32_t(window.stride[1]), std::int32_t(window.stride[0]),
                     std::int32_t(kernel[1]), std::int32_t(kernel[0]), activation)));
}

void reduce(NodeWriter& writer, BuiltinOperator op) {
  std::vector<std::int64_t> axes;
  if (writer.attributes().has("axes")) axes = writer.attributes().integers("axes");
  const bool integer = writer.node().op->domain == "strata";
  if (!integer && writer.has_input(1)) axes = writer.integers(1, "the axes");
  if (axes.empty() && writer.attributes().integer("noop_with_empty_axes", 0) != 0) {
    return export_identity(writer);
  }
  write_reduction(writer, op, std::move(axes), writer.attributes().integer("keepdims", 1) != 0);
}

void write_global(NodeWriter& writer, BuiltinOperator op) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 2; i < writer.shape(0).size(); ++i) axes.push_back(std::int64_t(i));
  write_reduction(writer, op, std::move(axes), true);
}

template <class Create>
void write_extremum(NodeWriter& writer, BuiltinOperator op, Create create) {
  const auto rank = std::int64_t(writer.shape(0).size());
  std::int64_t axis = writer.attributes().integer("axis", 0);
  if (axis < 0) axis += rank;
  if (writer.attributes().integer("keepdims", 1) != 0 ||
      writer.attributes().integer("select_last_index", 0) != 0) {
    fail(ErrorCode::unsupported, "keepdims or select_last_index; accepted: 0");
  }
  const bool image = rank == 4 && axis == 1;
  const std::int32_t x = writer.tensor(0, image ? Layout::image : Layout::plain);
  const Tensor place = Tensor::from<std::int64_t>(Shape{}, {image ? 3 : axis}).cast(DType::i32);
  writer.emit(op, {x, writer.own("/axis", place)}, Layout::plain,
              writer.file().options(create(writer.builder(), schema::TensorType::INT64)));
}

/// The operators know no such words.
void refuse_resize_words(const ir::Attributes& attributes) {
  const std::string policy = attributes.string("keep_aspect_ratio_policy", "stretch");
  const auto antialias = attributes.integer("antialias", 0);
  const auto exclude = attributes.integer("exclude_outside", 0);
  const float outside = attributes.real("extrapolation_value", 0);
  if (antialias == 0 && exclude == 0 && outside == 0 && policy == "stretch") return;
  fail(ErrorCode::unsupported,
       "antialias {}, exclude_outside {}, extrapolation_value {}, keep_aspect_ratio_policy {}; "
       "accepted: 0, 0, 0, stretch",
       antialias, exclude, outside, policy);
}

/// Coordinates follow the scales where they are given, in the file always the extents.
void refuse_other_scales(const NodeWriter& writer, const std::vector<std::int64_t>& x,
                         const std::vector<std::int64_t>& y) {
  if (!writer.has_input(2) || writer.shape(2) == std::vector<std::int64_t>{0}) return;
  const auto scales = writer.constant(2, "scales").to_float();
  std::vector<std::int64_t> axes = {0, 1, 2, 3};
  if (writer.attributes().has("axes")) axes = writer.attributes().integers("axes");
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const auto axis = std::size_t(axes[i] < 0 ? axes[i] + 4 : axes[i]);
    const float ratio = float(double(y[axis]) / double(x[axis]));
    if (scales[i] == ratio) continue;
    fail(ErrorCode::unsupported, "scale {} for {} elements out of {}; accepted: their ratio {}",
         scales[i], y[axis], x[axis], ratio);
  }
}

}  // namespace

void export_average_pool(NodeWriter& writer) {
  write_pool(writer, BuiltinOperator::AVERAGE_POOL_2D);
}
void export_max_pool(NodeWriter& writer) {
  if (writer.node().outputs.size() > 1 && writer.node().outputs[1] != ir::no_value) {
    fail(ErrorCode::unsupported, "indices of maxima");
  }
  write_pool(writer, BuiltinOperator::MAX_POOL_2D);
}
void export_global_average_pool(NodeWriter& writer) { write_global(writer, BuiltinOperator::MEAN); }
void export_global_max_pool(NodeWriter& writer) {
  write_global(writer, BuiltinOperator::REDUCE_MAX);
}
void export_reduce_max(NodeWriter& writer) { reduce(writer, BuiltinOperator::REDUCE_MAX); }
void export_reduce_mean(NodeWriter& writer) { reduce(writer, BuiltinOperator::MEAN); }
void export_reduce_min(NodeWriter& writer) { reduce(writer, BuiltinOperator::REDUCE_MIN); }
void export_reduce_prod(NodeWriter& writer) { reduce(writer, BuiltinOperator::REDUCE_PROD); }
void export_reduce_sum(NodeWriter& writer) { reduce(writer, BuiltinOperator::SUM); }

void export_arg_max(NodeWriter& writer) {
  write_extremum(writer, BuiltinOperator::ARG_MAX, schema::CreateArgMaxOptions);
}
void export_arg_min(NodeWriter& writer) {
  write_extremum(writer, BuiltinOperator::ARG_MIN, schema::CreateArgMinOptions);
}

void export_resize(NodeWriter& writer) {
  const auto x = writer.shape(0), y = writer.output_shape();
  if (x.size() != 4 || x[0] != y[0] || x[1] != y[1]) {
    fail(ErrorCode::unsupported, "a resize of other axes than the two spatial ones");
  }
  refuse_resize_words(writer.attributes());
  const std::string mode(writer.attributes().string("mode", "nearest"));
  const std::string where(
      writer.attributes().string("coordinate_transformation_mode", "half_pixel"));
  // The latter differs for results of one row or column only.
  const bool centers =
      where == "half_pixel" || (where == "pytorch_half_pixel" && y[2] > 1 && y[3] > 1);
  const bool corners = where == "align_corners";
  const bool nearest = mode == "nearest";
  const std::string rounding(writer.attributes().string("nearest_mode", "round_prefer_floor"));
  const bool known = corners || centers || where == "asymmetric";
  const bool rounds_alike =
      !nearest || rounding == (corners || centers ? "round_prefer_ceil" : "floor");
  if ((mode != "linear" && !nearest) || !known || !rounds_alike) {
    fail(ErrorCode::unsupported,
         "mode {}, coordinates {}, rounding {}; accepted: linear, and nearest with floor "
         "(asymmetric) or round_prefer_ceil (half_pixel, align_corners)",
         mode, where, rounding);
  }
  if (!corners) refuse_other_scales(writer, x, y);
  const std::int32_t image = writer.tensor(0, Layout::image);
  const std::int32_t size = writer.own_integers("/size", std::array{y[2], y[3]});
  const OptionsRow options = nearest
                                 ? writer.file().options(schema::CreateResizeNearestNeighborOptions(
                                       writer.builder(), corners, centers))
                                 : writer.file().options(schema::CreateResizeBilinearOptions(
                                       writer.builder(), corners, centers));
  writer.emit(nearest ? BuiltinOperator::RESIZE_NEAREST_NEIGHBOR : BuiltinOperator::RESIZE_BILINEAR,
              {image, size}, Layout::image, options);
}

}  // namespace strata::formats::tflite
