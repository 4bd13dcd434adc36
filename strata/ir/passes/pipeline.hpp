#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

struct PassOptions {
  std::vector<std::string> off;  ///< names of passes to skip; unknown names throw usage
  /// Work that constant folding may spend.
  std::int64_t fold_bytes = std::int64_t(256) << 20;
  std::int64_t fold_work = std::int64_t(1) << 30;  ///< multiply-accumulates and bytes written
  /// Runs the interpreter before and after each pass on seeded inputs and throws internal naming
  /// the first that changes results beyond rounding.
  bool check = false;
};

/// What one pass did, for logs and reports.
struct PassRecord {
  std::string_view name;
  double seconds = 0;
  std::size_t nodes_before = 0;
  std::size_t nodes_after = 0;
};

/// A function from graph to graph; rows of the list passes/passes.def, in pipeline order.
struct Pass {
  std::string_view name;
  std::string_view summary;
  void (*run)(Graph& graph, const PassOptions& options);
};
std::span<const Pass* const> all_passes();

/// These passes in order, unless switched off; after each the graph is compacted, sorted, inferred
/// and verified. Throws internal with "after pass NAME" where that fails.
std::vector<PassRecord> run_passes(Graph& graph, std::span<const Pass* const> passes,
                                   const PassOptions& options = {});

/// The pipeline: every pass in order unless switched off, verified after each.
std::vector<PassRecord> optimize(Graph& graph, const PassOptions& options = {});

}  // namespace strata::ir
