#include "tools/cli/command_line.hpp"

namespace strata::cli {
namespace {

std::string quoted(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/%:@";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

CommandLine::CommandLine(std::string_view command) : text_("strata ") { text_ += command; }

CommandLine& CommandLine::word(std::string_view text) {
  text_ += ' ' + quoted(text);
  return *this;
}

CommandLine& CommandLine::option(std::string_view name, std::string_view value) {
  if (!value.empty()) word(name).word(value);
  return *this;
}

CommandLine& CommandLine::flag(std::string_view name, bool given) {
  if (given) word(name);
  return *this;
}

}  // namespace strata::cli
