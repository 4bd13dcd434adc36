#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

#include "strata/ir/graph.hpp"
#include "strata/report/table.hpp"

namespace strata::cli {

/// Writes to stdout; throws io if that fails (a full disk, a closed pipe).
void print(std::string_view text);
/// As wide and as colourful as stdout allows.
void print(const report::Table& table);
/// One JSON value and a line break; names that are not UTF-8 are mended.
void print_document(const nlohmann::json& value);

/// {"name", "dtype", "shape"}: extents are numbers, or texts where they are symbolic.
nlohmann::json describe(const ir::Value& value);

}  // namespace strata::cli
