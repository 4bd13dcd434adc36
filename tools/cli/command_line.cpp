#include "tools/cli/command_line.hpp"

#include "strata/report/shell.hpp"

namespace strata::cli {

CommandLine::CommandLine(std::string_view command) : text_("strata ") { text_ += command; }

CommandLine& CommandLine::word(std::string_view text) {
  text_ += ' ' + report::shell_quoted(text);
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
