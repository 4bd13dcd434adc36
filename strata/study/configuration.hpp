#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace strata::study {

/// One version of a model, as differences from the model that the user gave, run by Strata's own
/// choices.
struct Configuration {
  std::map<std::string, std::string> encodings;  ///< layer to encoding of its weights
  std::map<std::string, std::string> kernels;    ///< node to the row it is pinned to
  /// What is not the default of execution_choices: "threads" to "2", "fuse" to "off".
  std::map<std::string, std::string> execution;

  auto operator<=>(const Configuration&) const = default;
};

/// One text for each difference: "conv1.encoding=i8_channel",
/// "conv1.kernel=conv2d_f32_direct_avx2", "fuse=off", "threads=2". Empty for the default.
std::vector<std::string> changes(const Configuration& configuration);

/// A short name for tables: "default", "conv1 i8_channel", "9 layers i8_tensor, fc f16", "all f16".
/// `layers`: how many the model has.
std::string short_name(const Configuration& configuration, std::size_t layers);

}  // namespace strata::study
