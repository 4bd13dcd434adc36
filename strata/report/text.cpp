#include "strata/report/text.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace strata::report {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr char32_t invalid = 0xFFFFFFFF;

struct Decoded {
  char32_t code = invalid;
  std::size_t length = 1;  ///< bytes taken, at least 1
};

/// The first character of a non-empty text; `invalid` for malformed, overlong or surrogate forms.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

/// C0 and C1 controls, and the characters that reorder or hide text.
bool is_hostile(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

std::size_t columns(char32_t code) {
  if (code >= 0x300 && code <= 0x36F) return 0;  // combining marks
  const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                    (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                    (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                    (code >= 0x1F300 && code <= 0x1F64F) || (code >= 0x20000 && code <= 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded character = decode(text);
    if (character.code == '\n' || character.code == '\r' || character.code == '\t') {
      out += ' ';
    } else if (character.code == invalid || is_hostile(character.code)) {
      out += replacement;
    } else {
      out += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Decoded character = decode(text);
    width += columns(character.code);
    text.remove_prefix(character.length);
  }
  return width;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::vector<std::string_view> characters;
  for (std::string_view rest = text; !rest.empty();) {
    const Decoded character = decode(rest);
    characters.push_back(rest.substr(0, character.length));
    rest.remove_prefix(character.length);
  }
  const std::size_t tail_limit = (width - 1) / 2;
  std::string tail;
  std::size_t tail_width = 0;
  for (auto it = characters.rbegin(); it != characters.rend(); ++it) {
    if (tail_width + display_width(*it) > tail_limit) break;
    tail_width += display_width(*it);
    tail.insert(0, *it);
  }
  std::string head;
  std::size_t head_width = 0;
  for (const std::string_view character : characters) {
    if (head_width + display_width(character) + 1 + tail_width > width) break;
    head_width += display_width(character);
    head += character;
  }
  return head + "…" + tail;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const std::size_t taken = display_width(word);
    if (column > indent && column + 1 + taken > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += taken;
  }
  return out;
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace strata::report
