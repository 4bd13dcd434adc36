#pragma once

#include <filesystem>
#include <string>

#include "strata/data/dataset.hpp"

namespace strata::data {

/// Where a truth lies: as given, else as the sidecar names it; empty if neither does. Throws model
/// for a name in a sidecar that leads out of its folder.
std::filesystem::path truth_path(const std::filesystem::path& given, const Truth& truth,
                                 const std::string& name);

}  // namespace strata::data
