#include "strata/ir/interpreter.hpp"

#include <algorithm>

#include "strata/base/checked.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

/// A graph of this node alone, decomposed, for these operands: for ops that have no reference of
/// their own.
Graph decomposed(const Graph& graph, const Node& node, std::span<const Tensor> operands) {
  Graph alone;
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].present()) {
      inputs.push_back(no_value);
      continue;
    }
    const Value& value = graph.value(node.inputs[i]);
    const Shape& shape = operands[i].shape();
    ValueId copy = alone.add_input(value.name, {operands[i].dtype(), {shape.begin(), shape.end()}});
    alone.value(copy).elements = value.elements;
    alone.value(copy).constant = value.constant;
    inputs.push_back(copy);
  }
  Node standalone = node;
  standalone.inputs = inputs;
  Builder builder(alone, node.sources);
  auto values = node.op->decompose(builder, standalone);
  if (!values)
    fail(ErrorCode::unsupported, "these operands have neither reference nor decomposition");
  alone.outputs = *values;
  return alone;
}

class Interpreter {
 public:
  Interpreter(const Graph& graph, const InterpretOptions& options)
      : graph_(graph),
        options_(options),
        tensors_(graph.value_limit()),
        owned_(graph.value_limit()),
        remaining_(graph.value_limit()),
        sizes_are_known_(std::ranges::none_of(graph.order(), [&](NodeId id) {
          return graph.node(id).open || graph.node(id).op->control;
        })) {
    const Uses uses(graph);
    for (std::size_t i = 0; i < remaining_.size(); ++i) remaining_[i] = uses.count(ValueId(i));
  }

  std::vector<Tensor> run(std::span<const Tensor> inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) set(graph_.inputs[i], inputs[i]);
    for (const State& state : graph_.states) set(state.read, state.initial);
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      with_context([&] { return describe(node); }, [&] { step(node); });
    }
    std::vector<Tensor> outputs;
    for (ValueId id : graph_.outputs) outputs.push_back(get(id));
    return outputs;
  }

 private:
  void set(ValueId id, const Tensor& tensor) {
    tensors_[index(id)] = tensor;
    if (options_.observe) options_.observe(id, tensor);
  }

  const Tensor& get(ValueId id) {
    Tensor& tensor = tensors_[index(id)];
    const Value& value = graph_.value(id);
    if (!tensor.present() && value.constant) {
      if (!value.constant->is_dense()) charge(id, value.constant->dtype, value.constant->shape);
      tensor = value.constant->decode();
    }
    return tensor;
  }

  /// Counts the bytes of a value before they are allocated.
  void charge(ValueId id, DType dtype, const Shape& shape) {
    const auto bytes = checked_mul(shape.elements(), std::int64_t(size_of(dtype)));
    const auto total = bytes ? checked_add(live_bytes_, *bytes) : std::nullopt;
    if (!total || *total > options_.byte_limit) {
      fail(ErrorCode::unsupported, "value {} of type {}{} exceeds the limit of {} bytes",
           graph_.value(id).name, to_string(dtype), to_string(shape), options_.byte_limit);
    }
    live_bytes_ = *total;
    owned_[index(id)] = *bytes;
  }

  void step(const Node& node) {
    std::vector<Tensor> inputs;
    for (ValueId id : node.inputs) inputs.push_back(id == no_value ? Tensor() : get(id));
    std::vector<Tensor> outputs = compute(node, inputs);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != no_value) set(node.outputs[i], outputs[i]);
    }
    for (ValueId id : node.inputs) release(id);
    for (ValueId id : node.outputs) {
      if (id != no_value && remaining_[index(id)] == 0) drop(id);
    }
  }

  std::vector<Tensor> compute(const Node& node, std::span<const Tensor> inputs) {
    if (node.op->control) return run_subgraphs(node, inputs);
    std::vector<Tensor> outputs = allocate(node, inputs);
    if (!node.op->reference) return run_decomposed(node, inputs);
    const Status status = run_reference(node, inputs, outputs);
    if (!status) fail(ErrorCode::model, "{}", status.message);
    return outputs;
  }

  std::vector<Tensor> allocate(const Node& node, std::span<const Tensor> inputs) {
    std::vector<TensorType> types;
    if (sizes_are_known_) {
      for (ValueId id : node.outputs) {
        types.push_back(id == no_value ? TensorType{} : graph_.value(id).type);
      }
    } else {
      types = infer_operands(graph_, node, inputs);
    }
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (node.outputs[i] == no_value) {
        outputs.emplace_back();
        continue;
      }
      const Shape shape = evaluate(types[i].shape, {});
      charge(node.outputs[i], types[i].dtype, shape);
      outputs.push_back(Tensor::zeros(types[i].dtype, shape));
    }
    return outputs;
  }

  std::vector<Tensor> run_subgraphs(const Node& node, std::span<const Tensor> inputs) {
    const auto call = [&](std::string_view attribute, std::span<const Tensor> operands) {
      return interpret(node.attributes.graph(attribute), operands,
                       {.observe = {}, .byte_limit = options_.byte_limit - live_bytes_});
    };
    std::vector<Tensor> outputs = run_control(graph_, {node, inputs, call});
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      charge(node.outputs[i], outputs[i].dtype(), outputs[i].shape());
    }
    return outputs;
  }

  std::vector<Tensor> run_decomposed(const Node& node, std::span<const Tensor> inputs) {
    Graph alone = decomposed(graph_, node, inputs);
    std::vector<Tensor> present;
    std::vector<ValueId> varying;
    std::size_t next = 0;
    for (const Tensor& tensor : inputs) {
      if (!tensor.present()) continue;
      ValueId id = alone.inputs[next++];
      if (alone.is_constant(id)) continue;
      varying.push_back(id);
      present.push_back(tensor);
    }
    alone.inputs = varying;
    return interpret(alone, present,
                     {.observe = {}, .byte_limit = options_.byte_limit - live_bytes_});
  }

  void release(ValueId id) {
    if (id != no_value && --remaining_[index(id)] == 0) drop(id);
  }
  void drop(ValueId id) {
    tensors_[index(id)] = Tensor();
    live_bytes_ -= std::exchange(owned_[index(id)], 0);
  }

  const Graph& graph_;
  const InterpretOptions& options_;
  std::vector<Tensor> tensors_;
  std::vector<std::int64_t> owned_;     // bytes charged for each value
  std::vector<std::size_t> remaining_;  // readers still to come
  std::int64_t live_bytes_ = 0;
  const bool sizes_are_known_;  // else every rule is asked again, with what operands hold
};

}  // namespace

