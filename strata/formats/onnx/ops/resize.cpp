// Resampling.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

std::string linear_or(std::string mode) { return mode == "bilinear" ? "linear" : mode; }

bool is_empty(const ir::TensorType& type) {
  return type.shape.size() == 1 && type.shape[0] == Dim(0);
}

ir::ValueId scales_from_attributes(NodeContext& node) {
  std::vector<float> scales = node.attributes.reals("scales");
  if (node.opset() < 7) {
    scales = {1, 1, node.attributes.real("height_scale", 1),
              node.attributes.real("width_scale", 1)};
  }
  return node.constant(Tensor::from<float>(Shape{std::int64_t(scales.size())}, scales), "scales");
}

// A coordinate mode that opset 13 gave up: half_pixel, moved by half a pixel. Where rounding makes
// up for that, there is a way to say so today.
void replace_tf_half_pixel(ir::Attributes& attributes) {
  constexpr std::string_view name = "coordinate_transformation_mode";
  if (attributes.string(name, "half_pixel") != "tf_half_pixel_for_nn") return;
  const std::string rounding = attributes.string("nearest_mode", "round_prefer_floor");
  const bool nearest = attributes.string("mode", "nearest") == "nearest";
  if (!nearest || (rounding != "floor" && rounding != "round_prefer_floor")) {
    fail(ErrorCode::unsupported,
         "tf_half_pixel_for_nn with mode {} and nearest_mode {}; accepted: "
         "nearest with floor or round_prefer_floor",
         attributes.string("mode", "nearest"), rounding);
  }
  attributes.set(name, std::string("half_pixel"));
  attributes.set("nearest_mode", std::string(rounding == "floor" ? "round_prefer_ceil" : "ceil"));
}

}  // namespace

// Upsample, and Resize as it was first: what Resize calls asymmetric, rounding down.
void convert_upsample(NodeContext& node) {
  const std::string mode = linear_or(node.attributes.string("mode", "nearest"));
  const ir::ValueId scales = node.inputs() > 1 ? node.input(1) : scales_from_attributes(node);
  ir::Attributes a{{"mode", mode}, {"coordinate_transformation_mode", std::string("asymmetric")}};
  if (mode == "nearest") a.set("nearest_mode", std::string("floor"));
  node.emit("Resize", {node.input(0), ir::no_value, scales}, a);
}

// Its inputs could be left out only by passing empty tensors.
void convert_resize_11(NodeContext& node) {
  replace_tf_half_pixel(node.attributes);
  std::vector<ir::ValueId> inputs(node.all_inputs().begin(), node.all_inputs().end());
  const bool crops = node.attributes.string("coordinate_transformation_mode", "half_pixel") ==
                     "tf_crop_and_resize";
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    if (!node.has_input(i)) continue;
    if (is_empty(node.type(i)) || (i == 1 && !crops)) inputs[i] = ir::no_value;
  }
  while (!inputs.empty() && inputs.back() == ir::no_value) inputs.pop_back();
  node.emit("Resize", inputs, node.attributes);
}

void convert_grid_sample(NodeContext& node) {
  std::string mode = linear_or(node.attributes.string("mode", "bilinear"));
  if (mode == "bicubic") mode = "cubic";
  node.attributes.set("mode", mode);
  node.emit("GridSample", {node.all_inputs().begin(), node.all_inputs().end()}, node.attributes);
}

// Coordinates were not shifted by half a pixel, and there was no attribute to say so.
void convert_roi_align_10(NodeContext& node) {
  node.attributes.set("coordinate_transformation_mode", std::string("output_half_pixel"));
  node.emit("RoiAlign", {node.all_inputs().begin(), node.all_inputs().end()}, node.attributes);
}

}  // namespace strata::formats::onnx
