#include "strata/study/execution_choices.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/passes/execution.hpp"

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

std::string describe(const SavedChoices& choices, std::size_t most_kernels) {
  std::vector<std::string> parts;
  if (choices.threads != 1) parts.push_back(fmt::format("{} threads", choices.threads));
  if (choices.precision != kernels::Precision::f32) {
    parts.push_back(fmt::format("precision {}", to_string(choices.precision)));
  }
  for (const std::string& pass : choices.off) parts.push_back("without pass " + pass);
  if (choices.pins.size() > most_kernels) {
    parts.push_back(fmt::format("{} kernels pinned", choices.pins.size()));
  } else {
    for (const runtime::Pin& pin : choices.pins) {
      parts.push_back(fmt::format("{} by {}", pin.node, pin.row));
    }
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::optional<eval::Warning> unsaid_warning(const SavedChoices& choices, formats::Format format) {
  if (format == formats::Format::onnx || format == formats::Format::container || !choices.any()) {
    return std::nullopt;
  }
  constexpr std::size_t worth_naming = 2;
  return eval::Warning{
      "unsaid_choices",
      fmt::format("the model is best run with {}, which such a file cannot say, and its latency "
                  "is that of these: give them when it runs (--threads, --precision, --off, "
                  "--kernel), or write *{} or *{}, which say it",
                  describe(choices, worth_naming), formats::onnx_suffix,
                  formats::container_suffix)};
}

}  // namespace strata::study
