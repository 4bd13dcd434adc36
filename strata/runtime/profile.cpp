#include "strata/runtime/profile.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
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

/// A run as it is and a traced one beside it.
struct Pair {
  double plain = 0;
  RunTrace trace;
  double length() const { return plain + trace.finish.end; }
};

/// Seconds that reading the clock once takes: the quickest of many series, as others share the
/// machine.
double clock_cost() {
  constexpr int series = 32, readings = 64;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < series; ++i) {
    const Clock::time_point start = Clock::now();
    for (int k = 0; k + 1 < readings; ++k) Clock::now();
    least = std::min(least, since(start) / readings);
  }
  return least;
}

/// Means over pairs of what a function says of each.
class Means {
 public:
  explicit Means(std::span<const Pair> pairs) : pairs_(pairs) {}
  template <class Figure>
  double operator()(const Figure& figure) const {
    double sum = 0;
    for (const Pair& pair : pairs_) sum += figure(pair);
    return sum / double(pairs_.size());
  }

 private:
  std::span<const Pair> pairs_;
};

/// Every interval of a trace holds one reading of the clock. It is taken off as far as there is
/// something to take it off.
void take_off_the_clock(const std::vector<bool>& ran, Profile& profile) {
  double cost = std::min({profile.clock_seconds, profile.finish, profile.finish_gap});
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    if (ran[i]) cost = std::min({cost, profile.steps[i].seconds, profile.steps[i].gap});
  }
  cost = std::max(cost, 0.0);
  profile.clock_seconds = cost;
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    if (!ran[i]) continue;
    profile.steps[i].seconds -= cost;
    profile.steps[i].gap -= cost;
  }
  profile.finish -= cost;
  profile.finish_gap -= cost;
  profile.run_seconds = profile.node_seconds() + profile.gap_seconds();
}

/// Fills in the figures of the pairs, of which there is at least one. What disturbs single runs is
/// left out, yet figures of the runs that stay add up.
void summarize(std::vector<Pair> pairs, const Binding& binding, Profile& profile) {
  std::ranges::sort(pairs, {}, &Pair::length);
  const std::size_t cut = pairs.size() / 4;
  const Means mean(std::span<const Pair>(pairs).subspan(cut, pairs.size() - 2 * cut));
  std::vector<bool> ran;
  for (const BoundStep& step : binding.steps()) ran.push_back(!step.skipped);
  std::optional<std::size_t> before;  // the last step that is not skipped
  const auto end_before = [&](const Pair& pair) {
    return before ? pair.trace.steps[*before].end : 0;
  };
  profile.readings = 3;  // where the run begins, and around the copies
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    if (!ran[i]) continue;
    StepProfile& step = profile.steps[i];
    step.seconds = mean([&](const Pair& pair) { return pair.trace.steps[i].seconds(); });
    step.gap = mean([&](const Pair& p) { return p.trace.steps[i].start - end_before(p); });
    before = i;
    profile.readings += 2;
  }
  profile.finish = mean([](const Pair& pair) { return pair.trace.finish.seconds(); });
  profile.finish_gap = mean([&](const Pair& p) { return p.trace.finish.start - end_before(p); });
  profile.plain_seconds = mean([](const Pair& pair) { return pair.plain; });
  profile.runs = int(pairs.size());
  profile.kept = int(pairs.size() - 2 * cut);
  profile.clock_seconds = clock_cost();
  take_off_the_clock(ran, profile);
  profile.example = std::move(pairs[pairs.size() / 2].trace);
}

/// Of the operands' type: that of the first one, which scales and indices come after.
Work::Arithmetic arithmetic_of(const ir::Graph& graph, const ir::Node& node) {
  const bool f32 = !node.inputs.empty() && node.inputs[0] != ir::no_value &&
                   graph.value(node.inputs[0]).type.dtype == DType::f32;
  return f32 ? Work::Arithmetic::f32 : Work::Arithmetic::other;
}

}  // namespace

Work work_of(const Binding& binding, std::size_t step) {
  const Program& program = binding.program();
  const Step& planned = program.steps()[step];
  const BoundStep& bound = binding.steps()[step];
  Work work;
  if (bound.skipped || bound.placed) return work;
  const ir::Graph& graph = program.graph();
  const auto add_operations = [&](ir::NodeId id) {
    const ir::Node& node = graph.node(id);
    const ir::Cost cost = ir::node_cost(graph, node, binding.dims());
    work.flops += 2 * double(cost.macs) + double(cost.flops);
    if (work.flops > 0) work.arithmetic = arithmetic_of(graph, node);
  };
  if (planned.node != ir::no_node) add_operations(planned.node);
  const auto add_weights = [&](const kernels::Row& row, const kernels::Problem& problem) {
    if (row.packed_bytes) work.bytes += double(row.packed_bytes(problem));
  };
  bool alone = true;
  for (const BoundBlock& block : binding.blocks()) {
    if (block.steps.back() != step) continue;
    alone = false;
    add_weights(*planned.row, *bound.problem);  // which has the last stage's numbers
    for (const std::size_t other : block.steps) {
      if (other == step) continue;
      add_operations(program.steps()[other].node);
      add_weights(*binding.steps()[other].row, *binding.steps()[other].problem);
    }
  }
  if (alone) add_weights(*bound.row, *bound.problem);
  const std::set<int> read(bound.in.begin(), bound.in.end());
  for (const int buffer : read) work.bytes += double(binding.buffers()[std::size_t(buffer)].bytes);
  for (const int buffer : planned.out) {
    work.bytes += double(binding.buffers()[std::size_t(buffer)].bytes);
  }
  return work;
}

double Profile::node_seconds() const {
  return std::accumulate(steps.begin(), steps.end(), finish,
                         [](double sum, const StepProfile& s) { return sum + s.seconds; });
}

double Profile::gap_seconds() const {
  return std::accumulate(steps.begin(), steps.end(), finish_gap,
                         [](double sum, const StepProfile& s) { return sum + s.gap; });
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
  std::vector<Pair> pairs;
  start = Clock::now();
  const auto enough = [&] {
    const int count = int(pairs.size());
    return count >= options.max_runs ||
           (count >= options.min_runs && since(start) >= options.seconds);
  };
  do {
    Pair& pair = pairs.emplace_back();
    const auto plain = [&] {
      const Clock::time_point begin = Clock::now();
      context.run(inputs, outputs);
      pair.plain = since(begin);
    };
    const bool plain_first = pairs.size() % 2 == 1;
    if (plain_first) plain();
    context.run_traced(inputs, outputs, pair.trace);
    if (!plain_first) plain();
  } while (!enough() && !stopped());
  summarize(std::move(pairs), context.binding(), result);
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
