#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::report {

/// A figure with its 95 % interval, which may be missing.
struct Estimate {
  double value = 0;
  std::optional<double> low, high;
};

/// Read access to a JSON value that knows its path, so that every error names the field:
/// "optimize report: verdict.chosen: missing, expected an integer". All errors have code model.
class JsonView {
 public:
  JsonView(const nlohmann::json& json, std::string path) : json_(&json), path_(std::move(path)) {}

  /// A member; absent and null are the same.
  bool has(std::string_view key) const;
  JsonView object(std::string_view key) const;
  std::vector<JsonView> array(std::string_view key) const;
  std::string string(std::string_view key) const;
  double number(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  Estimate estimate(std::string_view key) const;

  /// The same for fields that may be absent.
  std::vector<JsonView> optional_array(std::string_view key) const;
  std::string optional_string(std::string_view key) const;
  std::optional<double> optional_number(std::string_view key) const;
  bool flag(std::string_view key) const;

  /// Strings of an array; empty when it is absent.
  std::vector<std::string> strings(std::string_view key) const;
  /// Names and values of an object; lists are joined by commas.
  std::vector<std::pair<std::string, std::string>> entries() const;

 private:
  JsonView member(std::string_view key, const char* expected) const;
  [[noreturn]] void wrong(const char* expected) const;

  const nlohmann::json* json_;
  std::string path_;
};

}  // namespace strata::report
