#include <algorithm>
#include <cstring>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/runtime/session.hpp"

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

std::vector<Shape> shapes_of(std::span<const Tensor> tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
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

/// What the node's operands hold tells about the sizes of its results.
void learn_open(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> operands,
                DimValues& dims) {
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
    learn(planned, evaluate(types[i].shape, {}), dims);
  }
}

/// What a value is, for errors about its bytes.
std::string describe_value(const ir::Graph& graph, ir::ValueId id) {
  const ir::Value& value = graph.value(id);
  if (value.producer == ir::no_node) return fmt::format("value {}", value.name);
  return fmt::format("value {} of {}", value.name, ir::describe(graph.node(value.producer)));
}

}  // namespace

/// Values while a graph runs in segments.
struct Session::Run {
  std::vector<Tensor> values;     // by value id of the whole graph
  std::vector<std::size_t> uses;  // segments still to read each
  DimValues dims;
};

/// What a run and the bodies in it may do.
struct Session::Limits {
  RunAccount& account;
  RunObserver* observer;
  const SessionOptions& options;
  std::int64_t calls = 0;

  /// One more body is about to run.
  void count_call() {
    if (++calls > options.loop_limit) {
      fail(ErrorCode::model,
           "the run has called bodies {} times, which is the loop limit; a loop that is meant to "
           "go on for longer needs a higher one",
           options.loop_limit);
    }
    if (options.stopped && options.stopped()) fail(ErrorCode::usage, "the run was interrupted");
  }
};

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

std::vector<Tensor> Session::run(std::span<const Tensor> inputs, RunObserver* observer) {
  const std::vector<Tensor> readable = checked(inputs);
  if (is_static()) return run_planned(readable, observer);
  RunAccount account(*options_.memory_budget, arena_);
  Limits limits{account, observer, options_};
  std::vector<Tensor> outputs = run_segments(readable, limits);
  peak_bytes_ = account.peak();
  return outputs;
}

namespace {

/// Where a context reads and writes. Throws model if the inputs are not what it was planned for.
struct Memory {
  Memory(const Context& context, std::span<const Tensor> inputs) {
    const ir::Graph& graph = context.binding().program().graph();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Shape& bound = context.binding().shapes()[ir::index(graph.inputs[i])];
      if (inputs[i].shape() != bound) {
        fail(ErrorCode::model, "{} has shape {}, but {} was planned",
             graph.value(graph.inputs[i]).name, to_string(inputs[i].shape()), to_string(bound));
      }
      in.push_back(inputs[i].raw());
    }
  }

  std::vector<const void*> in;
  std::vector<void*> out;
};

}  // namespace

std::vector<Tensor> Session::run_planned(std::span<const Tensor> inputs, RunObserver* observer) {
  Context& context = this->context(shapes_of(inputs));
  Memory operands(context, inputs);
  std::vector<Tensor> outputs;
  const ir::Graph& graph = context.binding().program().graph();
  for (const ir::ValueId id : graph.outputs) {
    const Shape& shape = context.binding().shapes()[ir::index(id)];
    outputs.push_back(Tensor::zeros(graph.value(id).type.dtype, shape));
    operands.out.push_back(outputs.back().mutable_raw());
  }
  if (observer) {
    observer->run_plan({graph_, nullptr, context, inputs, outputs, operands.in, operands.out});
  } else {
    context.run(operands.in, operands.out);
  }
  return outputs;
}

std::vector<Tensor> Session::run_context(Context& context, const Segment* segment,
                                         std::span<const Tensor> inputs, Limits& limits) const {
  Memory operands(context, inputs);
  std::vector<Tensor> outputs;
  const ir::Graph& graph = context.binding().program().graph();
  for (const ir::ValueId id : graph.outputs) {
    const Shape& shape = context.binding().shapes()[ir::index(id)];
    outputs.push_back(
        limits.account.zeros(graph.value(id).type.dtype, shape, describe_value(graph, id)));
    operands.out.push_back(outputs.back().mutable_raw());
  }
  limits.account.reserve(context.binding());
  if (limits.observer) {
    limits.observer->run_plan(
        {graph_, segment, context, inputs, outputs, operands.in, operands.out});
  } else {
    context.run(operands.in, operands.out);
  }
  return outputs;
}

std::vector<Tensor> Session::run_body(std::span<const Tensor> inputs, Limits& limits) {
  limits.count_call();
  const std::vector<Tensor> readable = checked(inputs);
  if (limits.observer) limits.observer->begin_body(readable);
  std::vector<Tensor> outputs;
  if (is_static()) {
    const std::vector<Shape> shapes = shapes_of(readable);
    Context& context = stages_[0].context(shapes, ir::bind_inputs(graph_, shapes), &limits.account);
    outputs = run_context(context, nullptr, readable, limits);
  } else {
    outputs = run_segments(readable, limits);
  }
  if (limits.observer) limits.observer->end_body(outputs);
  return outputs;
}

