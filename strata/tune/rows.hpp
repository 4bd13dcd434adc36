#pragma once

#include <string>
#include <vector>

#include "strata/runtime/program.hpp"

namespace strata::tune {

/// A row that could run a node, and what the cost model expects of it.
struct RowOption {
  std::string row;
  double seconds = 0;  ///< modelled, on one core
};

/// The rows to try for one node of a program.
struct NodeRows {
  std::string node;                ///< as a pin names it
  std::string chosen;              ///< by the program
  std::vector<RowOption> options;  ///< the chosen one among them; fastest by the model first
};

struct RowOptions {
  /// Rows whose modelled time exceeds that of the best this many times are not worth a measurement.
  double most_slower = 3;
};

/// Every node of the program that more than one row is worth trying for.
std::vector<NodeRows> rows_to_try(const runtime::Program& program, const RowOptions& options = {});

}  // namespace strata::tune
