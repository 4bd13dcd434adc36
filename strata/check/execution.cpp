#include "strata/check/execution.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/runtime/segments.hpp"

namespace strata::check {
namespace {

/// What a user's node is called when passes ask where something came from.
ir::Sources names_of(const ir::Node& node) {
  return node.sources.empty() ? ir::Sources{node.name} : node.sources;
}

ir::Graph optimised(const Side& side) {
  ir::Graph graph = side.graph;
  for (const ir::NodeId id : graph.order()) graph.node(id).sources = names_of(graph.node(id));
  ir::infer_types(graph);
  ir::run_passes(graph, side.passes, side.pass_options);
  return graph;
}

/// Nodes without sources come from themselves, those of bodies too.
void name_sources(ir::Graph& graph) {
  for (const ir::NodeId id : graph.order()) {
    ir::Node& node = graph.node(id);
    node.sources = names_of(node);
    std::vector<std::pair<std::string, ir::Subgraph>> bodies;
    for (const auto& [name, attribute] : node.attributes) {
      const auto* body = std::get_if<ir::Subgraph>(&attribute);
      if (!body || !node.op->control) continue;
      auto own = std::make_shared<ir::Graph>(**body);
      name_sources(*own);
      bodies.emplace_back(name, std::move(own));
    }
    for (auto& [name, body] : bodies) node.attributes.set(name, std::move(body));
  }
}

}  // namespace

runtime::Session session_of(const Side& side) {
  ir::Graph graph = side.graph;
  name_sources(graph);
  runtime::SessionOptions options;
  options.threads = side.threads;
  options.target = side.target;
  options.target.blocks = false;  // every result is wanted
  options.passes = side.pass_options;
  for (const ir::Pass* pass : ir::all_passes()) {
    if (!std::ranges::count(side.passes, pass)) options.passes.off.emplace_back(pass->name);
  }
  return runtime::Session(std::move(graph), std::move(options));
}

bool runs_in_segments(const Side& side) { return runtime::depends_on_data(optimised(side)); }

Side plain(Side side) {
  side.passes.clear();
  side.pass_options.off.clear();
  side.target.pins.clear();
  // Reorders are no nodes, so their rows stay; nothing else is left but the reference.
  std::erase_if(side.target.rows,
                [](const kernels::Row* row) { return row->kind != kernels::ProblemKind::reorder; });
  return side;
}

void SourceOrder::add(const ir::Graph& graph) {
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.op->control) {
      for (const auto& [name, attribute] : node.attributes) {
        if (const auto* body = std::get_if<ir::Subgraph>(&attribute)) add(**body);
      }
    }
    for (const std::string& name : names_of(node)) ranks_.emplace(name, ranks_.size());
  }
}

std::string SourceOrder::last(const ir::Sources& sources) const {
  auto best = ranks_.end();
  for (const std::string& name : sources) {
    const auto found = ranks_.find(name);
    if (found == ranks_.end()) continue;
    if (best == ranks_.end() || found->second > best->second) best = found;
  }
  return best == ranks_.end() ? std::string() : best->first;
}

Execution::Execution(const Side& side, std::span<const Shape> inputs)
    : pool_(std::make_shared<ThreadPool>(side.threads)) {
  ir::Graph graph = optimised(side);
  const DimValues dims = ir::bind_inputs(graph, inputs);
  runtime::Target target = side.target;
  target.typical = dims;
  target.blocks = false;  // every result is wanted
  runtime::BindOptions options;
  options.threads = side.threads;
  binding_ =
      runtime::Binding::bind(runtime::Program::compile(std::move(graph), target), dims, options);
}

std::vector<Tensor> Execution::run(std::span<const Tensor> inputs, const runtime::StepHook& after) {
  runtime::Context context(binding_, pool_);
  std::vector<Tensor> readable, outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const Tensor& input : inputs) in.push_back(readable.emplace_back(input.aligned()).raw());
  for (const ir::ValueId id : graph().outputs) {
    outputs.push_back(
        Tensor::zeros(graph().value(id).type.dtype, binding_->shapes()[ir::index(id)]));
    out.push_back(outputs.back().mutable_raw());
  }
  if (after) {
    context.run_hooked(in, out, after);
  } else {
    context.run(in, out);
  }
  return outputs;
}

NamedResults named_results(const runtime::Program& program, const SourceOrder& order) {
  NamedResults named;
  for (std::size_t i = 0; i < program.steps().size(); ++i) {
    const runtime::Step& step = program.steps()[i];
    if (step.node == ir::no_node) continue;
    const ir::Node& node = program.graph().node(step.node);
    const std::string name = order.last(names_of(node));
    if (name.empty()) continue;
    for (std::size_t k = 0; k < step.out.size(); ++k) {
      const ir::ValueId value = program.buffers()[std::size_t(step.out[k])].value;
      const auto at = std::ranges::find(node.outputs, value);
      if (at == node.outputs.end()) continue;
      named[{name, std::size_t(at - node.outputs.begin())}] = {i, k};
    }
  }
  return named;
}

}  // namespace strata::check
