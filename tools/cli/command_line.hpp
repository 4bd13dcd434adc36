#pragma once

#include <string>
#include <string_view>

namespace strata::cli {

/// Puts together the command that repeats what runs, its words quoted for a shell.
class CommandLine {
 public:
  /// "strata COMMAND"
  explicit CommandLine(std::string_view command);

  CommandLine& word(std::string_view text);
  /// Nothing where the value is empty.
  CommandLine& option(std::string_view name, std::string_view value);
  CommandLine& flag(std::string_view name, bool given);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace strata::cli
