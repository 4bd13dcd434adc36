#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "strata/report/terminal.hpp"

namespace strata::report {

enum class Align { automatic, left, right };

struct Column {
  std::string header;
  std::string unit;                ///< shown as "time [µs]"; empty: none
  Align align = Align::automatic;  ///< automatic: right when every filled cell is a number
  bool shrink = false;             ///< gives way when the table is wider than the terminal,
  std::size_t least = 8;           ///< down to so many columns,
  bool wrap = false;               ///< by further lines, not by leaving out the middle
};

struct Cell {
  Cell(std::string content, Style content_style = Style::plain)
      : text(std::move(content)), style(content_style) {}
  Cell(const char* content) : text(content) {}

  std::string text;
  Style style = Style::plain;
};

struct TableOptions {
  bool colour = false;
  std::size_t width = 0;  ///< columns to fit into by shortening; 0: unlimited
  std::size_t indent = 0;
};

/// A text table for terminals: a header, a rule, rows. Texts are made printable.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// Missing cells at the end stay empty; too many are a programming mistake.
  void add_row(std::vector<Cell> cells);
  /// A rule before the next row, as above a line of totals.
  void add_rule();

  std::size_t size() const { return rows_.size(); }
  /// The table with a line break after each line and no blanks at the ends of lines.
  std::string text(const TableOptions& options = {}) const;

 private:
  std::vector<std::size_t> fitted_widths(const TableOptions& options) const;
  bool is_right(std::size_t column) const;
  std::vector<std::string> lines_of(const Cell& cell, std::size_t column, std::size_t width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> rules_;  // rows that have a rule above
};

}  // namespace strata::report
