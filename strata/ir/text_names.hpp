#pragma once

#include <algorithm>
#include <string_view>

namespace strata::ir {

/// Characters of names that the textual form writes without quotes.
constexpr bool is_plain_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '/' || c == '-';
}
constexpr bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, is_plain_letter);
}

}  // namespace strata::ir
