#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/study/model_evaluator.hpp"

namespace strata::study {

/// A row that does not run a node, and why.
struct OtherRow {
  std::string row;
  std::string reason;
};

/// One step of a program: what runs, how long, and what else could have.
struct LayerInfo {
  std::string name;
  std::string op;
  std::vector<std::string> sources;  ///< the user's nodes
  std::string output;                ///< shape, "1x64x25x5"
  std::string encoding;              ///< of its weights; empty: none
  std::string row;
  double seconds = 0;  ///< median of one run
  /// Of a layer on integers: the same in the model as given, 0 where not known. Both with the
  /// reorders around it, so that `seconds` of such a layer counts them too.
  double float_seconds = 0;
  bool integers_lose = false;  ///< floats would save more of the whole than the tolerance
  std::int64_t macs = 0;
  std::int64_t weight_bytes = 0;  ///< of all its constants, as stored in the file
  std::vector<OtherRow> others;
};

/// The steps of the chosen version in the order they run, timed here for at most these seconds
/// (one run at least). What the search measured of other kernels is quoted from its candidates.
std::vector<LayerInfo> describe_layers(ModelEvaluator& evaluator, const SearchResult& result,
                                       double seconds);

}  // namespace strata::study
