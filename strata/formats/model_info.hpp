#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::formats {

/// What a model file says about itself. Texts are any bytes, as written.
struct ModelInfo {
  std::string producer;  ///< the tool that wrote it
  std::string producer_version;
  std::string domain;
  std::string description;
  std::string graph_description;
  std::int64_t version = 0;  ///< the model's own
  /// Entries of the model as its author added them, in the file's order.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Key of the metadata entry that holds the command which wrote the file.
constexpr std::string_view command_key = "strata.command";

/// Replaces that entry, or adds it.
void set_command(ModelInfo& info, std::string command);

/// Reads past the network itself, so it costs little beside loading it. A text form of a graph says
/// nothing. Throws as `load` does.
ModelInfo model_info(const std::filesystem::path& path);
/// The same from the bytes of an ONNX or TensorFlow Lite file or a container.
ModelInfo model_info(std::span<const std::byte> bytes);

}  // namespace strata::formats
