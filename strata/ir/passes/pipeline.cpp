#include "strata/ir/passes/pipeline.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "strata/ir/builder.hpp"
#include "strata/ir/passes/check_results.hpp"
#include "strata/ir/passes/execution.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"

namespace strata::ir {

#define STRATA_PASS(row) extern const Pass row;
#include "strata/ir/passes/passes.def"
#undef STRATA_PASS

namespace {

const Pass* const table[] = {
#define STRATA_PASS(row) &row,
#include "strata/ir/passes/passes.def"
#undef STRATA_PASS
};

const Pass* const for_execution[] = {
#define STRATA_PASS(row)
#define STRATA_EXECUTION_PASS(row) &row,
#include "strata/ir/passes/passes.def"
#undef STRATA_PASS
};

void expect_known(std::span<const Pass* const> passes, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::any_of(passes, [&](const Pass* pass) { return pass->name == name; })) continue;
    std::vector<std::string_view> known;
    for (const Pass* pass : passes) known.push_back(pass->name);
    fail(ErrorCode::usage, "unknown pass '{}', expected one of {}", name, fmt::join(known, ", "));
  }
}

/// What a pass must not change: names of inputs and outputs, in order.
std::vector<std::string> interface_of(const Graph& graph) {
  std::vector<std::string> names;
  for (ValueId id : graph.inputs) names.push_back(graph.value(id).name);
  for (ValueId id : graph.outputs) names.push_back(graph.value(id).name);
  return names;
}

bool has_open_nodes(const Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](NodeId id) { return graph.node(id).open; });
}

/// Runs one pass and restores the graph's invariants; errors are the pass's fault, unless operands
/// became known that do not fit.
void run_one(Graph& graph, const Pass& pass, const PassOptions& options) {
  const std::vector<std::string> before = interface_of(graph);
  const bool was_open = has_open_nodes(graph);
  try {
    pass.run(graph, options);
    graph.sort();
    graph.compact();
    infer_types(graph);
    verify_structure(graph);
  } catch (const Error& error) {
    if (was_open && error.code() != ErrorCode::internal) throw;
    fail(ErrorCode::internal, "after pass {}: {}", pass.name, error.what());
  }
  const std::vector<std::string> after = interface_of(graph);
  if (before != after) {
    fail(ErrorCode::internal, "after pass {}: inputs and outputs are {}, they were {}", pass.name,
         fmt::join(after, ", "), fmt::join(before, ", "));
  }
}

}  // namespace

std::span<const Pass* const> all_passes() { return table; }
std::span<const Pass* const> execution_passes() { return for_execution; }

std::vector<PassRecord> run_passes(Graph& graph, std::span<const Pass* const> passes,
                                   const PassOptions& options) {
  expect_known(passes, options.off);
  verify(graph);
  std::optional<ResultCheck> check;
  if (options.check) check.emplace(graph);
  std::vector<PassRecord> records;
  for (const Pass* pass : passes) {
    if (std::ranges::count(options.off, pass->name)) continue;
    PassRecord record{pass->name, 0, graph.order().size(), 0};
    const std::optional<Graph> before = check ? std::optional(graph) : std::nullopt;
    const auto start = std::chrono::steady_clock::now();
    run_one(graph, *pass, options);
    record.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    record.nodes_after = graph.order().size();
    records.push_back(record);
    if (!check || identical(*before, graph)) continue;
    if (const auto difference = check->difference(graph)) {
      fail(ErrorCode::internal, "pass {} changes results: {}", pass->name, *difference);
    }
  }
  return records;
}

std::vector<PassRecord> optimize(Graph& graph, const PassOptions& options) {
  return run_passes(graph, all_passes(), options);
}

}  // namespace strata::ir
