#include "strata/tune/workload.hpp"

#include "strata/base/random.hpp"
#include "strata/ir/interpreter.hpp"

namespace strata::tune {
namespace {

std::shared_ptr<const runtime::Binding> bound_to(std::shared_ptr<const runtime::Program> program,
                                                 std::span<const Tensor> inputs, int threads) {
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  const DimValues dims = ir::bind_inputs(program->graph(), shapes);
  runtime::BindOptions options;
  options.threads = threads;
  return runtime::Binding::bind(std::move(program), dims, options);
}

}  // namespace

std::vector<Tensor> seeded_inputs(const ir::Graph& graph, const DimValues& dims,
                                  std::uint64_t seed) {
  Random random(seed);
  std::vector<Tensor> inputs;
  for (const ir::ValueId id : graph.inputs) {
    const ir::TensorType& type = graph.value(id).type;
    const Shape shape = evaluate(type.shape, dims);
    if (!is_float(type.dtype)) {
      inputs.push_back(Tensor::zeros(type.dtype, shape));
      continue;
    }
    Tensor numbers = Tensor::zeros(DType::f32, shape);
    for (float& x : numbers.mutable_data<float>()) x = float(random.normal());
    inputs.push_back(type.dtype == DType::f32 ? numbers : numbers.cast(type.dtype));
  }
  return inputs;
}

Workload::Workload(std::shared_ptr<const runtime::Program> program, std::vector<Tensor> inputs,
                   std::shared_ptr<ThreadPool> pool)
    : inputs_(std::move(inputs)),
      context_(bound_to(std::move(program), inputs_, pool->size()), pool) {
  const runtime::Binding& bound = context_.binding();
  const ir::Graph& graph = bound.program().graph();
  for (const Tensor& input : inputs_) in_.push_back(input.raw());
  for (const ir::ValueId id : graph.outputs) {
    outputs_.push_back(Tensor::zeros(graph.value(id).type.dtype, bound.shapes()[ir::index(id)]));
    out_.push_back(outputs_.back().mutable_raw());
  }
}

std::vector<Timing> Workload::time_steps(std::size_t rounds) {
  return tune::time_steps(program().steps().size(), rounds, [&](std::span<double> seconds) {
    context_.run_timed(in_, out_, seconds);
  });
}

}  // namespace strata::tune
