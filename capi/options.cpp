#include "capi/options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "capi/status.hpp"
#include "strata/base/cpu.hpp"

namespace strata::capi {
namespace {

using runtime::SessionOptions;

std::int64_t number(std::string_view name, std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < 0 ||
      value > most) {
    fail(ErrorCode::usage, "option {}: '{}' given, a number from 0 to {} accepted", name, text,
         most);
  }
  return value;
}

/// Both sides of "A=B"; A may contain '=' itself.
std::pair<std::string, std::string> pair(std::string_view name, std::string_view text,
                                         std::string_view form) {
  const std::size_t at = text.rfind('=');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) {
    fail(ErrorCode::usage, "option {}: '{}' given, {} accepted", name, text, form);
  }
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

struct Setting {
  std::string_view name;
  void (*set)(SessionOptions& options, std::string_view name, std::string_view text);
};

constexpr Setting settings[] = {
    {"threads", [](SessionOptions& options, std::string_view name,
                   std::string_view text) { options.threads = int(number(name, text, 256)); }},
    {"memory_budget",
     [](SessionOptions& options, std::string_view name, std::string_view text) {
       options.memory_budget = std::size_t(number(name, text, INT64_MAX));
     }},
    {"loop_limit",
     [](SessionOptions& options, std::string_view name, std::string_view text) {
       options.loop_limit = number(name, text, INT64_MAX);
     }},
    {"optimize", [](SessionOptions& options, std::string_view name,
                    std::string_view text) { options.optimize = number(name, text, 1) != 0; }},
    {"off", [](SessionOptions& options, std::string_view,
               std::string_view text) { options.passes.off.emplace_back(text); }},
    {"kernel",
     [](SessionOptions& options, std::string_view name, std::string_view text) {
       auto [node, row] = pair(name, text, "NODE=ROW");
       options.target.pins.push_back({std::move(node), std::move(row)});
     }},
    {"isa", [](SessionOptions& options, std::string_view,
               std::string_view text) { options.target.isa = parse_isa(text); }},
    {"precision",
     [](SessionOptions& options, std::string_view, std::string_view text) {
       options.target.precision = runtime::parse_precision(text);
     }},
    {"dim",
     [](SessionOptions& options, std::string_view name, std::string_view text) {
       const auto [dim, size] = pair(name, text, "NAME=SIZE");
       options.target.typical.set(dim, number(name, size, INT64_MAX));
     }},
};

void apply(SessionOptions& options, std::string_view name, std::string_view text) {
  for (const Setting& setting : settings) {
    if (setting.name == name) return setting.set(options, name, text);
  }
  std::string accepted;
  for (const Setting& setting : settings) {
    accepted += (accepted.empty() ? "" : ", ") + std::string(setting.name);
  }
  fail(ErrorCode::usage, "there is no option '{}'; accepted are {}", name, accepted);
}

}  // namespace

SessionOptions session_options(const strata_option* options, std::size_t count) {
  SessionOptions resolved;
  if (count > 0) given(options, "options");
  for (std::size_t i = 0; i < count; ++i) {
    apply(resolved, &given(options[i].name, "an option's name"),
          &given(options[i].value, "an option's value"));
  }
  return resolved;
}

bool has_option(const strata_option* options, std::size_t count, std::string_view name) {
  return std::any_of(options, options + count,
                     [&](const strata_option& option) { return option.name == name; });
}

}  // namespace strata::capi
