#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "strata/eval/runner.hpp"
#include "strata/tune/rows.hpp"

namespace strata::study {

struct NodeTimesOptions {
  double seconds = 0.2;  ///< of all runners together
  int least_runs = 3;
  int most_runs = 51;
};

/// Median seconds of each node within its plan, by the name of its step, with the reorders of what
/// it reads and writes: a list for each runner. They take turns, so that what slows the machine
/// down for a while slows all of them.
using NodeTimes = std::map<std::string, double>;
std::vector<NodeTimes> node_times(std::span<eval::Runner* const> runners,
                                  const NodeTimesOptions& options = {},
                                  const std::function<bool()>& stopped = {});

/// Makes a program run whose nodes are pinned to these rows.
using MakePinned =
    std::function<std::unique_ptr<eval::Runner>(const std::map<std::string, std::string>& pins)>;

/// Measures the options of the nodes within the whole plan, many nodes in each trial, but never two
/// neighbours in the order of the plan: their reorders would mix. Ends early if stopped: what was
/// not measured by then says so. A trial that cannot run measures nothing.
std::vector<tune::NodeRows> timed_rows(std::vector<tune::NodeRows> nodes, const MakePinned& make,
                                       const NodeTimesOptions& options = {},
                                       const std::function<bool()>& stopped = {});

}  // namespace strata::study
