#include "strata/runtime/session.hpp"

#include <algorithm>
#include <cstring>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/verify.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::runtime {
namespace {

std::string accepted_inputs(const std::vector<std::string>& names,
                            const std::vector<ir::TensorType>& types) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i ? ", " : "") + names[i] + " " + to_string(types[i]);
  }
  return text;
}

std::shared_ptr<ThreadPool> make_pool(int threads) {
  if (threads < 0 || threads > 256) {
    fail(ErrorCode::usage, "threads: {} given, 0 (all) to 256 accepted", threads);
  }
  return std::make_shared<ThreadPool>(threads ? threads : usable_threads());
}

/// What has no reference is cut where its parts are, so it is taken apart first.
void decompose_open(ir::Graph& graph) {
  std::vector<ir::NodeId> whole;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.open && !node.op->reference && node.op->decompose) whole.push_back(id);
  }
  if (whole.empty()) return;
  std::vector<std::pair<ir::ValueId, ir::ValueId>> replaced;
  for (const ir::NodeId id : whole) {
    const ir::Node node = graph.node(id);
    ir::Builder builder(graph, node.sources);
    const auto values = node.op->decompose(builder, node);
    if (!values) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == ir::no_value) continue;
      graph.swap_names(node.outputs[i], (*values)[i]);
      replaced.emplace_back(node.outputs[i], (*values)[i]);
    }
  }
  graph.replace_uses(replaced);
  graph.erase(whole);
  graph.sort();
  ir::infer_types(graph);
}

bool names_node(const Pin& pin, const ir::Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
    const ir::Node& node = graph.node(id);
    return node.name == pin.node || std::ranges::count(node.sources, pin.node) > 0;
  });
}

/// Pins that concern the nodes of a part.
Target for_part(const Target& target, const ir::Graph& part) {
  Target own = target;
  std::erase_if(own.pins, [&](const Pin& pin) { return !names_node(pin, part); });
  return own;
}

/// A body whose inputs have extents that follow from each other: those that depend on symbols of
/// the graph around it become symbols of their own.
ir::Graph with_own_symbols(const ir::Graph& body) {
  ir::Graph graph = body;
  std::vector<std::string> bound;
  for (const ir::ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).type.shape) {
      if (const auto symbol = dim.as_symbol()) bound.emplace_back(*symbol);
    }
  }
  std::map<std::string, Dim> own;  // by the expression's text
  for (const ir::ValueId id : graph.inputs) {
    ir::Value& input = graph.value(id);
    for (std::size_t axis = 0; axis < input.type.shape.size(); ++axis) {
      Dim& dim = input.type.shape[axis];
      std::vector<std::string> used;
      dim.collect_symbols(used);
      const bool follows = std::ranges::all_of(
          used, [&](const std::string& symbol) { return std::ranges::count(bound, symbol) > 0; });
      if (follows) continue;
      const Dim symbol = Dim::symbol(fmt::format("{}_dim{}", input.name, axis));
      dim = own.emplace(to_string(dim), symbol).first->second;
    }
    input.elements.reset();  // they may name symbols that no input binds
  }
  return graph;
}

/// Symbols of a type take their values from the actual extents.
void learn(const ir::TensorType& type, const Shape& shape, DimValues& dims) {
  for (std::size_t axis = 0; axis < type.shape.size(); ++axis) {
    const auto symbol = type.shape[axis].as_symbol();
    if (!symbol) continue;
    const std::int64_t* known = dims.find(*symbol);
    if (known && *known != shape[int(axis)]) {
      fail(ErrorCode::model, "extent {} is {} here and {} elsewhere", *symbol, shape[int(axis)],
           *known);
    }
    dims.set(*symbol, shape[int(axis)]);
  }
}

}  // namespace

/// Values while a graph runs in segments.
struct Session::Run {
  std::vector<Tensor> values;     // by value id of the whole graph
  std::vector<std::size_t> uses;  // segments still to read each
  DimValues dims;
};

Session::Session(Session&&) noexcept = default;
Session::~Session() = default;

Session::Session(ir::Graph graph, SessionOptions options)
    : Session(std::move(graph), options, make_pool(options.threads)) {}

Session::Session(ir::Graph graph, SessionOptions options, std::shared_ptr<ThreadPool> pool)
    : options_(std::move(options)), graph_(std::move(graph)), pool_(std::move(pool)) {
  ir::infer_types(graph_);
  ir::verify_structure(graph_);
  describe();
  if (options_.optimize) passes_ = ir::optimize(graph_, options_.passes);
  states_ = std::make_shared<States>(graph_);
  decompose_open(graph_);
  depends_on_data(graph_) ? prepare_segments() : prepare();
}

Session::Session(const Session& other, std::shared_ptr<ThreadPool> pool)
    : options_(other.options_),
      input_names_(other.input_names_),
      output_names_(other.output_names_),
      input_types_(other.input_types_),
      output_types_(other.output_types_),
      passes_(other.passes_),
      graph_(other.graph_),
      pool_(std::move(pool)),
      states_(std::make_shared<States>(graph_)),
      segments_(other.segments_) {
  for (const Stage& stage : other.stages_) {
    stages_.push_back(stage.share(pool_, segments_.empty() ? states_ : nullptr));
  }
  for (const auto& [place, body] : other.bodies_) {
    bodies_.emplace(place, std::unique_ptr<Session>(new Session(*body, pool_)));
  }
}

