// strata.DetectionPostProcess: a custom operator that is told its options in a FlexBuffer.
// Text that stands for numbers is read in the process's locale: the other way needs a library.
#define FLATBUFFERS_LOCALE_INDEPENDENT 0
#include <flatbuffers/flexbuffers.h>

#include "strata/formats/tflite/node_writer.hpp"

namespace strata::formats::tflite {
namespace {

/// With the node's defaults where it says nothing.
std::vector<std::uint8_t> options_of(const ir::Attributes& attributes) {
  flexbuffers::Builder builder;
  const auto integer = [&](const char* key, std::int64_t fallback) {
    builder.Int(key, attributes.integer(key, fallback));
  };
  const auto real = [&](const char* key, std::string_view name, float fallback) {
    builder.Float(key, attributes.real(name, fallback));
  };
  builder.Map([&] {
    integer("max_detections", 10);
    integer("max_classes_per_detection", 1);
    integer("detections_per_class", 100);
    integer("num_classes", 1);
    builder.Bool("use_regular_nms", attributes.integer("use_regular_nms", 0) != 0);
    real("nms_score_threshold", "score_threshold", 0);
    real("nms_iou_threshold", "iou_threshold", 0.5f);
    for (const char* key : {"y_scale", "x_scale", "h_scale", "w_scale"}) real(key, key, 1);
  });
  builder.Finish();
  return builder.GetBuffer();
}

}  // namespace

void export_detection_post_process(NodeWriter& writer) {
  std::vector<std::int32_t> inputs, outputs;
  for (std::size_t i = 0; i < 3; ++i) inputs.push_back(writer.tensor(i, Layout::plain));
  const std::vector<ir::ValueId>& results = writer.node().outputs;
  for (std::size_t i = 0; i < 4; ++i) {
    const bool wanted = i < results.size() && results[i] != ir::no_value;
    // The operator has four outputs, read or not; extents of those are for it to say.
    outputs.push_back(wanted ? writer.forms().make(results[i], Layout::plain)
                             : writer.file().add_tensor(fmt::format("{}:{}", writer.node().name, i),
                                                        DType::f32, {}, nullptr));
  }
  writer.file().add_operator(schema::BuiltinOperator::CUSTOM, inputs, outputs, {},
                             {"TFLite_Detection_PostProcess", options_of(writer.attributes()), {}});
}

}  // namespace strata::formats::tflite
