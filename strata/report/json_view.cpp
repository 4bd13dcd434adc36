#include "strata/report/json_view.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

using Json = nlohmann::json;

std::string scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool JsonView::has(std::string_view key) const {
  if (!json_->is_object()) return false;
  const auto found = json_->find(key);
  return found != json_->end() && !found->is_null();
}

void JsonView::wrong(const char* expected) const {
  fail(ErrorCode::model, "{}: is {}, expected {}", path_.empty() ? "document" : path_,
       shortened(printable(scalar_text(*json_)), 40), expected);
}

JsonView JsonView::member(std::string_view key, const char* expected) const {
  if (!json_->is_object()) wrong("an object");
  const std::string separator = path_.empty() ? "" : ".";
  std::string path = path_ + separator + std::string(key);
  if (!has(key)) fail(ErrorCode::model, "{}: missing, expected {}", path, expected);
  return JsonView(*json_->find(key), std::move(path));
}

JsonView JsonView::object(std::string_view key) const {
  JsonView view = member(key, "an object");
  if (!view.json_->is_object()) view.wrong("an object");
  return view;
}

std::vector<JsonView> JsonView::array(std::string_view key) const {
  const JsonView view = member(key, "an array");
  if (!view.json_->is_array()) view.wrong("an array");
  std::vector<JsonView> elements;
  for (const Json& element : *view.json_) {
    elements.emplace_back(element, fmt::format("{}[{}]", view.path_, elements.size()));
  }
  return elements;
}

std::string JsonView::string(std::string_view key) const {
  const JsonView view = member(key, "a string");
  if (!view.json_->is_string()) view.wrong("a string");
  return view.json_->get<std::string>();
}

double JsonView::number(std::string_view key) const {
  const JsonView view = member(key, "a number");
  if (!view.json_->is_number()) view.wrong("a number");
  return view.json_->get<double>();
}

std::int64_t JsonView::integer(std::string_view key) const {
  const JsonView view = member(key, "an integer");
  if (!view.json_->is_number_integer()) view.wrong("an integer");
  return view.json_->get<std::int64_t>();
}

Estimate JsonView::estimate(std::string_view key) const {
  const JsonView view = member(key, "a number or an object with value, low and high");
  if (view.json_->is_number()) return {view.json_->get<double>(), {}, {}};
  return {view.number("value"), view.optional_number("low"), view.optional_number("high")};
}

std::vector<JsonView> JsonView::optional_array(std::string_view key) const {
  return has(key) ? array(key) : std::vector<JsonView>{};
}

std::string JsonView::optional_string(std::string_view key) const {
  return has(key) ? string(key) : std::string();
}

std::optional<double> JsonView::optional_number(std::string_view key) const {
  return has(key) ? std::optional<double>(number(key)) : std::nullopt;
}

bool JsonView::flag(std::string_view key) const {
  if (!has(key)) return false;
  const JsonView view = member(key, "true or false");
  if (!view.json_->is_boolean()) view.wrong("true or false");
  return view.json_->get<bool>();
}

std::vector<std::string> JsonView::strings(std::string_view key) const {
  std::vector<std::string> texts;
  for (const JsonView& element : optional_array(key)) {
    if (!element.json_->is_string()) element.wrong("a string");
    texts.push_back(element.json_->get<std::string>());
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> JsonView::entries() const {
  if (!json_->is_object()) wrong("an object");
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto& [name, value] : json_->items()) {
    std::string text;
    if (value.is_array()) {
      for (const Json& element : value) text += (text.empty() ? "" : ", ") + scalar_text(element);
    } else if (!value.is_null()) {
      text = scalar_text(value);
    }
    entries.emplace_back(name, std::move(text));
  }
  return entries;
}

}  // namespace strata::report
