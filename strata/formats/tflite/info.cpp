#include "strata/formats/tflite/info.hpp"

#include <algorithm>

#include "strata/formats/tflite/model.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::size_t longest_text = 4096;

/// The buffer's text up to the first NUL; nothing if it holds anything else.
std::optional<std::string> as_text(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = text.find('\0');
  const std::string_view rest = end == std::string_view::npos ? "" : text.substr(end);
  text = text.substr(0, end);
  const bool padded = std::ranges::all_of(rest, [](char c) { return c == '\0'; });
  const bool printable = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'; });
  if (text.empty() || text.size() > longest_text || !padded || !printable) return std::nullopt;
  return std::string(text);
}

}  // namespace

ModelInfo read_info(std::span<const std::byte> bytes) {
  const Model model{MappedFile({}, bytes)};
  ModelInfo info;
  info.description = model.description();
  for (const auto& [name, content] : model.metadata()) {
    if (auto text = as_text(content)) info.metadata.emplace_back(name, std::move(*text));
  }
  return info;
}

}  // namespace strata::formats::tflite
