#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace strata::data {

/// The lines of a csv, empty ones left out; quotes as in RFC 4180, within a line. The text must
/// outlive the reader.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text);

  /// Goes on to the next line; false at the end. Throws model for quotes without end.
  bool next();
  const std::vector<std::string>& fields() const { return fields_; }
  std::size_t number() const { return number_; }
  /// Throws model unless the line has as many fields as the first.
  void expect_as_many_as_header() const;

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
  std::size_t header_ = 0;
  std::vector<std::string> fields_;
};

}  // namespace strata::data
