#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/study/choice.hpp"
#include "strata/study/execution_choices.hpp"

namespace strata::study {

/// What may be varied.
struct SearchSpace {
  struct Layer {
    std::string name;
    std::string encoding;  ///< that its weights have in the user's model
  };
  std::vector<Layer> layers;
  std::vector<std::string> encodings;  ///< that a layer may get
  std::vector<ExecutionChoice> execution;
};

enum class Ended { complete, time, interrupted };

struct SearchOptions {
  Limits limits;
  std::optional<double> time_s;  ///< for all of it, confirming the outcome included
  /// "staged": uniform encodings, then greedy by sensitivity, then execution, then kernels.
  /// "exhaustive": every combination. "auto": the latter where the time suffices.
  std::string strategy = "auto";
  std::function<bool()> interrupted;  ///< asked all the time; empty: never
  std::function<double()> clock;      ///< seconds since whenever; empty: wall time
};

/// What the search expects to do, known once the default was measured.
struct SearchEstimate {
  std::uint64_t candidates = 0;  ///< at most
  double seconds = 0;            ///< without regard to the time limit
  std::string strategy;
};

/// What a caller may want to show.
struct SearchObserver {
  /// Before something that takes a while, in words: "timing kernels".
  std::function<void(std::string_view)> stage;
  std::function<void(const SearchEstimate&)> planned;
  /// After each measurement; `on_front`: nothing measured so far dominates it.
  std::function<void(const Candidate&, bool on_front)> measured;
  /// Before a version that may be chosen is measured again.
  std::function<void(const Candidate&)> confirming;
};

struct SearchResult {
  /// The first is the default; none if it was interrupted before that was measured.
  std::vector<Candidate> candidates;
  std::vector<int> front;  ///< ids, most accurate first
  int chosen = 0;          ///< id; the default's if nothing is better
  std::string reason;
  std::string strategy;
  Ended ended = Ended::complete;
  double elapsed_s = 0;
};

/// Looks for the best version within the limits, see docs/optimize.md. Whatever ends it, the
/// result stands on what was measured until then, and a version is chosen only if it was confirmed.
/// Throws the failure of the default configuration, and unsupported if no version fits the memory.
SearchResult search_versions(const SearchSpace& space, Evaluator& evaluator,
                             const SearchOptions& options, const SearchObserver& observer = {});

}  // namespace strata::study
