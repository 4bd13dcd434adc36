#pragma once

#include <functional>
#include <string_view>

namespace CLI {
class App;
}

namespace strata::cli {

/// One command of the program; commands.def lists them.
struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line for --help
  /// Declares the command's options and returns what to do once they are parsed. Errors leave as
  /// strata::Error.
  std::function<void()> (*declare)(CLI::App& app);
};

#define STRATA_COMMAND(name) extern const Command name##_command;
#include "tools/cli/commands.def"
#undef STRATA_COMMAND

}  // namespace strata::cli
