#pragma once

#include <string_view>

namespace strata::formats {

/// How the names of files with the text form of a graph end.
constexpr std::string_view text_suffix = ".strata.txt";
/// How those of Strata's container end.
constexpr std::string_view container_suffix = ".strata";

}  // namespace strata::formats
