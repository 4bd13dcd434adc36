#include "strata/eval/runner.hpp"

#include <algorithm>
#include <chrono>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"
#include "strata/eval/latency.hpp"

namespace strata::eval {
namespace {

Tensor seeded(DType dtype, const Shape& shape, Random& random) {
  Tensor values = Tensor::zeros(DType::f32, shape);
  for (float& value : values.mutable_data<float>()) {
    value = is_float(dtype) ? float(2 * random.uniform() - 1) : float(random.below(2));
  }
  return values.cast(dtype);
}

const Tensor& checked(const Tensor& tensor, DType dtype, const Shape& shape) {
  if (tensor.dtype() != dtype || tensor.shape() != shape) {
    fail(ErrorCode::usage, "input of {}{} given, {}{} accepted", to_string(tensor.dtype()),
         to_string(tensor.shape()), to_string(dtype), to_string(shape));
  }
  return tensor;
}

}  // namespace

std::vector<Tensor> seeded_inputs(const ir::Graph& graph, std::span<const Shape> shapes,
                                  std::uint64_t seed) {
  Random random(seed);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    inputs.push_back(seeded(graph.value(graph.inputs[i]).type.dtype, shapes[i], random));
  }
  return inputs;
}

Runner::Runner(std::shared_ptr<const runtime::Binding> binding, std::shared_ptr<ThreadPool> pool,
               std::span<const Tensor> inputs, std::uint64_t seed)
    : context_(binding, std::move(pool)) {
  const ir::Graph& graph = binding->program().graph();
  STRATA_ASSERT(inputs.empty() || inputs.size() == graph.inputs.size());
  std::vector<Shape> shapes;
  for (const ir::ValueId id : graph.inputs) shapes.push_back(binding->shapes()[ir::index(id)]);
  if (inputs.empty()) inputs_ = seeded_inputs(graph, shapes, seed);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const DType dtype = graph.value(graph.inputs[i]).type.dtype;
    inputs_.push_back(checked(inputs[i], dtype, shapes[i]).aligned());
  }
  for (const Tensor& input : inputs_) in_.push_back(input.raw());
  for (const ir::ValueId id : graph.outputs) {
    const Shape& shape = binding->shapes()[ir::index(id)];
    outputs_.push_back(Tensor::zeros(graph.value(id).type.dtype, shape));
    out_.push_back(outputs_.back().mutable_raw());
  }
}

double Runner::timed_run() {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<double> Runner::time_steps(int runs, const std::function<bool()>& stopped) {
  const std::size_t steps = binding().steps().size();
  std::vector<std::vector<double>> samples(steps);  // (step, run)
  runtime::RunTrace trace;
  for (int i = 0; i < runs; ++i) {
    run_traced(trace);
    for (std::size_t step = 0; step < steps; ++step) {
      samples[step].push_back(trace.steps[step].seconds());
    }
    if (stopped && stopped()) break;
  }
  std::vector<double> medians;
  for (std::vector<double>& sample : samples) {
    std::ranges::sort(sample);
    medians.push_back(quantile(sample, 0.5));
  }
  return medians;
}

}  // namespace strata::eval
