// Pooling and resizing of images.
#include "strata/formats/tflite/options.hpp"
#include "strata/formats/tflite/window.hpp"

namespace strata::formats::tflite {
namespace {

std::array<std::int64_t, 2> extents(const OperatorContext& context) {
  const auto x = context.shape(0);
  if (x.size() != 4) {
    fail(ErrorCode::model, "the images have {} dimensions, expected 4", x.size());
  }
  return {x[1], x[2]};
}

ir::Attributes pooling(const OperatorContext& context, const schema::Pool2DOptions& options) {
  Window window;
  window.kernel = {options.filter_height(), options.filter_width()};
  window.stride = {options.stride_h(), options.stride_w()};
  window.check();
  window.pad(options.padding(), extents(context));
  return window.attributes(false, true);
}

template <class Options>
void resize(OperatorContext& context, const Options& options, std::string_view mode) {
  const auto x = context.shape(0);
  extents(context);
  const auto size = context.integers(1, "the size");
  if (size.size() != 2 || size[0] < 1 || size[1] < 1) {
    fail(ErrorCode::model, "the size has {} entries; accepted: two numbers above 0", size.size());
  }
  std::string coordinates = "asymmetric";
  if (options.align_corners()) coordinates = "align_corners";
  if (options.half_pixel_centers()) coordinates = "half_pixel";
  ir::Attributes attributes{{"mode", std::string(mode)},
                            {"coordinate_transformation_mode", coordinates}};
  std::vector<std::int64_t> sizes{x[0], x[3], size[0], size[1]};
  const ir::ValueId image = context.input(0, Layout::image);
  if (mode == "linear" && context.is_quantized(0)) {
    attributes.set("sizes", size);
    attributes.set("arithmetic", context.arithmetic(context.is_stored(1)));
    return context.emit("strata.QLinearResize", {image}, std::move(attributes), Layout::image);
  }
  if (mode == "nearest") {
    // Without corners or centers every coordinate is cut off; with them it is rounded.
    const bool rounds = options.align_corners() || options.half_pixel_centers();
    attributes.set("nearest_mode", std::string(rounds ? "round_prefer_ceil" : "floor"));
  }
  context.emit("Resize",
               {image, ir::no_value, ir::no_value, context.integer_list(std::move(sizes))},
               std::move(attributes), Layout::image);
}

}  // namespace

void convert_average_pool(OperatorContext& context) {
  const auto& options = context.options<schema::Pool2DOptions>();
  ir::Attributes attributes = pooling(context, options);
  std::vector<ir::ValueId> operands{context.input(0, Layout::image)};
  std::string_view op = "AveragePool";
  if (context.is_quantized(0)) {
    op = "strata.QLinearAveragePool";
    context.append_parameters(operands, context.quantization(0), context.type(0));
    context.append_output_parameters(operands);
    attributes.set("arithmetic", context.arithmetic(false));
  }
  context.emit_activated(options.fused_activation_function(), op, std::move(operands),
                         std::move(attributes), Layout::image);
}

void convert_max_pool(OperatorContext& context) {
  const auto& options = context.options<schema::Pool2DOptions>();
  context.emit_activated(options.fused_activation_function(), "MaxPool",
                         {context.input(0, Layout::image)}, pooling(context, options),
                         Layout::image);
}

void convert_l2_pool(OperatorContext& context) {
  const auto& options = context.options<schema::Pool2DOptions>();
  const ir::ValueId x = context.input(0, Layout::image);
  const ir::ValueId mean =
      context.node("AveragePool", {context.node("Mul", {x, x})}, pooling(context, options));
  context.emit_activated(options.fused_activation_function(), "Sqrt", {mean}, {}, Layout::image);
}

void convert_resize_bilinear(OperatorContext& context) {
  resize(context, context.options<schema::ResizeBilinearOptions>(), "linear");
}

void convert_resize_nearest(OperatorContext& context) {
  resize(context, context.options<schema::ResizeNearestNeighborOptions>(), "nearest");
}

void convert_depth_to_space(OperatorContext& context) {
  context.emit(
      "DepthToSpace", {context.input(0, Layout::image)},
      {{"blocksize", std::int64_t(context.options<schema::DepthToSpaceOptions>().block_size())}},
      Layout::image);
}

void convert_space_to_depth(OperatorContext& context) {
  context.emit(
      "SpaceToDepth", {context.input(0, Layout::image)},
      {{"blocksize", std::int64_t(context.options<schema::SpaceToDepthOptions>().block_size())}},
      Layout::image);
}

}  // namespace strata::formats::tflite
