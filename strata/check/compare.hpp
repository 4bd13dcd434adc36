#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "strata/check/difference.hpp"
#include "strata/check/execution.hpp"

namespace strata::check {

/// What one of the user's nodes gives on both sides.
struct Layer {
  std::string node;     ///< the user's name
  ir::Sources sources;  ///< all that B computes in this step, the node among them
  std::string op;       ///< as side B runs it
  std::string kernel_a, kernel_b;
  Difference total;      ///< with all that came before: both sides run on their own
  Difference local;      ///< where B gets what A computed up to here: this node's own
  double tolerance = 0;  ///< what rounding explains of `local.max_abs`, in the worst run
  bool diverges = false;

  /// Adds a local difference, of which this much is explained; whether that is all of it.
  bool judge(const Difference& difference, double allowed);
};

struct OutputDifference {
  std::string name;
  Difference difference;
  TopAgreement top;
};

/// Ordered: the last that holds of any result is that of all.
enum class Agreement {
  agree,
  undecided,  ///< rounding could explain all of an output, so that it explains nothing
  differ
};

/// How B differs from A, over all runs.
struct Comparison {
  std::vector<OutputDifference> outputs;
  std::vector<Layer> layers;  ///< matched by provenance, in the order in which B runs them
  std::size_t unmatched = 0;  ///< results of B that stand for nothing in A
  std::size_t runs = 0;
  /// Whether no layer and no output differs by more than rounding explains.
  Agreement agreement = Agreement::agree;

  bool agree() const { return agreement == Agreement::agree; }
  void note(Agreement of) { agreement = std::max(agreement, of); }
  /// Takes an output of a run into account, of whose difference so much is explained by what no
  /// matched result answers for.
  void judge_output(const Difference& difference, double allowed);

  /// The first layer that is beyond rounding; null if there is none.
  const Layer* first() const;
};

/// Inputs as graph `to` lists them, from those that `from` lists: by name, else by position.
/// Throws usage where the two take different things.
std::vector<Tensor> reordered_inputs(const ir::Graph& from, const ir::Graph& to,
                                     std::span<const Tensor> inputs);

struct CompareOptions {
  std::size_t top = 5;
};

/// Runs A, B, and B on what A computed layer by layer, for each set of inputs (as A's graph lists
/// them; B's are found by name, else by position). Throws usage where the sides take or give
/// different things.
Comparison compare(const Side& a, const Side& b, std::span<const std::vector<Tensor>> inputs,
                   const CompareOptions& options = {});

}  // namespace strata::check