std::vector<Tensor> Session::run_segments(std::span<const Tensor> inputs, Limits& limits) {
  Run run;
  run.dims = ir::bind_inputs(graph_, shapes_of(inputs));
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
      run_control(segment, run, limits);
    } else {
      run_stage(segment, stages_[stage++], run, limits);
    }
    for (const ir::ValueId id : segment.reads) {
      if (id != ir::no_value && --run.uses[ir::index(id)] == 0) run.values[ir::index(id)] = {};
    }
  }
  return own_outputs(run, limits);
}

/// Outputs that nobody else has, and that are not part of a state; states are written.
std::vector<Tensor> Session::own_outputs(const Run& run, Limits& limits) const {
  RunAccount& account = limits.account;
  const auto value = [&](ir::ValueId id) {
    const ir::Value& v = graph_.value(id);
    return v.constant ? v.constant->decode() : run.values[ir::index(id)];
  };
  std::vector<Tensor> outputs, written;
  for (const ir::ValueId id : graph_.outputs) {
    const Tensor tensor = value(id);
    const bool is_new = account.made(tensor) && std::ranges::none_of(outputs, [&](const Tensor& o) {
                          return o.raw() == tensor.raw();
                        });
    if (is_new) {
      outputs.push_back(tensor);
      continue;
    }
    Tensor copy = account.zeros(tensor.dtype(), tensor.shape(), describe_value(graph_, id));
    if (tensor.size_bytes() > 0) {
      std::memcpy(copy.mutable_raw(), tensor.raw(), tensor.size_bytes());
    }
    if (limits.observer) limits.observer->copied(tensor, copy);
    outputs.push_back(std::move(copy));
  }
  for (const ir::State& state : graph_.states) written.push_back(value(state.written).clone());
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::memcpy(states_->data(i), written[i].raw(), written[i].size_bytes());
  }
  return outputs;
}

void Session::run_control(const Segment& segment, Run& run, Limits& limits) {
  const ir::Node& node = graph_.node(segment.control);
  RunAccount& account = limits.account;
  std::vector<Tensor> operands;
  for (const ir::ValueId id : node.inputs) {
    if (id == ir::no_value) {
      operands.emplace_back();
    } else if (const auto& constant = graph_.value(id).constant) {
      operands.push_back(constant->is_dense() ? constant->decode()
                                              : account.adopt(constant->decode(), "a constant"));
    } else {
      operands.push_back(run.values[ir::index(id)]);
    }
  }
  const auto given = [&](const Tensor& tensor) {
    return std::ranges::any_of(operands, [&](const Tensor& o) { return o.raw() == tensor.raw(); });
  };
  // What iterations collect is put together in the end, which takes as many bytes again.
  constexpr std::string_view together = "what its iterations have given, put together";
  const std::size_t before = account.held();
  std::size_t kept = 0;
  const auto call = [&](std::string_view attribute, std::span<const Tensor> inputs) {
    account.pass(kept, together);
    std::vector<Tensor> counted;
    for (const Tensor& input : inputs) {
      counted.push_back(given(input) ? input : account.adopt(input, "an input of its body"));
    }
    std::vector<Tensor> results =
        bodies_.at({segment.control, std::string(attribute)})->run_body(counted, limits);
    kept = account.held() - before;
    return results;
  };
  if (limits.observer) limits.observer->begin_control(node, operands);
  const auto run_node = [&] {
    std::vector<Tensor> results = ir::run_control(graph_, {node, operands, call});
    std::size_t made = 0;
    for (const Tensor& result : results) {
      if (!given(result) && !account.counts(result)) made += result.size_bytes();
    }
    // The slices were there as long as the whole was made.
    const std::size_t most = before + kept + made, now = account.held();
    if (made > 0) account.pass(most - std::min(most, now), together);
    return results;
  };
  std::vector<Tensor> results = with_context([&] { return ir::describe(node); }, run_node);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == ir::no_value) continue;
    learn(graph_.value(node.outputs[i]).type, results[i].shape(), run.dims);
    if (run.uses[ir::index(node.outputs[i])] == 0) continue;
    if (!given(results[i])) {
      results[i] = account.adopt(results[i], describe_value(graph_, node.outputs[i]));
    }
    run.values[ir::index(node.outputs[i])] = results[i];
  }
  if (limits.observer) limits.observer->end_control(node, results);
}

void Session::run_stage(const Segment& segment, Stage& stage, Run& run, Limits& limits) {
  const ir::Graph& graph = stage.graph();
  std::vector<Tensor> inputs;
  std::vector<Tensor> by_value(graph.value_limit());
  for (std::size_t i = 0; i < segment.reads.size(); ++i) {
    inputs.push_back(run.values[ir::index(segment.reads[i])]);
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
    learn_open(graph, node, operands, run.dims);
  }
  Context& context = stage.context(shapes_of(inputs), run.dims, &limits.account);
  std::vector<Tensor> outputs = run_context(context, &segment, inputs, limits);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    run.values[ir::index(segment.gives[i])] = std::move(outputs[i]);
  }
}

}  // namespace strata::runtime