Session Session::share() const {
  return Session(*this, std::make_shared<ThreadPool>(pool_->size()));
}

void Session::describe() {
  const auto list = [&](const std::vector<ir::ValueId>& ids, std::vector<std::string>& names,
                        std::vector<ir::TensorType>& types) {
    for (const ir::ValueId id : ids) {
      names.push_back(graph_.value(id).name);
      types.push_back(graph_.value(id).type);
    }
  };
  list(graph_.inputs, input_names_, input_types_);
  list(graph_.outputs, output_names_, output_types_);
}

void Session::prepare() {
  stages_.emplace_back(graph_, StageOptions{options_.memory_budget, options_.target}, pool_,
                       states_);
  const bool sizes_are_open = !typical_dims(graph_, {}).items().empty();
  try {
    stages_[0].compile(options_.target.typical);
  } catch (const Error& error) {
    // Sizes of 1 may make no sense; the first inputs tell better ones.
    if (!sizes_are_open || error.code() != ErrorCode::model) throw;
    not_compiled_ = error.what();
  }
}

void Session::prepare_segments() {
  segments_ = cut_at_data(graph_);
  for (const Segment& segment : segments_) {
    if (segment.control != ir::no_node) {
      add_bodies(segment.control);
    } else {
      const StageOptions stage_options{options_.memory_budget,
                                       for_part(options_.target, segment.graph)};
      stages_.emplace_back(segment.graph, stage_options, pool_);
    }
  }
}

void Session::add_bodies(ir::NodeId id) {
  for (const auto& [name, attribute] : graph_.node(id).attributes) {
    const auto* body = std::get_if<ir::Subgraph>(&attribute);
    if (!body) continue;
    SessionOptions body_options = options_;
    body_options.target = for_part(options_.target, **body);
    std::unique_ptr<Session> session(
        new Session(with_own_symbols(**body), std::move(body_options), pool_));
    bodies_.emplace(std::pair(id, name), std::move(session));
  }
}

std::shared_ptr<const Program> Session::shared_program() const {
  if (!is_static()) {
    fail(ErrorCode::usage, "sizes depend on data: the model has {} segments and no one plan",
         segments_.size());
  }
  if (!stages_[0].program()) {
    fail(ErrorCode::model,
         "kernels are chosen when the sizes of the inputs are known; for those assumed: {}",
         not_compiled_);
  }
  return stages_[0].program();
}

std::vector<const Binding*> Session::bindings() const {
  std::vector<const Binding*> list;
  const auto add = [&](const std::vector<const Binding*>& more) {
    list.insert(list.end(), more.begin(), more.end());
  };
  for (const Stage& stage : stages_) add(stage.bindings());
  for (const auto& [node, body] : bodies_) add(body->bindings());
  return list;
}

Context& Session::context(std::span<const Shape> input_shapes) {
  if (!is_static()) shared_program();  // which says why
  return stages_[0].context(input_shapes, ir::bind_inputs(graph_, input_shapes));
}

std::vector<Tensor> Session::checked(std::span<const Tensor> inputs) const {
  if (inputs.size() != input_names_.size()) {
    fail(ErrorCode::usage, "{} inputs given, {} accepted: {}", inputs.size(), input_names_.size(),
         accepted_inputs(input_names_, input_types_));
  }
  std::vector<Tensor> readable;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present() || inputs[i].dtype() != input_types_[i].dtype) {
      fail(ErrorCode::usage, "input {}: {} given, {} accepted", input_names_[i],
           inputs[i].present() ? to_string(inputs[i].dtype()) : "nothing",
           to_string(input_types_[i]));
    }
    readable.push_back(inputs[i].aligned());
  }
  return readable;
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs) {
  const std::vector<Tensor> readable = checked(inputs);
  std::vector<Shape> shapes;
  for (const Tensor& input : readable) shapes.push_back(input.shape());
  return is_static() ? run_static(readable, shapes) : run_segments(readable, shapes);
}

namespace {

/// Runs a context on tensors; the results are new ones.
std::vector<Tensor> run_context(Context& context, std::span<const Tensor> inputs) {
  std::vector<const void*> in;
  std::vector<void*> out;
  std::vector<Tensor> outputs;
  for (const Tensor& input : inputs) in.push_back(input.raw());
  const ir::Graph& graph = context.binding().program().graph();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& bound = context.binding().shapes()[ir::index(graph.inputs[i])];
    if (inputs[i].shape() == bound) continue;
    fail(ErrorCode::model, "{} has shape {}, but {} was planned", graph.value(graph.inputs[i]).name,
         to_string(inputs[i].shape()), to_string(bound));
  }
  for (const ir::ValueId id : graph.outputs) {
    outputs.push_back(
        Tensor::zeros(graph.value(id).type.dtype, context.binding().shapes()[ir::index(id)]));
    out.push_back(outputs.back().mutable_raw());
  }
  context.run(in, out);
  return outputs;
}

}  // namespace

