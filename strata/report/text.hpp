#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace strata::report {

/// Names come from model files: this makes them harmless. Control characters, escape sequences and
/// malformed UTF-8 become U+FFFD; line breaks and tabs become a space.
std::string printable(std::string_view text);

/// Columns that `text` takes on a terminal; wide (East Asian) characters take two.
std::size_t display_width(std::string_view text);

/// At most `width` columns, the middle replaced by "…" (both ends of a node's name tell things).
std::string shortened(std::string_view text, std::size_t width);

/// Broken at blanks so that lines end by column `width`. The first line begins in column `indent`,
/// behind what the caller puts there; the others get as many blanks.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// `printable` text with & < > " ' escaped: for element content and quoted attributes.
std::string html_escape(std::string_view text);

}  // namespace strata::report
