#include "strata/formats/model_info.hpp"

#include "strata/base/file.hpp"
#include "strata/formats/container/container.hpp"
#include "strata/formats/onnx/message.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/formats/tflite/import.hpp"
#include "strata/formats/tflite/info.hpp"

namespace strata::formats {
namespace {

using onnx::Message;

std::string_view graph_description(Message graph) {
  std::string_view text;
  while (graph.next()) {
    if (graph.field() == 10) text = graph.bytes();
  }
  return text;
}

std::pair<std::string, std::string> entry(Message message) {
  std::pair<std::string, std::string> pair;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        pair.first = message.bytes();
        break;
      case 2:
        pair.second = message.bytes();
        break;
      default:
        break;
    }
  }
  return pair;
}

}  // namespace

void set_command(ModelInfo& info, std::string command) {
  std::erase_if(info.metadata, [](const auto& entry) { return entry.first == command_key; });
  info.metadata.emplace_back(command_key, std::move(command));
}

ModelInfo model_info(const std::filesystem::path& path) {
  return with_context([&] { return fmt::format("reading {}", path.string()); },
                      [&] {
                        if (path.string().ends_with(text_suffix)) return ModelInfo{};
                        const MappedFile file = MappedFile::open(path);
                        return model_info(file.bytes());
                      });
}

ModelInfo model_info(std::span<const std::byte> bytes) {
  if (container::is_container(bytes)) return container::read_info(bytes);
  if (tflite::is_model(bytes)) return tflite::read_info(bytes);
  ModelInfo info;
  Message model(bytes);
  while (model.next()) {
    switch (model.field()) {
      case 2:
        info.producer = model.bytes();
        break;
      case 3:
        info.producer_version = model.bytes();
        break;
      case 4:
        info.domain = model.bytes();
        break;
      case 5:
        info.version = model.integer();
        break;
      case 6:
        info.description = model.bytes();
        break;
      case 7:
        info.graph_description = graph_description(model.message());
        break;
      case 14:
        info.metadata.push_back(entry(model.message()));
        break;
      default:
        break;
    }
  }
  return info;
}

}  // namespace strata::formats
