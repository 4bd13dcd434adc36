#include "tools/cli/output.hpp"

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "strata/base/error.hpp"
#include "strata/report/text.hpp"

namespace strata::cli {

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail(ErrorCode::io, "standard output: {}", std::generic_category().message(errno));
  }
}

void print_wrapped(std::string_view text) {
  const std::size_t width = report::terminal_width(stdout);
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (report::display_width(line) <= width) {
      out += std::string(line) + '\n';
      continue;
    }
    constexpr std::size_t deeper = 2;
    const std::size_t indent = line.find_first_not_of(' ');
    out += std::string(line.substr(0, indent)) +
           report::wrapped(line.substr(indent), width, indent + deeper) + '\n';
  }
  print(out);
}

void print(const report::Table& table, std::size_t width_in_files) {
  report::TableOptions options;
  options.width = width_in_files;
  options.colour = report::use_colour(stdout);
  if (report::is_terminal(stdout)) options.width = report::terminal_width(stdout);
  print(table.text(options));
}

void print_document(const nlohmann::json& value) {
  print(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void warn(std::string_view text) {
  fmt::print(stderr, "strata: {}: {}\n",
             report::paint("warning", report::Style::yellow, report::use_colour(stderr)),
             report::printable(text));
}

void note(std::string_view text) {
  fmt::print(stderr, "strata: note: {}\n", report::printable(text));
}

void warn(std::span<const eval::Warning> warnings) {
  for (const eval::Warning& warning : warnings) warn(warning.text);
}

nlohmann::json describe(std::span<const eval::Warning> warnings) {
  auto list = nlohmann::json::array();
  for (const eval::Warning& warning : warnings) {
    list.push_back({{"kind", warning.kind}, {"text", warning.text}});
  }
  return list;
}

nlohmann::json describe(const ir::Value& value) {
  auto shape = nlohmann::json::array();
  for (const Dim& dim : value.type.shape) {
    if (const auto extent = dim.as_constant()) {
      shape.push_back(*extent);
    } else {
      shape.push_back(to_string(dim));
    }
  }
  return {{"name", value.name}, {"dtype", to_string(value.type.dtype)}, {"shape", shape}};
}

}  // namespace strata::cli