std::vector<Tensor> Session::run_static(std::span<const Tensor> inputs,
                                        std::span<const Shape> shapes) {
  return run_context(context(shapes), inputs);
}

std::vector<Tensor> Session::run_segments(std::span<const Tensor> inputs,
                                          std::span<const Shape> shapes) {
  Run run;
  run.dims = ir::bind_inputs(graph_, shapes);
  run.values.resize(graph_.value_limit());
  run.uses.resize(graph_.value_limit());
  for (const Segment& segment : segments_) {
    for (const ir::ValueId id : segment.reads) {
      if (id != ir::no_value) ++run.uses[ir::index(id)];
    }
  }
  for (const ir::ValueId id : graph_.outputs) ++run.uses[ir::index(id)];
  for (const ir::State& state : graph_.states) ++run.uses[ir::index(state.written)];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    run.values[ir::index(graph_.inputs[i])] = inputs[i];
  }
  for (std::size_t i = 0; i < graph_.states.size(); ++i) {
    const ir::State& state = graph_.states[i];
    run.values[ir::index(state.read)] = Tensor::borrow(state.initial.dtype(), state.initial.shape(),
                                                       static_cast<const void*>(states_->data(i)));
  }
  std::size_t stage = 0;
  for (const Segment& segment : segments_) {
    if (segment.control != ir::no_node) {
      run_control(segment, run);
    } else {
      run_stage(segment, stages_[stage++], run);
    }
    for (const ir::ValueId id : segment.reads) {
      if (id != ir::no_value && --run.uses[ir::index(id)] == 0) run.values[ir::index(id)] = {};
    }
  }
  const auto value = [&](ir::ValueId id) {
    const ir::Value& v = graph_.value(id);
    return v.constant ? v.constant->decode() : run.values[ir::index(id)];
  };
  std::vector<Tensor> outputs, written;
  for (const ir::ValueId id : graph_.outputs) outputs.push_back(value(id).clone());
  for (const ir::State& state : graph_.states) written.push_back(value(state.written).clone());
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::memcpy(states_->data(i), written[i].raw(), written[i].size_bytes());
  }
  return outputs;
}

void Session::run_control(const Segment& segment, Run& run) {
  const ir::Node& node = graph_.node(segment.control);
  std::vector<Tensor> operands;
  for (const ir::ValueId id : node.inputs) {
    if (id == ir::no_value) {
      operands.emplace_back();
    } else if (const auto& constant = graph_.value(id).constant) {
      operands.push_back(constant->decode());
    } else {
      operands.push_back(run.values[ir::index(id)]);
    }
  }
  const auto call = [&](std::string_view attribute, std::span<const Tensor> inputs) {
    return bodies_.at({segment.control, std::string(attribute)})->run(inputs);
  };
  const std::vector<Tensor> results =
      with_context([&] { return ir::describe(node); },
                   [&] {
                     return ir::run_control(graph_, {node, operands, call});
                   });
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == ir::no_value) continue;
    learn(graph_.value(node.outputs[i]).type, results[i].shape(), run.dims);
    run.values[ir::index(node.outputs[i])] = results[i];
  }
}

void Session::run_stage(const Segment& segment, Stage& stage, Run& run) {
  const ir::Graph& graph = stage.graph();
  std::vector<Tensor> inputs;
  std::vector<Shape> shapes;
  std::vector<Tensor> by_value(graph.value_limit());
  for (std::size_t i = 0; i < segment.reads.size(); ++i) {
    inputs.push_back(run.values[ir::index(segment.reads[i])]);
    shapes.push_back(inputs.back().shape());
    by_value[ir::index(graph.inputs[i])] = inputs.back();
  }
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (!node.open) continue;
    std::vector<Tensor> operands;
    for (const ir::ValueId input : node.inputs) {
      const bool constant = graph.is_constant(input);
      operands.push_back(input == ir::no_value ? Tensor()
                         : constant            ? graph.value(input).constant->decode()
                                               : by_value[ir::index(input)]);
    }
    const std::vector<ir::TensorType> types =
        with_context([&] { return ir::describe(node); },
                     [&] { return ir::infer_operands(graph, node, operands); });
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (node.outputs[i] == ir::no_value) continue;
      const ir::TensorType& planned = graph.value(node.outputs[i]).type;
      if (types[i].shape.size() != planned.shape.size()) {
        fail(ErrorCode::model, "{}: output {} is {}, but the network was read for {}",
             ir::describe(node), i, to_string(types[i]), to_string(planned));
      }
      learn(planned, evaluate(types[i].shape, {}), run.dims);
    }
  }
  std::vector<Tensor> outputs = run_context(stage.context(shapes, run.dims), inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    run.values[ir::index(segment.gives[i])] = std::move(outputs[i]);
  }
}

}  // namespace strata::runtime
