// TFLite_Detection_PostProcess: a custom operator that says its options in a FlexBuffer.
// Text that stands for numbers is read in the process's locale: the other way needs a library.
#define FLATBUFFERS_LOCALE_INDEPENDENT 0
#include <flatbuffers/flexbuffers.h>

#include "strata/formats/tflite/operator_context.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::size_t longest_options = 1 << 16;

flexbuffers::Map options_of(const OperatorContext& context) {
  const std::span<const std::byte> bytes = context.custom_options();
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::vector<std::uint8_t> visited;  // or shared parts are verified again and again
  if (bytes.size() > longest_options || !flexbuffers::VerifyBuffer(start, bytes.size(), &visited)) {
    fail(ErrorCode::model, "its {} bytes of options are no valid FlexBuffer of up to {}",
         bytes.size(), longest_options);
  }
  const flexbuffers::Reference root = flexbuffers::GetRoot(start, bytes.size());
  if (!root.IsMap()) fail(ErrorCode::model, "its options are no map");
  return root.AsMap();
}

/// As floats, by the grid that the file gives; the operator dequantizes as the reference kernel.
ir::ValueId real_input(OperatorContext& context, std::size_t i) {
  std::vector<ir::ValueId> operands{context.input(i)};
  if (!context.is_quantized(i)) return operands[0];
  context.append_parameters(operands, context.quantization(i), context.type(i));
  return context.node("DequantizeLinear", std::move(operands),
                      {{"arithmetic", std::string("tflite_reference")}});
}

}  // namespace

void convert_detection_post_process(OperatorContext& context) {
  const flexbuffers::Map options = options_of(context);
  ir::Attributes attributes;
  const auto integer = [&](const char* key, std::string_view name) {
    if (!options[key].IsNull()) attributes.set(name, options[key].AsInt64());
  };
  const auto real = [&](const char* key, std::string_view name) {
    if (!options[key].IsNull()) attributes.set(name, options[key].AsFloat());
  };
  integer("max_detections", "max_detections");
  integer("max_classes_per_detection", "max_classes_per_detection");
  integer("detections_per_class", "detections_per_class");
  integer("num_classes", "num_classes");
  attributes.set("use_regular_nms", std::int64_t(options["use_regular_nms"].AsBool()));
  real("nms_score_threshold", "score_threshold");
  real("nms_iou_threshold", "iou_threshold");
  for (const char* key : {"y_scale", "x_scale", "h_scale", "w_scale"}) real(key, key);
  const auto results = context.builder().multi(
      "strata.DetectionPostProcess",
      {real_input(context, 0), real_input(context, 1), real_input(context, 2)}, 4,
      std::move(attributes));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (context.wants_output(i)) context.emit_value(results[i], Layout::plain, i);
  }
}

}  // namespace strata::formats::tflite
