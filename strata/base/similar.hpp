#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// Names that somebody may have meant, the likeliest first, so many at most: those that have the
/// word in them whatever the case, then those that are a few letters away from it. Wildcards (*)
/// of the word do not count.
std::vector<std::string> similar_names(std::string_view word, std::span<const std::string> names,
                                       std::size_t most = 3);

/// "; did you mean A, B or C?", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string> names);

}  // namespace strata
