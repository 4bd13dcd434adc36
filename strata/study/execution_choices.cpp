#include "strata/study/execution_choices.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/passes/execution.hpp"
#include "strata/report/shell.hpp"

namespace strata::study {
namespace {

using runtime::SavedChoices;

/// A row of the list.
struct Room {
  ExecutionChoice (*choice)(const ExecutionLimits& limits);
  void (*apply)(const std::string& value, SavedChoices& choices);
};

constexpr Room precision{[](const ExecutionLimits& limits) {
                           ExecutionChoice choice{"precision", {"f32"}};
                           if (has_isa(limits.isa, Isa::avx512_bf16))
                             choice.values.push_back("bf16");
                           return choice;
                         },
                         [](const std::string& value, SavedChoices& choices) {
                           choices.precision = runtime::parse_precision(value);
                         }};

constexpr Room threads{
    [](const ExecutionLimits& limits) {
      ExecutionChoice choice{"threads", {"1"}};
      for (int count = 2; count < limits.most_threads; count *= 2) {
        choice.values.push_back(std::to_string(count));
      }
      if (limits.most_threads > 1) {
        choice.values.push_back(std::to_string(limits.most_threads));
      }
      return choice;
    },
    [](const std::string& value, SavedChoices& choices) { choices.threads = std::stoi(value); }};

constexpr Room rooms[] = {precision, threads};

/// What `--off` takes beside passes that say what a graph is.
std::vector<std::string> switches() {
  std::vector<std::string> names{std::string(runtime::blocks_switch)};
  for (const ir::Pass* pass : ir::execution_passes()) names.emplace_back(pass->name);
  return names;
}

}  // namespace

std::vector<ExecutionChoice> execution_choices(const ExecutionLimits& limits) {
  std::vector<ExecutionChoice> choices;
  for (const std::string& name : switches()) choices.push_back({name, {"on", "off"}});
  for (const Room& room : rooms) choices.push_back(room.choice(limits));
  std::erase_if(choices, [](const ExecutionChoice& choice) { return choice.values.size() < 2; });
  return choices;
}

SavedChoices saved_choices(const Configuration& configuration) {
  SavedChoices saved;
  for (const auto& [name, value] : configuration.execution) {
    const auto room =
        std::ranges::find(rooms, name, [](const Room& row) { return row.choice({}).name; });
    if (room != std::end(rooms)) {
      room->apply(value, saved);
    } else if (std::ranges::count(switches(), name) > 0) {
      if (value == "off") saved.off.push_back(name);
    } else {
      fail(ErrorCode::usage, "nothing about how a version runs is called '{}'", name);
    }
  }
  for (const auto& [node, row] : configuration.kernels) saved.pins.push_back({node, row});
  return saved;
}

std::string describe(const SavedChoices& choices) {
  std::vector<std::string> parts;
  if (choices.threads != 1) parts.push_back(fmt::format("{} threads", choices.threads));
  if (choices.precision != kernels::Precision::f32) {
    parts.push_back(fmt::format("precision {}", to_string(choices.precision)));
  }
  for (const std::string& pass : choices.off) parts.push_back("without pass " + pass);
  for (const runtime::Pin& pin : choices.pins) {
    parts.push_back(fmt::format("{} by {}", pin.node, pin.row));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string as_options(const SavedChoices& choices) {
  std::vector<std::string> words;
  const auto option = [&](const char* name, std::string_view value) {
    words.push_back(fmt::format("{} {}", name, report::shell_quoted(value)));
  };
  if (choices.threads != 1) option("--threads", std::to_string(choices.threads));
  if (choices.precision != kernels::Precision::f32) {
    option("--precision", to_string(choices.precision));
  }
  for (const std::string& pass : choices.off) option("--off", pass);
  for (const runtime::Pin& pin : choices.pins) option("--kernel", pin.node + "=" + pin.row);
  return fmt::format("{}", fmt::join(words, " "));
}

std::optional<eval::Warning> unsaid_warning(const SavedChoices& choices, formats::Format format) {
  if (format == formats::Format::onnx || format == formats::Format::container || !choices.any()) {
    return std::nullopt;
  }
  return eval::Warning{
      "unsaid_choices",
      fmt::format("the model is best run with choices that such a file cannot say: give it {} when "
                  "it runs, or write *{} or *{}, which say them",
                  as_options(choices), formats::onnx_suffix, formats::container_suffix)};
}

}  // namespace strata::study
