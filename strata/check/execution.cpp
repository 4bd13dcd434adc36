#include "strata/check/execution.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
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
  if (runtime::depends_on_data(graph)) {
    fail(ErrorCode::unsupported,
         "sizes in this model depend on data, so it runs in segments; models that run in one are "
         "compared");
  }
  return graph;
}

}  // namespace

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
    for (const std::string& name : names_of(graph.node(id))) ranks_.emplace(name, ranks_.size());
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

std::map<std::pair<std::string, std::size_t>, ResultId> Execution::named_results(
    const SourceOrder& order) const {
  std::map<std::pair<std::string, std::size_t>, ResultId> named;
  for (std::size_t i = 0; i < program().steps().size(); ++i) {
    const runtime::Step& step = program().steps()[i];
    if (step.node == ir::no_node) continue;
    const ir::Node& node = graph().node(step.node);
    const std::string name = order.last(names_of(node));
    if (name.empty()) continue;
    for (std::size_t k = 0; k < step.out.size(); ++k) {
      const ir::ValueId value = program().buffers()[std::size_t(step.out[k])].value;
      const auto at = std::ranges::find(node.outputs, value);
      if (at == node.outputs.end()) continue;
      named[{name, std::size_t(at - node.outputs.begin())}] = {i, k};
    }
  }
  return named;
}

}  // namespace strata::check
