#include "strata/study/node_times.hpp"

#include <algorithm>
#include <chrono>

#include "strata/base/error.hpp"
#include "strata/tune/timing.hpp"

namespace strata::study {
namespace {

/// Rows beyond the most promising ones are hardly ever the fastest, and each costs two trials.
constexpr std::size_t most_options = 6;

/// Seconds of the steps to seconds of nodes: reorders belong to the nodes on either side.
NodeTimes by_node(const runtime::Program& program, std::span<const double> seconds) {
  std::map<int, double> into, from;  // reorders by the buffer they write and the one they read
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    const runtime::Step& step = program.steps()[i];
    if (step.node != ir::no_node) continue;
    for (const int buffer : step.in) from[buffer] += seconds[i];
    for (const int buffer : step.out) into[buffer] += seconds[i];
  }
  NodeTimes times;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    const runtime::Step& step = program.steps()[i];
    if (step.node == ir::no_node) continue;
    double& time = times[step.name];
    time += seconds[i];
    for (const int buffer : step.in) time += into.contains(buffer) ? into[buffer] : 0;
    for (const int buffer : step.out) time += from.contains(buffer) ? from[buffer] : 0;
  }
  return times;
}

double& measured(tune::NodeRows& node, const std::string& row) {
  return std::ranges::find(node.options, row, &tune::RowOption::row)->measured;
}

/// Rows of a node other than the chosen one, most promising first.
std::vector<std::string> others(const tune::NodeRows& node) {
  std::vector<std::string> rows;
  for (const tune::RowOption& option : node.options) {
    if (option.row != node.chosen && rows.size() < most_options) rows.push_back(option.row);
  }
  return rows;
}

/// One option for every second node; its times, and those of the chosen rows beside them.
void run_trial(std::vector<tune::NodeRows>& nodes, std::size_t first, std::size_t number,
               eval::Runner& free, const MakePinned& make, const NodeTimesOptions& options,
               const std::function<bool()>& stopped) {
  std::map<std::string, std::string> pins;
  for (std::size_t i = first; i < nodes.size(); i += 2) {
    const auto rows = others(nodes[i]);
    if (number < rows.size()) pins[nodes[i].node] = rows[number];
  }
  if (pins.empty()) return;
  std::unique_ptr<eval::Runner> pinned;
  try {
    pinned = make(pins);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return;  // rows that refuse each other's sizes
  }
  eval::Runner* const runners[] = {&free, pinned.get()};
  const auto times = node_times(runners, options, stopped);
  for (tune::NodeRows& node : nodes) {
    const auto pin = pins.find(node.node);
    if (pin == pins.end() || !times[0].contains(node.node) || !times[1].contains(node.node)) {
      continue;
    }
    double& own = measured(node, node.chosen);
    const double before = times[0].at(node.node);
    // Against the same run of the chosen row; the trials' levels differ.
    const double scale = own == 0 ? 1 : own / std::max(before, 1e-12);
    if (own == 0) own = before;
    measured(node, pin->second) = times[1].at(node.node) * scale;
  }
}

}  // namespace

std::vector<NodeTimes> node_times(std::span<eval::Runner* const> runners,
                                  const NodeTimesOptions& options,
                                  const std::function<bool()>& stopped) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<std::vector<double>>> samples(runners.size());  // (runner, step, run)
  std::vector<runtime::RunTrace> traces(runners.size());
  for (std::size_t i = 0; i < runners.size(); ++i) {
    samples[i].resize(runners[i]->binding().steps().size());
    runners[i]->run();
  }
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  for (int run = 0; run < options.most_runs; ++run) {
    if (run >= options.least_runs && Clock::now() > end) break;
    if (run > 0 && stopped && stopped()) break;
    for (std::size_t turn = 0; turn < runners.size(); ++turn) {
      const std::size_t i = (turn + std::size_t(run)) % runners.size();
      runners[i]->run();  // finds its own data in the caches
      runners[i]->run_traced(traces[i]);
      for (std::size_t step = 0; step < samples[i].size(); ++step) {
        samples[i][step].push_back(traces[i].steps[step].seconds());
      }
    }
  }
  std::vector<NodeTimes> times;
  for (std::size_t i = 0; i < runners.size(); ++i) {
    std::vector<double> medians;
    for (const auto& sample : samples[i]) medians.push_back(tune::summarize(sample).median);
    times.push_back(by_node(runners[i]->binding().program(), medians));
  }
  return times;
}

std::vector<tune::NodeRows> timed_rows(std::vector<tune::NodeRows> nodes, const MakePinned& make,
                                       const NodeTimesOptions& options,
                                       const std::function<bool()>& stopped) {
  std::unique_ptr<eval::Runner> free;
  for (std::size_t number = 0; number < most_options && !nodes.empty(); ++number) {
    for (const std::size_t first : {0, 1}) {
      if (stopped && stopped()) return nodes;
      if (!free) free = make({});
      run_trial(nodes, first, number, *free, make, options, stopped);
    }
  }
  return nodes;
}

}  // namespace strata::study
