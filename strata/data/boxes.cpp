#include "strata/data/boxes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/csv.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/truth_path.hpp"

namespace strata::data {
namespace {

enum Column { item_at, class_at, left_at, top_at, right_at, bottom_at, crowd_at, columns };

constexpr std::array<std::string_view, columns> column_names{"item",  "class",  "left", "top",
                                                             "right", "bottom", "crowd"};

/// Where each column stands; crowd may be absent.
std::array<std::size_t, columns> find_columns(const CsvReader& header) {
  std::array<std::size_t, columns> at{};
  for (std::size_t i = 0; i < columns; ++i) {
    const auto found = std::ranges::find(header.fields(), column_names[i]);
    at[i] = std::size_t(found - header.fields().begin());
    if (found == header.fields().end() && i != crowd_at) {
      fail(ErrorCode::model,
           "line {}: no column '{}'; item, class, left, top, right and bottom expected, and crowd "
           "where there are crowds",
           header.number(), column_names[i]);
    }
  }
  return at;
}

double number(const std::string& field, std::size_t line) {
  double value = 0;
  const auto result = std::from_chars(field.data(), field.data() + field.size(), value);
  if (result.ec != std::errc() || result.ptr != field.data() + field.size() ||
      !std::isfinite(value)) {
    fail(ErrorCode::model, "line {}: '{}', a finite number expected", line, field);
  }
  return value;
}

}  // namespace

double overlap(const Box& a, const Box& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0) || !(height > 0)) return 0;
  return width * height / (a.area() + b.area() - width * height);
}

BoxTable BoxTable::parse(std::string_view csv) {
  BoxTable table;
  CsvReader lines(csv);
  if (!lines.next()) fail(ErrorCode::model, "no header line");
  const auto at = find_columns(lines);
  while (lines.next()) {
    lines.expect_as_many_as_header();
    const auto field = [&](Column column) { return lines.fields()[at[column]]; };
    const auto coordinate = [&](Column column) { return number(field(column), lines.number()); };
    TrueBox thing;
    thing.box = {coordinate(left_at), coordinate(top_at), coordinate(right_at),
                 coordinate(bottom_at)};
    if (!(thing.box.right > thing.box.left) || !(thing.box.bottom > thing.box.top)) {
      fail(ErrorCode::model, "line {}: a box from ({}, {}) to ({}, {}) has no area", lines.number(),
           thing.box.left, thing.box.top, thing.box.right, thing.box.bottom);
    }
    const double label = coordinate(class_at);
    if (label != std::floor(label) || label < 0 || label > 1e9) {
      fail(ErrorCode::model, "line {}: class '{}', a whole number expected", lines.number(),
           field(class_at));
    }
    thing.label = std::int32_t(label);
    thing.crowd = at[crowd_at] < lines.fields().size() && coordinate(crowd_at) != 0;
    table.boxes_[field(item_at)].push_back(thing);
  }
  return table;
}

BoxTable BoxTable::open(const Dataset& dataset, const std::filesystem::path& given) {
  const auto path = truth_path(given, dataset.truth(), dataset.truth().boxes);
  if (path.empty()) {
    fail(ErrorCode::usage,
         "no boxes: give them as --truth, or as [labels] boxes in the sidecar of the data");
  }
  constexpr std::size_t most_bytes = std::size_t(1) << 30;
  return with_context([&] { return "boxes " + path.string(); },
                      [&] { return parse(read_file(path, most_bytes)); });
}

std::span<const TrueBox> BoxTable::of(const Dataset& dataset, std::int64_t item) const {
  const std::string name = dataset.item_name(item);
  for (const std::string& key : {name, name.substr(name.rfind('/') + 1), std::to_string(item)}) {
    const auto found = boxes_.find(key);
    if (found != boxes_.end()) return found->second;
  }
  return {};
}

}  // namespace strata::data
