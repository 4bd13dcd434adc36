#include "strata/tune/rows.hpp"

#include <algorithm>
#include <functional>

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

const RowOption* NodeRows::fastest() const {
  const RowOption* best = nullptr;
  for (const RowOption& option : options) {
    if (option.row == chosen || option.measured == 0) continue;
    if (!best || option.measured < best->measured) best = &option;
  }
  return best;
}

double NodeRows::gain() const {
  const auto own = std::ranges::find(options, chosen, &RowOption::row);
  const RowOption* best = fastest();
  return best && own != options.end() ? own->measured - best->measured : 0;
}

std::vector<NodeRows> worth_trying(std::vector<NodeRows> nodes, double share) {
  for (NodeRows& node : nodes) {
    const auto own = std::ranges::find(node.options, node.chosen, &RowOption::row);
    const double most = own == node.options.end() ? 0 : share * own->measured;
    std::erase_if(node.options, [&](const RowOption& option) {
      return option.row != node.chosen && (option.measured == 0 || option.measured > most);
    });
  }
  std::erase_if(nodes, [](const NodeRows& node) { return !node.fastest(); });
  std::ranges::stable_sort(nodes, std::greater(), &NodeRows::gain);
  return nodes;
}

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
