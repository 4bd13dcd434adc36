#pragma once

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>

#include "strata/eval/warnings.hpp"
#include "strata/ir/graph.hpp"
#include "strata/report/table.hpp"

namespace strata::cli {

/// Writes to stdout; throws io if that fails (a full disk, a closed pipe).
void print(std::string_view text);
/// The same, each line broken at blanks where it is wider than the terminal (80 columns where there
/// is none), the rest of it a little deeper.
void print_wrapped(std::string_view text);
/// As wide and as colourful as stdout allows; `width_in_files`: where it is no terminal, 0 for as
/// wide as it gets.
void print(const report::Table& table, std::size_t width_in_files = 0);
/// One JSON value and a line break; names that are not UTF-8 are mended.
void print_document(const nlohmann::json& value);

/// On stderr: what makes figures doubtful though nothing failed.
void warn(std::string_view text);
void warn(std::span<const eval::Warning> warnings);
/// On stderr: what is good to know of what was done.
void note(std::string_view text);
/// [{"kind", "text"}, ...]
nlohmann::json describe(std::span<const eval::Warning> warnings);

/// {"name", "dtype", "shape"}: extents are numbers, or texts where they are symbolic.
nlohmann::json describe(const ir::Value& value);

}  // namespace strata::cli
