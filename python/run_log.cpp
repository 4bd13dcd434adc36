#include "python/run_log.hpp"

#include <algorithm>

#include "python/errors.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using namespace py::literals;

/// As many as ONNX Runtime keeps.
constexpr std::size_t most_events = 1'000'000;

py::list texts(const std::vector<std::string>& names) {
  py::list list;
  for (const std::string& name : names) list.append(text(name));
  return list;
}

py::list sources_of(const runtime::Program& program, const runtime::Step& step) {
  if (step.node == ir::no_node) return py::list();
  return texts(program.graph().node(step.node).sources);
}

py::dict step_dict(const runtime::Program& program, std::size_t i) {
  const runtime::Step& step = program.steps()[i];
  return py::dict("name"_a = text(step.name), "op"_a = step.op,
                  "kernel"_a = std::string(step.row->name),
                  "sources"_a = sources_of(program, step));
}

}  // namespace

void RunLog::run(runtime::Context& context, std::span<const void* const> in,
                 std::span<void* const> out) {
  const double start = std::chrono::duration<double>(Clock::now() - origin_).count();
  context.run_traced(in, out, trace_);
  add(context, start);
}

void RunLog::add(const runtime::Context& context, double start) {
  const auto& steps = context.binding().program().steps();
  if (events_.size() + steps.size() > most_events) return;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (context.binding().steps()[i].skipped) continue;
    const runtime::Interval& interval = trace_.steps[i];
    events_.push_back({steps[i].name, steps[i].op,
                       std::string(context.binding().steps()[i].row->name), start + interval.start,
                       interval.seconds()});
  }
}

py::list RunLog::take() {
  py::list list;
  for (const Event& event : events_) {
    list.append(py::dict("name"_a = text(event.name), "op"_a = event.op, "kernel"_a = event.kernel,
                         "start"_a = event.start, "seconds"_a = event.seconds));
  }
  events_.clear();
  return list;
}

py::dict profile_dict(const runtime::Profile& profile, const runtime::Binding& binding) {
  const double total = profile.run_seconds;
  py::list nodes;
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    if (binding.steps()[i].skipped) continue;
    const runtime::StepProfile& step = profile.steps[i];
    py::dict node = step_dict(binding.program(), i);
    node["kernel"] = std::string(binding.steps()[i].row->name);
    node["seconds"] = step.seconds;
    node["share"] = total > 0 ? step.seconds / total : 0.0;
    node["gap"] = step.gap;
    node["flops"] = step.work.flops;
    node["bytes"] = step.work.bytes;
    nodes.append(node);
  }
  return py::dict("runs"_a = profile.runs, "seconds"_a = profile.run_seconds,
                  "plain_seconds"_a = profile.plain_seconds,
                  "gap_seconds"_a = profile.gap_seconds(), "finish_seconds"_a = profile.finish,
                  "threads"_a = binding.threads(),
                  "isa"_a = to_string(binding.program().target().isa),
                  "arena_bytes"_a = binding.peak_bytes(), "nodes"_a = nodes);
}

py::list kernel_list(const runtime::Program& program) {
  py::list list;
  for (std::size_t i = 0; i < program.steps().size(); ++i) {
    py::dict step = step_dict(program, i);
    py::dict rejected;
    for (const runtime::Rejection& rejection : program.steps()[i].rejections) {
      rejected[py::str(std::string(rejection.row))] = text(rejection.reason);
    }
    step["rejected"] = rejected;
    list.append(step);
  }
  return list;
}

py::dict plan_dict(const runtime::Binding& binding) {
  const ir::Graph& graph = binding.program().graph();
  py::dict inputs;
  for (const ir::ValueId id : graph.inputs) {
    const Shape& shape = binding.shapes()[ir::index(id)];
    py::list extents;
    for (const std::int64_t extent : shape) extents.append(extent);
    inputs[text(graph.value(id).name)] = extents;
  }
  return py::dict("inputs"_a = inputs, "arena_bytes"_a = binding.peak_bytes());
}

}  // namespace strata::python
