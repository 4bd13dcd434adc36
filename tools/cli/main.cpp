#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/base/similar.hpp"
#include "strata/report/terminal.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/command.hpp"

namespace strata::cli {
namespace {

constexpr const Command* commands[] = {
#define STRATA_COMMAND(name) &name##_command,
#include "tools/cli/commands.def"
#undef STRATA_COMMAND
};

/// Descriptions of options and footers wrap within the terminal.
class Formatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrap(CLI::Formatter::make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, sub->get_display_name(true), wrap(sub->get_description()),
                             get_column_width());
    return out.str();
  }
  std::string make_footer(const CLI::App* app) const override {
    std::string text = app->get_footer();
    std::ranges::replace(text, '\n', ' ');  // it is one paragraph
    return text.empty() ? ""
                        : "\n" + report::wrapped(text, report::terminal_width(stdout), 0) + "\n";
  }

 private:
  std::string wrap(const std::string& text) const {
    constexpr std::size_t narrowest = 24;
    const std::size_t width = report::terminal_width(stdout), left = get_column_width();
    return report::wrapped(text, std::max(width, left + narrowest) - left, 0);
  }
};

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return bad_usage;
    case ErrorCode::model:
    case ErrorCode::unsupported:
    case ErrorCode::io:
      return bad_input;
    case ErrorCode::internal:
      break;
  }
  return defect;
}

int report_error(std::string_view text, int code) {
  const bool colour = report::use_colour(stderr);
  fmt::print(stderr, "strata: {}: {}\n", report::paint("error", report::Style::red, colour),
             report::printable(text));
  return code;
}

/// CLI11 would only say that a command is missing.
void refuse_unknown_command(std::optional<std::string_view> word) {
  std::vector<std::string> names;
  for (const Command* command : commands) names.emplace_back(command->name);
  if (!word) {
    fail(ErrorCode::usage, "a command is missing, expected one of {}; --help explains them",
         fmt::join(names, ", "));
  }
  if (std::ranges::count(names, *word) > 0) return;
  std::vector<std::string> expected = names;
  for (const char* option : {"-h", "--help", "--version"}) {
    if (*word == option) return;
    expected.emplace_back(option);
  }
  fail(ErrorCode::usage, "unknown {} '{}', expected one of {}{}",
       word->starts_with('-') ? "option" : "command", *word, fmt::join(names, ", "),
       suggestion(*word, expected));
}

/// An option that the command does not have, as "'--foo'; did you mean --for?"; CLI11 would name
/// whatever it could not place. Empty if there is none.
std::string unknown_option(const CLI::App& command, std::span<char* const> words) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const std::string_view word : words) {
    if (word == "--") break;
    const std::string_view name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::ranges::count(names, name) > 0) continue;
    return fmt::format("'{}'{}", name, suggestion(name, names));
  }
  return "";
}

int parse_and_run(int argc, char** argv) {
  refuse_unknown_command(argc > 1 ? std::optional<std::string_view>(argv[1]) : std::nullopt);
  CLI::App app(
      "Strata imports a trained network, shows where its time and memory go, runs it,\n"
      "and makes it smaller and faster for this machine.",
      "strata");
  app.set_version_flag("--version", "strata " STRATA_VERSION);
  app.require_subcommand(1);
  const auto formatter = std::make_shared<Formatter>();
  formatter->column_width(30);
  app.formatter(formatter);
  app.footer(
      "Exit codes: 0 success, 1 bad input or one that the command can do nothing with ('compare': "
      "the sides differ), 2 wrong usage (or a memory budget that does not hold), 70 a defect in "
      "Strata, "
      "130 interrupted by Ctrl-C or SIGTERM (what was measured until then is printed; "
      "an interrupted 'optimize' that still delivers a model exits with 0). "
      "'strata COMMAND --help' explains a command.");
  std::function<ExitCode()> chosen;
  for (const Command* command : commands) {
    CLI::App* sub = app.add_subcommand(std::string(command->name), std::string(command->summary));
    sub->callback([&chosen, run = command->declare(*sub)] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);
      return success;
    }
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    const std::span<char* const> words(argv, std::size_t(argc));
    const std::string unknown =
        parsed.empty() ? "" : unknown_option(*parsed.front(), words.subspan(2));
    report_error(unknown.empty() ? error.what() : "unknown option " + unknown, bad_usage);
    fmt::print(stderr, "Run with --help for usage.\n");
    return bad_usage;
  }
  return chosen();
}

}  // namespace
}  // namespace strata::cli

int main(int argc, char** argv) {
  using namespace strata;
  try {
    return cli::parse_and_run(argc, argv);
  } catch (const Error& error) {
    return cli::report_error(error.what(), cli::exit_code(error.code()));
  } catch (const std::bad_alloc&) {
    return cli::report_error("out of memory", cli::bad_input);
  } catch (const std::exception& error) {
    return cli::report_error(fmt::format("internal: {}", error.what()), cli::defect);
  }
}
