#include "tools/cli/explain.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/report/text.hpp"

namespace strata::cli {
namespace {

using runtime::Rejection;
using runtime::Step;

std::string step_text(const Step& step) {
  std::string text =
      fmt::format("  {}\n    {}: taken\n", report::printable(step.name), step.row->name);
  for (const Rejection& rejection : step.rejections) {
    text += fmt::format("    {}: {}\n", rejection.row, rejection.reason);
  }
  return text;
}

/// A kernel's name without its instruction set, and that.
std::pair<std::string_view, std::string_view> split_isa(std::string_view row) {
  constexpr std::string_view sets[] = {"_avx512_bf16", "_avx512_vnni", "_avx512",
                                       "_avx2",        "_baseline",    "_neon"};
  for (const std::string_view isa : sets) {
    if (row.ends_with(isa)) {
      return {row.substr(0, row.size() - isa.size()), row.substr(row.size() - isa.size() + 1)};
    }
  }
  return {row, ""};
}

/// Texts under a key, keys in the order in which they came.
class Lists {
 public:
  std::vector<std::string_view>& of(std::string_view key) {
    const auto found = std::ranges::find(lists_, key, &List::first);
    return found != lists_.end() ? found->second : lists_.emplace_back(key, Texts()).second;
  }
  auto begin() const { return lists_.begin(); }
  auto end() const { return lists_.end(); }

 private:
  using Texts = std::vector<std::string_view>;
  using List = std::pair<std::string_view, Texts>;
  std::vector<List> lists_;
};

/// "conv_f32_im2col_{avx2,avx512}, reference".
std::string rows_text(const std::vector<std::string_view>& rows) {
  Lists by_name;
  for (const std::string_view row : rows) {
    const auto [name, isa] = split_isa(row);
    by_name.of(name).push_back(isa);
  }
  std::string text;
  for (const auto& [name, sets] : by_name) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
    if (sets.size() > 1) {
      text += fmt::format("_{{{}}}", fmt::join(sets, ","));
    } else if (!sets[0].empty()) {
      text += fmt::format("_{}", sets[0]);
    }
  }
  return text;
}

/// Which kernel it is, and a line for each reason why it is none of the others.
std::string decision_text(const Step& step) {
  Lists by_reason;
  std::vector<std::string_view> slower;
  for (const Rejection& rejection : step.rejections) {
    (rejection.slower ? slower : by_reason.of(rejection.reason)).push_back(rejection.row);
  }
  std::string text = fmt::format("    {}: taken\n", step.row->name);
  if (!slower.empty()) text += fmt::format("    could run too: {}\n", rows_text(slower));
  for (const auto& [reason, rows] : by_reason) {
    text += fmt::format("    {}: {}\n", reason, rows_text(rows));
  }
  return text;
}

}  // namespace

std::string kernels_text(std::span<const runtime::Program* const> programs, bool each) {
  std::string text = "\nkernels\n";
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;  // decision, steps
  for (const runtime::Program* program : programs) {
    for (const Step& step : program->steps()) {
      if (each) {
        text += step_text(step);
        continue;
      }
      std::string decision = decision_text(step);
      auto group = std::ranges::find(groups, decision, &decltype(groups)::value_type::first);
      if (group == groups.end()) {
        group = groups.insert(group, {std::move(decision), {}});
      }
      group->second.push_back(report::printable(step.name));
    }
  }
  for (const auto& [decision, steps] : groups) {
    const std::string count = steps.size() > 1 ? fmt::format("{} steps: ", steps.size()) : "";
    text += fmt::format("  {}{}\n{}", count, fmt::join(steps, ", "), decision);
  }
  if (!each && !groups.empty()) {
    text += "--explain-each shows every step, with the modelled time of what could run it\n";
  }
  return text;
}

}  // namespace strata::cli
