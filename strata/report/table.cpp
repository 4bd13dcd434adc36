#include "strata/report/table.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

constexpr std::size_t gap = 2;

/// "105,658", "−0.15", "38.2 µs", "90.94 %": a digit first and at most one word of unit after.
bool is_number(std::string_view text) {
  for (const std::string_view sign : {"−", "-", "+"}) {
    if (text.starts_with(sign)) {
      text.remove_prefix(sign.size());
      break;
    }
  }
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const std::size_t end = std::min(text.find_first_not_of("0123456789.,:"), text.size());
  const std::string_view rest = text.substr(end);
  return rest.empty() || rest == "%" || rest == "x" || rest == "×" ||
         (rest[0] == ' ' && display_width(rest) <= 5);
}

std::string rule(std::size_t width) {
  std::string line;
  for (std::size_t i = 0; i < width; ++i) line += "─";
  return line;
}

std::string padded(const std::string& text, std::size_t width, bool right, Style style,
                   bool colour) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  const std::string painted = paint(text, style, colour);
  return right ? blanks + painted : painted + blanks;
}

void append_line(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (Column& column : columns_) {
    column.header = printable(column.header);
    if (!column.unit.empty()) column.header += " [" + printable(column.unit) + "]";
  }
}

void Table::add_row(std::vector<Cell> cells) {
  STRATA_ASSERT(cells.size() <= columns_.size());
  cells.resize(columns_.size(), Cell(""));
  for (Cell& cell : cells) cell.text = printable(cell.text);
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rules_.push_back(rows_.size()); }

bool Table::is_right(std::size_t column) const {
  if (columns_[column].align != Align::automatic) return columns_[column].align == Align::right;
  bool any = false;
  for (const std::vector<Cell>& row : rows_) {
    const std::string& text = row[column].text;
    if (text.empty() || text == "–" || text == "-") continue;
    if (!is_number(text)) return false;
    any = true;
  }
  return any;
}

std::vector<std::size_t> Table::fitted_widths(const TableOptions& options) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].header);
    for (const std::vector<Cell>& row : rows_) {
      width = std::max(width, display_width(row[i].text));
    }
    widths.push_back(width);
  }
  if (options.width == 0 || columns_.empty()) return widths;
  std::size_t total =
      std::accumulate(widths.begin(), widths.end(), options.indent) + gap * (columns_.size() - 1);
  // Always the widest that may shrink, so that the loss is spread.
  while (total > options.width) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].shrink || widths[i] <= columns_[i].least) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::vector<std::string> Table::lines_of(const Cell& cell, std::size_t column,
                                         std::size_t width) const {
  const bool fits = display_width(cell.text) <= width;
  if (fits || !columns_[column].wrap) return {shortened(cell.text, width)};
  std::vector<std::string> lines;
  std::istringstream text(wrapped(cell.text, width, 0));
  for (std::string line; std::getline(text, line);) lines.push_back(shortened(line, width));
  return lines;
}

std::string Table::text(const TableOptions& options) const {
  const std::vector<std::size_t> widths = fitted_widths(options);
  const std::string indent(options.indent, ' ');
  const std::string separator(gap, ' ');
  std::string header = indent, line = indent;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string name = shortened(columns_[i].header, widths[i]);
    header +=
        (i ? separator : "") + padded(name, widths[i], is_right(i), Style::bold, options.colour);
    line += (i ? separator : "") + paint(rule(widths[i]), Style::dim, options.colour);
  }
  std::string out;
  append_line(out, header);
  append_line(out, line);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (std::count(rules_.begin(), rules_.end(), r) > 0) append_line(out, line);
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      cells.push_back(lines_of(rows_[r][i], i, widths[i]));
      height = std::max(height, cells[i].size());
    }
    for (std::size_t at = 0; at < height; ++at) {
      std::string row = indent;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string text = at < cells[i].size() ? cells[i][at] : "";
        row += (i ? separator : "") +
               padded(text, widths[i], is_right(i), rows_[r][i].style, options.colour);
      }
      append_line(out, row);
    }
  }
  return out;
}

}  // namespace strata::report
