#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conformance/case.hpp"

namespace strata::conformance {

struct Result {
  Case example;
  std::string wrong;  ///< empty: it passed
};

/// One collection of cases and how they went; those out of scope have no result.
struct SetResults {
  std::string name;
  std::vector<Result> results;
  std::map<std::string, int> out_of_scope;  ///< cases by reason
};

/// Why a case is expected to fail; empty: it is not.
std::string_view known_reason(std::string_view name);

/// Cases by group, as "node 1603 of 1620"; small types count as a group of their own.
struct Count {
  int passed = 0, all = 0;
};
std::map<std::string, Count> count_groups(const SetResults& set);

/// docs/conformance.md: counts, what failed and why, and a table of all ops.
/// `versions`: the opsets that define each op, as ONNX has them; may be empty.
std::string document(const std::vector<SetResults>& sets,
                     const std::map<std::string, std::vector<std::int64_t>>& versions);

}  // namespace strata::conformance
