#include "strata/runtime/program.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "strata/kernels/packing_version.hpp"
#include "strata/runtime/apart.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::runtime {

/// Builds the buffers and steps of a program from a graph whose nodes can all run.
class ProgramBuilder {
 public:
  ProgramBuilder(ir::Graph graph, const Target& target) {
    program_.graph_ = std::move(graph);
    program_.target_ = target;
  }

  Program build() {
    legalize();
    typical_ = typical_dims(program_.graph_, program_.target_.typical);
    shapes_ = value_shapes(program_.graph_, typical_);
    add_sources_buffers();
    add_steps();
    add_outputs();
    add_states();
    return std::move(program_);
  }

 private:
  ir::Graph& graph() { return program_.graph_; }

  /// Fusions that no kernel takes are lowered unfused, ops without reference by decomposition.
  void legalize() {
    while (true) {
      const std::vector<ir::NodeId> impossible = nodes_to_decompose();
      if (impossible.empty()) return;
      std::vector<std::pair<ir::ValueId, ir::ValueId>> replaced;
      for (ir::NodeId id : impossible) decompose(id, replaced);
      graph().replace_uses(replaced);
      graph().erase(impossible);
      graph().sort();
      ir::infer_types(graph());
    }
  }

  std::vector<ir::NodeId> nodes_to_decompose() {
    const DimValues dims = typical_dims(graph(), program_.target_.typical);
    const std::vector<Shape> shapes = value_shapes(graph(), dims);
    std::vector<ir::NodeId> ids;
    for (ir::NodeId id : graph().order()) {
      if (must_decompose(id, shapes)) ids.push_back(id);
    }
    return ids;
  }

  bool must_decompose(ir::NodeId id, std::span<const Shape> shapes) {
    const ir::Node& node = graph().node(id);
    if (!node.op->decompose) return false;
    if (node.op->reference && !is_fused(node)) return false;
    if (ir::has_parts(node)) return runs_better_apart(id, shapes);
    const NodeCandidates found = find_candidates(graph(), id, shapes, program_.target_);
    const bool impossible = std::ranges::none_of(found.candidates, is_kernel);
    if (impossible && is_fused(node)) program_.apart_.push_back({{node.name}, reason_of(found)});
    return impossible || (ir::is_op(node, "Attention") && runs_better_apart(id, shapes));
  }

  bool runs_better_apart(ir::NodeId id, std::span<const Shape> shapes) {
    const std::string reason = reason_to_take_apart(graph(), id, shapes, program_.target_);
    if (!reason.empty()) program_.apart_.push_back({{graph().node(id).name}, reason});
    return !reason.empty();
  }

