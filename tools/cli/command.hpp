#pragma once

#include <functional>
#include <string_view>

namespace CLI {
class App;
}

namespace strata::cli {

enum ExitCode {
  success = 0,
  bad_input = 1,
  differ = 1,  ///< 'compare' found a difference, as diff and cmp report it
  bad_usage = 2,
  defect = 70,
  interrupted = 130  ///< as shells report a process that SIGINT ended
};

/// One command of the program; commands.def lists them.
struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line for --help
  /// Declares the command's options and returns what to do once they are parsed, which returns the
  /// exit code. Errors leave as strata::Error.
  std::function<ExitCode()> (*declare)(CLI::App& app);
};

#define STRATA_COMMAND(name) extern const Command name##_command;
#include "tools/cli/commands.def"
#undef STRATA_COMMAND

}  // namespace strata::cli
