#include "strata/study/configuration.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace strata::study {

std::vector<std::string> changes(const Configuration& configuration) {
  std::vector<std::string> texts;
  for (const auto& [layer, encoding] : configuration.encodings) {
    texts.push_back(fmt::format("{}.encoding={}", layer, encoding));
  }
  for (const auto& [node, row] : configuration.kernels) {
    texts.push_back(fmt::format("{}.kernel={}", node, row));
  }
  for (const auto& [name, value] : configuration.execution) {
    texts.push_back(fmt::format("{}={}", name, value));
  }
  return texts;
}

std::string short_name(const Configuration& configuration, std::size_t layers) {
  std::map<std::string, std::vector<std::string>> by_encoding;
  for (const auto& [layer, encoding] : configuration.encodings) {
    by_encoding[encoding].push_back(layer);
  }
  std::vector<std::string> parts;
  for (const auto& [encoding, names] : by_encoding) {
    const std::string who = names.size() == 1        ? names[0]
                            : names.size() == layers ? "all"
                                                     : fmt::format("{} layers", names.size());
    parts.push_back(who + " " + encoding);
  }
  if (configuration.kernels.size() == 1) {
    const auto& [node, row] = *configuration.kernels.begin();
    parts.push_back(fmt::format("{} by {}", node, row));
  } else if (!configuration.kernels.empty()) {
    parts.push_back(fmt::format("{} kernels pinned", configuration.kernels.size()));
  }
  for (const auto& [name, value] : configuration.execution) {
    parts.push_back(fmt::format("{} {}", name, value));
  }
  return parts.empty() ? "default" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace strata::study
