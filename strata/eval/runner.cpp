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

Runner::Runner(std::shared_ptr<const runtime::Binding> binding, std::shared_ptr<ThreadPool> pool,
               std::span<const Tensor> inputs, std::uint64_t seed)
    : context_(binding, std::move(pool)) {
  const ir::Graph& graph = binding->program().graph();
  Random random(seed);
  STRATA_ASSERT(inputs.empty() || inputs.size() == graph.inputs.size());
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Shape& shape = binding->shapes()[ir::index(graph.inputs[i])];
    const DType dtype = graph.value(graph.inputs[i]).type.dtype;
    inputs_.push_back(inputs.empty() ? seeded(dtype, shape, random)
                                     : checked(inputs[i], dtype, shape));
    in_.push_back(inputs_.back().raw());
  }
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
  for (int i = 0; i < runs; ++i) {
    std::vector<double> seconds(steps);
    run_timed(seconds);
    for (std::size_t step = 0; step < steps; ++step) samples[step].push_back(seconds[step]);
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