DimValues bind_inputs(const Graph& graph, std::span<const Shape> shapes) {
  if (shapes.size() != graph.inputs.size()) {
    fail(ErrorCode::usage, "{} inputs given, expected {}", shapes.size(), graph.inputs.size());
  }
  DimValues symbols;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Value& input = graph.value(graph.inputs[i]);
    const SymbolicShape& wanted = input.type.shape;
    if (shapes[i].rank() != int(wanted.size())) {
      fail(ErrorCode::usage, "input {} has shape {}, expected {}", input.name, to_string(shapes[i]),
           to_string(wanted));
    }
    for (std::size_t axis = 0; axis < wanted.size(); ++axis) {
      const auto symbol = wanted[axis].as_symbol();
      if (symbol && !symbols.find(*symbol)) symbols.set(*symbol, shapes[i][int(axis)]);
    }
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Value& input = graph.value(graph.inputs[i]);
    for (int axis = 0; axis < shapes[i].rank(); ++axis) {
      const Dim& wanted = input.type.shape[std::size_t(axis)];
      std::vector<std::string> names;
      wanted.collect_symbols(names);
      // An expression over symbols that no input binds (in a subgraph) accepts any extent.
      if (std::any_of(names.begin(), names.end(), [&](auto& n) { return !symbols.find(n); })) {
        continue;
      }
      if (const std::int64_t extent = wanted.evaluate(symbols); extent != shapes[i][axis]) {
        fail(ErrorCode::usage, "input {} has shape {}, expected {} (axis {} is {}, expected {})",
             input.name, to_string(shapes[i]), to_string(input.type.shape), axis, shapes[i][axis],
             extent);
      }
    }
  }
  return symbols;
}

std::vector<Tensor> interpret(const Graph& graph, std::span<const Tensor> inputs,
                              const InterpretOptions& options) {
  std::vector<Shape> shapes;
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) {
    shapes.push_back(input.shape());
    types.push_back({input.dtype(), {input.shape().begin(), input.shape().end()}});
  }
  bind_inputs(graph, shapes);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = graph.value(graph.inputs[i]);
    if (input.type.dtype != inputs[i].dtype()) {
      fail(ErrorCode::usage, "input {} has element type {}, expected {}", input.name,
           to_string(inputs[i].dtype()), to_string(input.type.dtype));
    }
  }
  // Inferring again with the actual shapes leaves only symbols that data tell.
  const Graph concrete = with_input_types(graph, types);
  return Interpreter(concrete, options).run(inputs);
}

}  // namespace strata::ir
