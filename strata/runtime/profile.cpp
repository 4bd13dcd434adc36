#include "strata/runtime/profile.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <set>

#include "strata/ir/cost.hpp"

namespace strata::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The middle half of a sorted list: what disturbs single runs is left out, yet figures of the
/// runs that stay add up.
template <class T>
std::span<const T> middle_half(const std::vector<T>& sorted) {
  const std::size_t cut = sorted.size() / 4;
  return std::span(sorted).subspan(cut, sorted.size() - 2 * cut);
}

double mean_of_middle(std::vector<double> samples) {
  std::ranges::sort(samples);
  const auto middle = middle_half(samples);
  return std::accumulate(middle.begin(), middle.end(), 0.0) / double(middle.size());
}

/// Fills in the figures of the traced runs, of which there is at least one.
void summarize(std::vector<RunTrace> traces, Profile& profile) {
  std::ranges::sort(traces, {}, [](const RunTrace& trace) { return trace.finish.end; });
  const auto middle = middle_half(traces);
  const auto of_runs = [&](const auto& figure) {
    double sum = 0;
    for (const RunTrace& trace : middle) sum += figure(trace);
    return sum / double(middle.size());
  };
  std::optional<std::size_t> before;  // the last step that is not skipped
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    if (traces[0].steps[i].end == 0) continue;
    StepProfile& step = profile.steps[i];
    step.seconds = of_runs([&](const RunTrace& trace) { return trace.steps[i].seconds(); });
    step.gap = of_runs([&](const RunTrace& trace) {
      return trace.steps[i].start - (before ? trace.steps[*before].end : 0);
    });
    before = i;
  }
  profile.finish = of_runs([](const RunTrace& trace) { return trace.finish.seconds(); });
  profile.traced_seconds = of_runs([](const RunTrace& trace) { return trace.finish.end; });
  profile.example = traces[traces.size() / 2];
}

}  // namespace

Work work_of(const Binding& binding, std::size_t step) {
  const Step& planned = binding.program().steps()[step];
  const BoundStep& bound = binding.steps()[step];
  Work work;
  if (bound.skipped) return work;
  const ir::Graph& graph = binding.program().graph();
  if (planned.node != ir::no_node) {
    const ir::Cost cost = ir::node_cost(graph, graph.node(planned.node), binding.dims());
    work.flops = 2 * double(cost.macs) + double(cost.flops);
  }
  const std::set<int> read(planned.in.begin(), planned.in.end());
  for (const int buffer : read) work.bytes += double(binding.buffers()[std::size_t(buffer)].bytes);
  for (const int buffer : planned.out) {
    work.bytes += double(binding.buffers()[std::size_t(buffer)].bytes);
  }
  if (bound.row->packed_bytes) work.bytes += double(bound.row->packed_bytes(*bound.problem));
  return work;
}

double Profile::node_seconds() const {
  return std::accumulate(steps.begin(), steps.end(), finish,
                         [](double sum, const StepProfile& s) { return sum + s.seconds; });
}

Profile profile(Context& context, std::span<const void* const> inputs,
                std::span<void* const> outputs, const ProfileOptions& options) {
  const auto stopped = [&] { return options.stopped && options.stopped(); };
  Profile result;
  for (std::size_t i = 0; i < context.binding().steps().size(); ++i) {
    result.steps.push_back({0, 0, work_of(context.binding(), i)});
  }
  Clock::time_point start = Clock::now();
  do {
    context.run(inputs, outputs);
  } while (since(start) < options.warm_up_s && !stopped());
  std::vector<double> runs;
  std::vector<RunTrace> traces;
  start = Clock::now();
  const auto enough = [&] {
    const int count = int(runs.size());
    return count >= options.max_runs ||
           (count >= options.min_runs && since(start) >= options.seconds);
  };
  do {
    const Clock::time_point begin = Clock::now();
    context.run(inputs, outputs);
    runs.push_back(since(begin));
    context.run_traced(inputs, outputs, traces.emplace_back());
  } while (!enough() && !stopped());
  result.runs = int(runs.size());
  result.run_seconds = mean_of_middle(std::move(runs));
  summarize(std::move(traces), result);
  return result;
}

std::vector<ArenaBlock> arena_blocks(const Binding& binding) {
  std::vector<ArenaBlock> blocks;
  const Program& program = binding.program();
  std::vector<int> block_of(binding.buffers().size(), -1);
  for (std::size_t i = 0; i < binding.buffers().size(); ++i) {
    const BoundBuffer& buffer = binding.buffers()[i];
    const bool root = buffer.root == int(i) && program.buffers()[i].kind == Buffer::Kind::arena;
    if (!root || buffer.last < 0 || buffer.bytes == 0) continue;
    block_of[i] = int(blocks.size());
    blocks.push_back({{}, buffer.offset, buffer.bytes, buffer.first, buffer.last});
  }
  for (std::size_t i = 0; i < binding.buffers().size(); ++i) {
    const int block = block_of[std::size_t(binding.buffers()[i].root)];
    if (block < 0) continue;
    std::vector<std::string>& values = blocks[std::size_t(block)].values;
    const std::string& name = program.graph().value(program.buffers()[i].value).name;
    if (!std::ranges::count(values, name)) values.push_back(name);
  }
  for (std::size_t i = 0; i < binding.steps().size(); ++i) {
    const BoundStep& step = binding.steps()[i];
    const auto at = std::int32_t(i);
    const std::size_t shared =
        step.skipped || !step.row->scratch_bytes ? 0 : step.row->scratch_bytes(*step.problem);
    const std::size_t per_worker = step.worker_scratch_bytes * std::size_t(binding.threads());
    if (shared > 0) blocks.push_back({{}, step.scratch_offset, shared, at, at});
    if (per_worker > 0) blocks.push_back({{}, step.worker_scratch_offset, per_worker, at, at});
  }
  std::ranges::sort(blocks, {}, [](const ArenaBlock& b) { return std::pair(b.first, b.offset); });
  return blocks;
}

}  // namespace strata::runtime
