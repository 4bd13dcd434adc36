#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace strata::report {

/// Whether `stream` is shown to a person, and not a pipe or a file.
bool is_terminal(std::FILE* stream);

/// A terminal, `NO_COLOR` unset or empty (https://no-color.org) and `TERM` other than "dumb".
bool use_colour(std::FILE* stream);

/// Columns of the terminal; 80 when there is none or it does not say.
std::size_t terminal_width(std::FILE* stream);

enum class Style { plain, bold, dim, green, yellow, red, blue };

/// `text` in a style (ANSI SGR); unchanged when `colour` is false or the style is plain.
std::string paint(std::string_view text, Style style, bool colour);

}  // namespace strata::report
