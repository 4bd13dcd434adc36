#pragma once

#include <string>
#include <vector>

#include "strata/runtime/program.hpp"

namespace strata::tune {

/// A row that could run a node, and what the cost model expects of it.
struct RowOption {
  std::string row;
  double seconds = 0;   ///< modelled, on one core
  double measured = 0;  ///< seconds within the whole plan, reorders around it included; 0: not
};

/// The rows to try for one node of a program.
struct NodeRows {
  std::string node;                ///< as a pin names it
  std::string chosen;              ///< by the program
  std::vector<RowOption> options;  ///< the chosen one among them; fastest by the model first

  /// The fastest of the others that were measured; null if none was.
  const RowOption* fastest() const;
  /// By how many seconds that one beats the chosen row.
  double gain() const;
};

/// Leaves, of nodes that were measured, the rows that took at most this share of the chosen one's
/// time; most to gain first.
std::vector<NodeRows> worth_trying(std::vector<NodeRows> nodes, double share = 0.95);

struct RowOptions {
  /// Rows whose modelled time exceeds that of the best this many times are not worth a measurement.
  double most_slower = 3;
};

/// Every node of the program that more than one row is worth trying for.
std::vector<NodeRows> rows_to_try(const runtime::Program& program, const RowOptions& options = {});

}  // namespace strata::tune
