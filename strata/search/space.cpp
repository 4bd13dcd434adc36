#include "strata/search/space.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::search {

Parameter categorical(std::string name, std::vector<std::string> choices,
                      std::uint32_t default_choice) {
  Parameter parameter{std::move(name), {}, default_choice};
  for (std::string& choice : choices) {
    const auto position = static_cast<std::int64_t>(parameter.choices.size());
    parameter.choices.push_back({std::move(choice), position});
  }
  return parameter;
}

Parameter integers(std::string name, const std::vector<std::int64_t>& values,
                   std::uint32_t default_choice) {
  Parameter parameter{std::move(name), {}, default_choice};
  for (const std::int64_t value : values) {
    parameter.choices.push_back({fmt::format("{}", value), value});
  }
  return parameter;
}

Parameter boolean(std::string name, bool default_value) {
  return {std::move(name), {{"off", 0}, {"on", 1}}, default_value ? 1u : 0u};
}

Space::Space(std::vector<Parameter> parameters) {
  for (Parameter& parameter : parameters) add(std::move(parameter));
}

void Space::add(Parameter parameter) {
  if (find(parameter.name)) {
    fail(ErrorCode::usage, "search space: parameter {} exists already", parameter.name);
  }
  if (parameter.default_choice >= parameter.choices.size()) {
    fail(ErrorCode::usage, "search space: parameter {}: default choice {} of {} choices",
         parameter.name, parameter.default_choice, parameter.choices.size());
  }
  for (auto choice = parameter.choices.begin(); choice != parameter.choices.end(); ++choice) {
    const bool repeated = std::any_of(parameter.choices.begin(), choice, [&](const Choice& other) {
      return other.name == choice->name;
    });
    if (repeated) {
      fail(ErrorCode::usage, "search space: parameter {}: choice {} is listed twice",
           parameter.name, choice->name);
    }
  }
  parameters_.push_back(std::move(parameter));
}

std::optional<std::size_t> Space::find(std::string_view name) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Space::count() const {
  std::uint64_t product = 1;
  for (const Parameter& parameter : parameters_) {
    if (__builtin_mul_overflow(product, parameter.choices.size(), &product)) return std::nullopt;
  }
  return product;
}

Point Space::defaults() const {
  Point point;
  for (const Parameter& parameter : parameters_) point.push_back(parameter.default_choice);
  return point;
}

bool Space::contains(const Point& point) const {
  if (point.size() != parameters_.size()) return false;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (point[i] >= parameters_[i].choices.size()) return false;
  }
  return true;
}

const Choice& Space::choice(const Point& point, std::string_view name) const {
  STRATA_ASSERT(contains(point));
  const std::optional<std::size_t> index = find(name);
  if (!index) fail(ErrorCode::usage, "search space: no parameter {}", name);
  return parameters_[*index].choices[point[*index]];
}

std::string Space::text(const Point& point) const {
  STRATA_ASSERT(contains(point));
  std::string text;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (i > 0) text += ' ';
    text += parameters_[i].name + '=' + parameters_[i].choices[point[i]].name;
  }
  return text;
}

std::string Space::differences(const Point& point, const Point& base) const {
  STRATA_ASSERT(contains(point) && contains(base));
  std::string text;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (point[i] == base[i]) continue;
    if (!text.empty()) text += ' ';
    text += parameters_[i].name + '=' + parameters_[i].choices[point[i]].name;
  }
  return text;
}

}  // namespace strata::search
