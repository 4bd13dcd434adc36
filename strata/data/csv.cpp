#include "strata/data/csv.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

std::vector<std::string> split_fields(std::string_view line, std::size_t number) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) fail(ErrorCode::model, "line {}: quotes without end", number);
  return fields;
}

}  // namespace

CsvReader::CsvReader(std::string_view text) : rest_(text) {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // a byte order mark
}

bool CsvReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    fields_ = split_fields(line, number_);
    if (header_ == 0) header_ = fields_.size();
    return true;
  }
  return false;
}

void CsvReader::expect_as_many_as_header() const {
  if (fields_.size() != header_) {
    fail(ErrorCode::model, "line {}: {} fields, the header has {}", number_, fields_.size(),
         header_);
  }
}

}  // namespace strata::data
