#include "strata/runtime/session.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/verify.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::runtime {
namespace {

constexpr std::size_t most_bindings = 8;

std::string accepted_inputs(const std::vector<std::string>& names,
                            const std::vector<ir::TensorType>& types) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i ? ", " : "") + names[i] + " " + to_string(types[i]);
  }
  return text;
}

}  // namespace

Session::Session(ir::Graph graph, SessionOptions options) : options_(std::move(options)) {
  if (options_.threads < 0 || options_.threads > 256) {
    fail(ErrorCode::usage, "threads: {} given, 0 (all) to 256 accepted", options_.threads);
  }
  ir::infer_types(graph);
  ir::verify(graph);
  auto describe = [&](const std::vector<ir::ValueId>& ids, std::vector<std::string>& names,
                      std::vector<ir::TensorType>& types) {
    for (ir::ValueId id : ids) {
      names.push_back(graph.value(id).name);
      types.push_back(graph.value(id).type);
    }
  };
  describe(graph.inputs, input_names_, input_types_);
  describe(graph.outputs, output_names_, output_types_);
  if (options_.optimize) passes_ = ir::optimize(graph, options_.passes);
  graph_ = std::move(graph);
  pool_ = std::make_shared<ThreadPool>(options_.threads ? options_.threads : usable_threads());
  states_ = std::make_shared<States>(graph_);
  const bool sizes_are_open = !typical_dims(graph_, {}).items().empty();
  try {
    compile(options_.target.typical);
  } catch (const Error& error) {
    // Sizes of 1 may make no sense; the first inputs tell better ones.
    if (!sizes_are_open || error.code() != ErrorCode::model) throw;
  }
}

void Session::compile(const DimValues& typical) {
  Target target = options_.target;
  target.typical = typical;
  program_ = Program::compile(graph_, target);
}

const Program& Session::program() const {
  if (!program_)
    fail(ErrorCode::usage, "kernels are chosen when the sizes of the inputs are known");
  return *program_;
}

std::shared_ptr<const Binding> Session::bind(const DimValues& dims) {
  BindOptions bind_options;
  bind_options.threads = pool_->size();
  bind_options.memory_budget = options_.memory_budget;
  const Binding* earlier = bound_.empty() ? nullptr : &bound_.back().context->binding();
  try {
    if (program_) return Binding::bind(program_, dims, bind_options, earlier);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
  }
  compile(dims);
  return Binding::bind(program_, dims, bind_options);
}

Context& Session::context(std::span<const Shape> input_shapes) {
  ++uses_;
  for (Bound& bound : bound_) {
    if (std::ranges::equal(bound.shapes, input_shapes)) {
      bound.last_use = uses_;
      return *bound.context;
    }
  }
  auto binding = bind(ir::bind_inputs(graph_, input_shapes));
  // Kept only once it is complete: there may be no memory for the arena.
  Bound bound{{input_shapes.begin(), input_shapes.end()},
              std::make_unique<Context>(std::move(binding), pool_, std::nullopt, states_),
              uses_};
  if (bound_.size() == most_bindings) {
    bound_.erase(std::ranges::min_element(bound_, {}, &Bound::last_use));
  }
  return *bound_.emplace_back(std::move(bound)).context;
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs) {
  if (inputs.size() != input_names_.size()) {
    fail(ErrorCode::usage, "{} inputs given, {} accepted: {}", inputs.size(), input_names_.size(),
         accepted_inputs(input_names_, input_types_));
  }
  std::vector<Shape> shapes;
  std::vector<Tensor> readable;
  std::vector<const void*> in;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present() || inputs[i].dtype() != input_types_[i].dtype) {
      fail(ErrorCode::usage, "input {}: {} given, {} accepted", input_names_[i],
           inputs[i].present() ? to_string(inputs[i].dtype()) : "nothing",
           to_string(input_types_[i]));
    }
    shapes.push_back(inputs[i].shape());
    readable.push_back(inputs[i].aligned());
    in.push_back(readable.back().raw());
  }
  Context& ready = context(shapes);
  std::vector<Tensor> outputs;
  std::vector<void*> out;
  const ir::Graph& graph = ready.binding().program().graph();
  for (ir::ValueId id : graph.outputs) {
    outputs.push_back(
        Tensor::zeros(graph.value(id).type.dtype, ready.binding().shapes()[ir::index(id)]));
    out.push_back(outputs.back().mutable_raw());
  }
  ready.run(in, out);
  return outputs;
}

}  // namespace strata::runtime
