#include "strata/tune/rows.hpp"

#include <algorithm>

#include "strata/runtime/choice.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::tune {
namespace {

/// One option for each row, with its best layout. The reference implementation is there to compare
/// results with, and where nothing else runs; nobody waits for it to be timed.
std::vector<RowOption> options_of(const runtime::NodeCandidates& found) {
  std::vector<RowOption> options;
  for (const runtime::Candidate& candidate : found.candidates) {
    if (candidate.row->kind == kernels::ProblemKind::reference) continue;
    const auto known = std::ranges::find(options, candidate.row->name, &RowOption::row);
    if (known == options.end()) {
      options.push_back({std::string(candidate.row->name), candidate.seconds});
    } else {
      known->seconds = std::min(known->seconds, candidate.seconds);
    }
  }
  std::ranges::stable_sort(options, {}, &RowOption::seconds);
  return options;
}

}  // namespace

std::vector<NodeRows> rows_to_try(const runtime::Program& program, const RowOptions& options) {
  const ir::Graph& graph = program.graph();
  runtime::Target unpinned = program.target();
  unpinned.pins.clear();
  const auto shapes = runtime::value_shapes(graph, runtime::typical_dims(graph, unpinned.typical));
  std::vector<NodeRows> nodes;
  for (const runtime::Step& step : program.steps()) {
    if (step.node == ir::no_node) continue;
    NodeRows rows;
    rows.node = step.name;
    rows.chosen = step.row->name;
    rows.options = options_of(runtime::find_candidates(graph, step.node, shapes, unpinned));
    if (rows.options.size() < 2) continue;
    const double limit = rows.options.front().seconds * options.most_slower;
    std::erase_if(rows.options, [&](const RowOption& option) {
      return option.seconds > limit && option.row != rows.chosen;
    });
    if (rows.options.size() > 1) nodes.push_back(std::move(rows));
  }
  return nodes;
}

}  // namespace strata::tune
