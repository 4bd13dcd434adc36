#pragma once

#include <optional>
#include <string_view>

namespace strata::formats {

/// How the names of files with the text form of a graph end.
constexpr std::string_view text_suffix = ".strata.txt";
/// How those of Strata's container end.
constexpr std::string_view container_suffix = ".strata";

constexpr std::string_view onnx_suffix = ".onnx", tflite_suffix = ".tflite";

/// What a file is written as, by the end of its name.
enum class Format { onnx, tflite, container, text };
constexpr std::optional<Format> format_named(std::string_view name) {
  if (name.ends_with(onnx_suffix)) return Format::onnx;
  if (name.ends_with(tflite_suffix)) return Format::tflite;
  if (name.ends_with(container_suffix)) return Format::container;
  if (name.ends_with(text_suffix)) return Format::text;
  return std::nullopt;
}

}  // namespace strata::formats
