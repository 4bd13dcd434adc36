#include "strata/runtime/reference.hpp"

#include <cstdio>
#include <memory>
#include <new>

namespace strata::runtime {
namespace {

const ReferenceProblem& problem_of(const kernels::Problem& problem) {
  return static_cast<const ReferenceProblem&>(problem);
}

const char* rejects(const kernels::Problem& problem) {
  return problem_of(problem).node->op->reference ? nullptr
                                                 : "the op has no reference implementation";
}

void layouts(const kernels::Problem& problem, std::vector<kernels::OperandLayouts>& options) {
  kernels::OperandLayouts plain;
  for (const auto& input : problem_of(problem).inputs) {
    if (input.present) plain.in.push_back(kernels::plain_layout);
  }
  for (const auto& output : problem_of(problem).outputs) {
    if (output.present) plain.out.push_back(kernels::plain_layout);
  }
  options.push_back(std::move(plain));
}

kernels::CostEstimate cost(const kernels::Problem& problem, const Machine&) {
  constexpr double call = 1.5e-7;
  constexpr double seconds_per_operation = 2e-9;  // plain loops, one element at a time
  const ReferenceProblem& p = problem_of(problem);
  double operations = 0;
  std::vector<Shape> in, out;
  for (const auto& input : p.inputs) in.push_back(input.shape);
  for (const auto& output : p.outputs) {
    out.push_back(output.shape);
    operations += double(output.shape.elements());
  }
  if (p.node->op->cost) {
    const ir::Cost work = p.node->op->cost({*p.node, in, out});
    operations += double(work.macs) + double(work.flops);
  }
  return {call + operations * seconds_per_operation};
}

/// Of the tensors, which lie before the scratch of the reference.
std::size_t tensor_bytes(const ReferenceProblem& p) {
  constexpr std::size_t alignment = 64;
  const std::size_t bytes = (p.inputs.size() + p.outputs.size()) * sizeof(Tensor);
  return (bytes + alignment - 1) / alignment * alignment;
}

std::size_t scratch_bytes(const kernels::Problem& problem) {
  const ReferenceProblem& p = problem_of(problem);
  if (!p.node->op->scratch_bytes) return tensor_bytes(p);
  std::vector<Shape> in, out;
  for (const auto& input : p.inputs) in.push_back(input.shape);
  for (const auto& output : p.outputs) out.push_back(output.shape);
  return tensor_bytes(p) + p.node->op->scratch_bytes({*p.node, in, out});
}

std::int64_t units(const kernels::Problem&, int) { return 1; }

/// A reference may complain as shape rules do, or have no memory: that ends the run, not the
/// process. The message stays until this thread's next one.
const char* run_guarded(const ir::EvalArgs& args) noexcept {
  thread_local char message[256];
  try {
    return args.node.op->reference(args).message;
  } catch (const std::bad_alloc&) {
    return "there is not enough memory";
  } catch (const std::exception& error) {
    std::snprintf(message, sizeof message, "%s", error.what());
    return message;
  } catch (...) {
    return "the reference failed";
  }
}

const char* run(const kernels::Args& args, int, std::int64_t, std::int64_t) noexcept {
  const ReferenceProblem& p = problem_of(*args.problem);
  // Tensors live in the scratch: a run allocates nothing.
  auto* tensors = reinterpret_cast<Tensor*>(args.scratch);
  const std::size_t count = p.inputs.size() + p.outputs.size();
  std::uninitialized_default_construct_n(tensors, count);
  std::span<Tensor> inputs(tensors, p.inputs.size());
  std::span<Tensor> outputs(tensors + p.inputs.size(), p.outputs.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& operand = p.inputs[i];
    if (operand.present) inputs[i] = Tensor::borrow(operand.dtype, operand.shape, args.in[next++]);
  }
  next = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& operand = p.outputs[i];
    if (operand.present)
      outputs[i] = Tensor::borrow(operand.dtype, operand.shape, args.out[next++]);
  }
  const char* message = run_guarded({*p.node, inputs, outputs, args.scratch + tensor_bytes(p)});
  std::destroy_n(tensors, count);
  return message;
}

constexpr kernels::Row row{
    .name = "reference",
    .kind = kernels::ProblemKind::reference,
    .rejects = rejects,
    .layouts = layouts,
    .cost = cost,
    .scratch_bytes = scratch_bytes,
    .units = units,
    .run = run,
};

}  // namespace

const kernels::Row& reference_row() { return row; }

}  // namespace strata::runtime
