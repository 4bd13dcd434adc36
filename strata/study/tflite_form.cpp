#include "strata/study/tflite_form.hpp"

#include <map>
#include <set>

#include "strata/formats/load.hpp"
#include "strata/formats/onnx/flatten.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/passes/execution.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::study {
namespace {

/// Files of TensorFlow Lite name tensors only. Nodes get back the names and sources they had
/// before: by the tensor they write, or, where an activation was joined to them, by who reads them.
class Names {
 public:
  Names(const ir::Graph& before, ir::Graph& after) : before_(before), after_(after) {}

  void restore() {
    for (const ir::NodeId id : after_.order()) {
      const auto same = before_.find_value(after_.value(after_.node(id).outputs[0]).name);
      if (same) match(id, before_.value(*same).producer);
    }
    const ir::Uses uses(after_);
    const auto order = after_.order();
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const ir::ValueId result = after_.node(*id).outputs[0];
      if (found_.contains(*id) || uses.count(result) != 1 || uses.of(result).size() != 1) continue;
      const auto reader = found_.find(uses.of(result)[0]);
      if (reader == found_.end() || before_.node(reader->second).inputs.empty()) continue;
      match(*id, before_.value(before_.node(reader->second).inputs[0]).producer);
    }
    for (const auto& [id, was] : found_) after_.rename(id, "");  // what holds a name gives way
    for (const auto& [id, was] : found_) {
      after_.node(id).sources = before_.node(was).sources;
      after_.rename(id, before_.node(was).name);
    }
  }

 private:
  void match(ir::NodeId id, ir::NodeId was) {
    if (was != ir::no_node && taken_.insert(was).second) found_.emplace(id, was);
  }

  const ir::Graph& before_;
  ir::Graph& after_;
  std::map<ir::NodeId, ir::NodeId> found_;  // after, before
  std::set<ir::NodeId> taken_;
};

}  // namespace

namespace {

/// A copy in which what was fused for running stands node by node.
ir::Graph taken_apart(const ir::Graph& graph) {
  ir::Graph apart = graph;
  std::vector<ir::NodeId> fused;
  do {
    fused.clear();
    for (const ir::NodeId id : apart.order()) {
      const ir::OpDef& op = *apart.node(id).op;
      if (op.domain == "strata" && op.name == "Fused") fused.push_back(id);
    }
  } while (!fused.empty() && formats::onnx::decompose_all(apart, fused));
  apart.compact();
  return apart;
}

}  // namespace

ir::Graph sized_for_tflite(const ir::Graph& given_graph, const DimValues& given) {
  const ir::Graph graph = taken_apart(given_graph);
  const DimValues dims = runtime::typical_dims(graph, given);
  std::vector<ir::TensorType> types;
  for (const ir::ValueId id : graph.inputs) {
    ir::TensorType type = graph.value(id).type;
    const Shape shape = evaluate(type.shape, dims);
    type.shape.assign(shape.begin(), shape.end());
    types.push_back(std::move(type));
  }
  ir::Graph sized = ir::with_input_types(graph, types);
  ir::PassOptions passes;
  // Equal codes on different grids are different tensors there.
  passes.off = {"merge_duplicates"};
  for (const ir::Pass* pass : ir::execution_passes()) passes.off.emplace_back(pass->name);
  ir::optimize(sized, passes);
  return sized;
}

TfliteForm tflite_form(const ir::Graph& graph, const DimValues& given) {
  const ir::Graph sized = sized_for_tflite(graph, given);
  TfliteForm form;
  form.bytes = std::make_shared<const std::string>(formats::tflite_bytes(sized));
  form.graph = formats::load(MappedFile(form.bytes, std::as_bytes(std::span(*form.bytes))), {});
  Names(sized, form.graph).restore();
  return form;
}

}  // namespace strata::study