  void decompose(ir::NodeId id, std::vector<std::pair<ir::ValueId, ir::ValueId>>& replaced) {
    const ir::Node node = graph().node(id);
    graph().rename(id, node.name + ", whole");  // the head of a fusion bears the same name
    ir::Builder builder(graph(), node.sources);
    const auto values = node.op->decompose(builder, node);
    if (!values) {
      fail(ErrorCode::unsupported, "node {} ({}): no kernel, reference or decomposition for it",
           node.name, ir::qualified_name(*node.op));
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != ir::no_value) replaced.emplace_back(node.outputs[i], (*values)[i]);
    }
  }

  int add_buffer(ir::ValueId value, const kernels::Layout& layout, Buffer::Kind kind, int index = 0,
                 int view_of = -1) {
    Buffer buffer;
    buffer.value = value;
    buffer.layout = layout;
    buffer.kind = kind;
    buffer.index = index;
    buffer.view_of = view_of;
    program_.buffers_.push_back(std::move(buffer));
    const int id = int(program_.buffers_.size()) - 1;
    by_value_[value].push_back(id);
    return id;
  }

  void add_sources_buffers() {
    for (std::size_t i = 0; i < graph().inputs.size(); ++i) {
      add_buffer(graph().inputs[i], kernels::plain_layout, Buffer::Kind::input, int(i));
    }
    for (std::size_t i = 0; i < graph().states.size(); ++i) {
      add_buffer(graph().states[i].read, kernels::plain_layout, Buffer::Kind::state, int(i));
    }
  }

  bool is_known(const ir::Node& node) {
    return std::ranges::all_of(node.outputs, [&](ir::ValueId id) {
      return id == ir::no_value || graph().value(id).elements.has_value();
    });
  }

  /// The buffer that holds the value in this layout; adds a reorder if there is none yet.
  int require(ir::ValueId value, const kernels::Layout& layout) {
    auto& buffers = by_value_[value];
    if (buffers.empty()) {
      const ir::Value& v = graph().value(value);
      if (v.constant) {
        const int id = add_buffer(value, kernels::plain_layout, Buffer::Kind::constant);
        program_.buffers_[std::size_t(id)].data = v.constant->decode();
      } else {
        STRATA_ASSERT(v.elements.has_value());
        add_buffer(value, kernels::plain_layout, Buffer::Kind::known);
      }
    }
    for (int id : by_value_[value]) {
      if (program_.buffers_[std::size_t(id)].layout == layout) return id;
    }
    return add_reorder(by_value_[value].front(), layout);
  }

  int add_reorder(int from, const kernels::Layout& layout) {
    const ir::ValueId value = program_.buffers_[std::size_t(from)].value;
    const ir::NodeId producer = graph().value(value).producer;
    Step step;
    step.name = fmt::format(
        "{}: reorder to {}",
        producer == ir::no_node ? graph().value(value).name : graph().node(producer).name,
        to_string(layout));
    step.op = "strata.Reorder";
    step.layouts.in = {program_.buffers_[std::size_t(from)].layout};
    step.layouts.out = {layout};
    const auto problem = reorder_problem(graph(), value, shapes_[ir::index(value)], step.layouts);
    for (const kernels::Row* row : program_.target_.rows) {
      if (row->kind != kernels::ProblemKind::reorder) continue;
      const char* reason = has_isa(program_.target_.isa, row->isa)
                               ? row->rejects(*problem)
                               : "needs an instruction set that the target lacks";
      if (!reason && !step.row) {
        step.row = row;
        step.estimate = row->cost(*problem, program_.target_.machine).seconds;
      } else if (reason) {
        step.rejections.push_back({row->name, reason});
      }
    }
    if (!step.row) {
      fail(ErrorCode::internal, "no kernel brings value {} from layout {} to {}",
           graph().value(value).name, to_string(step.layouts.in[0]), to_string(layout));
    }
    step.in = {from};
    step.out = {add_buffer(value, layout, Buffer::Kind::arena)};
    program_.steps_.push_back(std::move(step));
    return program_.steps_.back().out[0];
  }

  void add_steps() {
    std::vector<NodeCandidates> nodes;
    for (ir::NodeId id : graph().order()) {
      const ir::Node& node = graph().node(id);
      if (is_known(node) || is_view(node)) continue;
      nodes.push_back(find_candidates(graph(), id, shapes_, program_.target_));
      if (nodes.back().candidates.empty()) {
        fail(ErrorCode::unsupported, "node {} ({}): no kernel, reference or decomposition for it",
             node.name, ir::qualified_name(*node.op));
      }
    }
    check_pins(nodes);
    const std::vector<std::size_t> chosen = choose(graph(), nodes, shapes_);
    std::size_t next = 0;
    for (ir::NodeId id : graph().order()) {
      const ir::Node& node = graph().node(id);
      if (is_known(node)) continue;
      if (is_view(node)) {
        const int base = require(node.inputs[0], kernels::plain_layout);
        add_buffer(node.outputs[0], kernels::plain_layout, Buffer::Kind::arena, 0, base);
      } else {
        add_step(nodes[next], nodes[next].candidates[chosen[next]]);
        ++next;
      }
    }
  }

  void check_pins(std::span<const NodeCandidates> nodes) {
    for (const Pin& pin : program_.target_.pins) {
      if (!pin.required) continue;
      const bool found = std::ranges::any_of(nodes, [&](const NodeCandidates& candidates) {
        const ir::Node& node = graph().node(candidates.node);
        return node.name == pin.node ||
               std::ranges::find(node.sources, pin.node) != node.sources.end();
      });
      if (!found)
        fail(ErrorCode::usage, "no node that runs is named {} (pinned to {})", pin.node, pin.row);
    }
  }

  void add_step(NodeCandidates& found, const Candidate& candidate) {
    const ir::Node& node = graph().node(found.node);
    Step step;
    step.name = node.name;
    step.op = ir::qualified_name(*node.op);
    step.node = found.node;
    step.row = candidate.row;
    step.how = candidate.how;
    step.layouts = candidate.layouts;
    step.estimate = candidate.seconds;
    step.rejections = std::move(found.rejections);
    add_alternatives(found, candidate, step);
    const Operands& operands = *candidate.operands;
    for (std::size_t i = 0; i < operands.in.size(); ++i) {
      step.in.push_back(require(operands.in[i], step.layouts.in[i]));
    }
    for (std::size_t i = 0; i < operands.out.size(); ++i) {
      step.out.push_back(add_buffer(operands.out[i], step.layouts.out[i], Buffer::Kind::arena));
    }
    if (!operands.constants.empty() && operands.constants[0].value != ir::no_value) {
      const EncodedTensor& weights = *graph().value(operands.constants[0].value).constant;
      // "dense" says little of integers.
      const bool codes = weights.is_dense() && !is_float(weights.dtype);
      step.weights = codes ? to_string(weights.dtype) : weights.encoding->name;
    }
    pack(found, candidate, step);
    program_.steps_.push_back(std::move(step));
  }

  /// Rows that could have run the node, each with the best it could do.
  static void add_alternatives(const NodeCandidates& found, const Candidate& taken, Step& step) {
    std::map<std::string_view, double> others;
    for (const Candidate& candidate : found.candidates) {
      if (candidate.row == taken.row) continue;
      const auto [best, is_new] = others.emplace(candidate.row->name, candidate.seconds);
      if (!is_new) best->second = std::min(best->second, candidate.seconds);
    }
    for (const auto& [row, seconds] : others) {
      step.rejections.push_back(
          {row,
           fmt::format("possible: modelled {:.2f} us without reorders, the one taken {:.2f} us",
                       seconds * 1e6, taken.seconds * 1e6),
           true});
    }
  }

  void pack(NodeCandidates& found, const Candidate& candidate, Step& step) {
    for (Lowered& lowered : found.lowered) {
      if (&lowered.operands != candidate.operands) continue;
      lowered.problem->layouts = candidate.layouts;
      step.packed = program_.target_.packed->pack(*step.row, *lowered.problem,
                                                  pack_sources(graph(), lowered.operands));
      if (!step.packed) continue;
      step.packed_bytes = step.row->packed_bytes(*lowered.problem);
      if (step.row->packed_form) step.packed_form = step.row->packed_form(*lowered.problem);
      step.packed_from = lowered.operands.constants;
    }
  }

  int root(int buffer) const {
    while (program_.buffers_[std::size_t(buffer)].view_of >= 0) {
      buffer = program_.buffers_[std::size_t(buffer)].view_of;
    }
    return buffer;
  }

  /// Steps write outputs straight into the caller's memory; what cannot be so is copied at the end.
  void add_outputs() {
    for (std::size_t i = 0; i < graph().outputs.size(); ++i) {
      const int buffer = require(graph().outputs[i], kernels::plain_layout);
      Buffer& base = program_.buffers_[std::size_t(root(buffer))];
      if (base.kind == Buffer::Kind::arena) {
        base.kind = Buffer::Kind::output;
        base.index = int(i);
      }
      program_.outputs_.push_back(buffer);
    }
  }

  void add_states() {
    for (const ir::State& state : graph().states) {
      program_.written_states_.push_back(require(state.written, kernels::plain_layout));
    }
  }

  Program program_;
  DimValues typical_;
  std::vector<Shape> shapes_;
  std::map<ir::ValueId, std::vector<int>> by_value_;
};

std::shared_ptr<const Program> Program::compile(ir::Graph graph, const Target& target) {
  check_precision(target);
  return std::make_shared<const Program>(ProgramBuilder(std::move(graph), target).build());
}

ir::PackedSet packed_weights(const Program& program) {
  constexpr std::size_t least_bytes = 4096;
  ir::PackedSet set{kernels::packing_version(), {}};
  std::set<const std::byte*> seen;
  for (const Step& step : program.steps()) {
    if (step.packed_bytes < least_bytes || !seen.insert(step.packed.get()).second) continue;
    ir::PackedWeights weights;
    weights.row = step.row->name;
    weights.form = step.packed_form;
    for (const ConstantOperand& operand : step.packed_from) {
      const bool exists = operand.value != ir::no_value;
      weights.sources.push_back(
          {exists ? program.graph().value(operand.value).name : std::string(), operand.part});
    }
    weights.bytes = Tensor::borrow(DType::u8, Shape{std::int64_t(step.packed_bytes)},
                                   static_cast<const void*>(step.packed.get()), step.packed);
    set.weights.push_back(std::move(weights));
  }
  return set;
}

}  // namespace strata::runtime
