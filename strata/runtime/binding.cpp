#include "strata/runtime/binding.hpp"

#include <algorithm>
#include <utility>

#include "strata/base/error.hpp"
#include "strata/kernels/movement/movement.hpp"
#include "strata/runtime/blocks.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {
namespace {

using Kind = Buffer::Kind;

std::string in_kib(std::size_t bytes) {
  return bytes < 10240 ? fmt::format("{} bytes", bytes)
                       : fmt::format("{:.1f} KiB", double(bytes) / 1024);
}

}  // namespace

/// Fills in one Binding.
class Binder {
 public:
  Binder(std::shared_ptr<const Program> program, const DimValues& dims, const BindOptions& options)
      : options_(options), program_(*program) {
    binding_.program_ = std::move(program);
    binding_.dims_ = typical_dims(program_.graph(), dims);
    binding_.threads_ = options.threads;
    binding_.shapes_ = value_shapes(program_.graph(), binding_.dims_);
  }

  Binding bind(const Binding* earlier) {
    size_buffers();
    for (const Step& step : program_.steps()) bind_step(step);
    skip_idle_steps();
    form_blocks();
    share_memory();
    place(earlier);
    return std::move(binding_);
  }

 private:
  BoundBuffer& bound(int buffer) { return binding_.buffers_[std::size_t(buffer)]; }
  const Buffer& buffer(int id) const { return program_.buffers()[std::size_t(id)]; }
  bool in_arena(int id) const { return buffer(id).kind == Kind::arena; }

  void size_buffers() {
    const ir::Graph& graph = program_.graph();
    binding_.buffers_.resize(program_.buffers().size());
    sharers_.resize(program_.buffers().size());
    for (std::size_t i = 0; i < program_.buffers().size(); ++i) {
      const Buffer& source = program_.buffers()[i];
      BoundBuffer& target = binding_.buffers_[i];
      const ir::Value& value = graph.value(source.value);
      target.shape = binding_.shapes_[ir::index(source.value)];
      target.bytes = std::size_t(stored_elements(source.layout, target.shape.dims())) *
                     size_of(value.type.dtype);
      target.root = source.view_of >= 0 ? bound(source.view_of).root : int(i);
      if (source.view_of >= 0) sharers_[std::size_t(target.root)].push_back(int(i));
      if (source.kind == Kind::known) target.known = known_elements(value, target.shape);
    }
  }

  Tensor known_elements(const ir::Value& value, const Shape& shape) const {
    std::vector<std::int64_t> elements;
    for (const Dim& dim : *value.elements) elements.push_back(dim.evaluate(binding_.dims_));
    return Tensor::from<std::int64_t>(shape, elements).cast(value.type.dtype);
  }

  void bind_step(const Step& step) {
    BoundStep bound_step;
    bound_step.row = step.row;
    bound_step.packed = step.packed;
    bound_step.in = step.in;
    bound_step.out = step.out;
    if (step.node == ir::no_node) {
      const Buffer& from = buffer(step.in[0]);
      bound_step.problem = reorder_problem(program_.graph(), from.value,
                                           binding_.shapes_[ir::index(from.value)], step.layouts);
    } else {
      lower_step(step, bound_step);
    }
    const kernels::Problem& problem = *bound_step.problem;
    const int phases = bound_step.row->phases ? bound_step.row->phases(problem) : 1;
    for (int phase = 0; phase < phases; ++phase) {
      bound_step.units.push_back(bound_step.row->units(problem, phase));
    }
    binding_.steps_.push_back(std::move(bound_step));
  }

  void lower_step(const Step& step, BoundStep& bound_step) {
    const ir::Node& node = program_.graph().node(step.node);
    Lowered lowered = lower_as(LowerContext(program_.graph(), node, binding_.shapes_), step.how);
    if (!lowered.problem) {
      fail(ErrorCode::unsupported, "node {} ({}): kernel {} cannot run at these sizes", node.name,
           step.op, step.row->name);
    }
    lowered.problem->layouts = step.layouts;
    if (step.row->rejects(*lowered.problem)) choose_again(step, lowered, bound_step);
    bound_step.problem = std::move(lowered.problem);
  }

  /// New sizes that the chosen row rejects: the cheapest other row with the same layouts takes
  /// over.
  void choose_again(const Step& step, const Lowered& lowered, BoundStep& bound_step) {
    const Target& target = program_.target();
    const kernels::Row* best = nullptr;
    double least = 0;
    for (const kernels::Row* row : target.rows) {
      if (row->kind != lowered.problem->kind || !has_isa(target.isa, row->isa) ||
          row->precision > target.precision || row->rejects(*lowered.problem)) {
        continue;
      }
      std::vector<kernels::OperandLayouts> options;
      row->layouts(*lowered.problem, options);
      const bool same = std::ranges::any_of(options, [&](const kernels::OperandLayouts& option) {
        return option.in == step.layouts.in && option.out == step.layouts.out;
      });
      if (!same) continue;
      const double seconds = row->cost(*lowered.problem, target.machine).seconds;
      if (best && seconds >= least) continue;
      best = row;
      least = seconds;
    }
    if (best) {
      bound_step.row = best;
      bound_step.packed = target.packed->pack(*best, *lowered.problem,
                                              pack_sources(program_.graph(), lowered.operands));
      return;
    }
    fail(ErrorCode::unsupported, "node {} ({}): kernel {}: {}", step.name, step.op, step.row->name,
         step.row->rejects(*lowered.problem));
  }

  /// Whether the step would write what it reads.
  bool is_idle(const Step& step, const kernels::Problem& problem) const {
    if (problem.kind == kernels::ProblemKind::reorder) {
      return same_storage(step.layouts.in[0], step.layouts.out[0],
                          binding_.buffers_[std::size_t(step.in[0])].shape);
    }
    return problem.kind == kernels::ProblemKind::strided_copy &&
           is_whole_copy(static_cast<const kernels::StridedCopyProblem&>(problem));
  }

  /// A reorder between layouts that are the same bytes at these sizes becomes a view, as does a
  /// Transpose whose result is the same bytes in another layout.
  void skip_idle_steps() {
    for (std::size_t i = 0; i < program_.steps().size(); ++i) {
      const Step& step = program_.steps()[i];
      if (step.out.size() != 1 || !in_arena(step.out[0])) continue;
      if (!is_idle(step, *binding_.steps_[i].problem)) continue;
      const BoundBuffer& from = bound(step.in[0]);
      binding_.steps_[i].skipped = true;
      view(step.out[0], from.root, from.begin);
    }
  }

  /// A buffer that was its own root shares the bytes of another from `begin` on, with all that
  /// share its own.
  void view(int buffer, int root, std::size_t begin) {
    auto& of_buffer = sharers_[std::size_t(buffer)];
    auto& of_root = sharers_[std::size_t(root)];
    of_buffer.push_back(buffer);
    for (const int sharer : of_buffer) {
      bound(sharer).root = root;
      bound(sharer).begin += begin;
      of_root.push_back(sharer);
    }
    of_buffer.clear();
  }

  void form_blocks() {
    if (!program_.target().blocks) return;
    binding_.blocks_ = find_blocks(program_, binding_.steps_, binding_.buffers_, options_.threads);
    for (const BoundBlock& block : binding_.blocks_) run_as_one(block, program_, binding_.steps_);
  }

  /// Lifetimes, and who takes over whose bytes. Operands of a Concat lie in its result from the
  /// first one on, unless that needs more memory than copies of them do.
  void share_memory() {
    const std::vector<BoundBuffer> buffers = binding_.buffers_;
    const auto sharers = sharers_;
    const bool joined = join_operands();
    settle();
    if (!joined) return;
    const std::size_t with = most_alive();
    std::vector<BoundBuffer> joined_buffers = std::exchange(binding_.buffers_, buffers);
    auto joined_sharers = std::exchange(sharers_, sharers);
    settle();
    const bool pays = with <= most_alive();
    if (pays) {
      binding_.buffers_ = std::move(joined_buffers);
      sharers_ = std::move(joined_sharers);
    }
    for (BoundStep& step : binding_.steps_) {
      step.placed = step.placed && pays;
      if (step.placed) step.units = {0};
    }
  }

  void settle() {
    set_lifetimes();
    reuse_dying_inputs();
  }

  /// Largest sum of bytes of buffers that one step needs.
  std::size_t most_alive() const {
    std::vector<std::size_t> begins(program_.steps().size() + 1), ends(begins.size() + 1);
    for (std::size_t i = 0; i < binding_.buffers_.size(); ++i) {
      const BoundBuffer& b = binding_.buffers_[i];
      if (!in_arena(int(i)) || b.root != int(i) || b.last < b.first) continue;
      begins[std::size_t(b.first)] += b.bytes;
      ends[std::size_t(b.last) + 1] += b.bytes;
    }
    std::size_t alive = 0, most = 0;
    for (std::size_t i = 0; i < begins.size(); ++i) {
      alive += begins[i] - ends[i];
      most = std::max(most, alive);
    }
    return most;
  }

  /// Places operands of Concats in the results. Whether there was one.
  bool join_operands() {
    bool joined = false;
    for (std::size_t i = 0; i < program_.steps().size(); ++i) {
      BoundStep& bound_step = binding_.steps_[i];
      if (bound_step.skipped || bound_step.problem->kind != kernels::ProblemKind::concat) continue;
      const auto& problem = static_cast<const kernels::ConcatProblem&>(*bound_step.problem);
      if (is_end_to_end(problem)) joined |= join_operands(program_.steps()[i], bound_step);
    }
    return joined;
  }

  bool join_operands(const Step& step, BoundStep& bound_step) {
    const int out = step.out[0];
    bool joined = false, all = true;
    std::size_t begin = 0;
    for (const int in : step.in) {
      const int root = bound(in).root;
      const std::size_t bytes = bound(in).bytes;
      const bool whole = bound(in).begin == 0 && bound(root).bytes == bytes && bytes > 0;
      if (root != out && whole && in_arena(root) && begin % arena_alignment == 0) {
        view(root, out, begin);
        joined = true;
      } else {
        all = all && bytes == 0;
      }
      begin += bytes;
    }
    bound_step.placed = joined && all;
    return joined;
  }

  /// Of roots: from the step that writes to the last one that reads any view.
  void set_lifetimes() {
    const auto steps = std::int32_t(program_.steps().size());
    for (BoundBuffer& b : binding_.buffers_) b.first = steps, b.last = -1;
    auto touch = [&](int id, std::int32_t step) {
      BoundBuffer& root = bound(bound(id).root);
      root.first = std::min(root.first, step);
      root.last = std::max(root.last, step);
    };
    for (std::int32_t i = 0; i < steps; ++i) {
      for (int id : binding_.steps_[std::size_t(i)].in) touch(id, i);
      for (int id : binding_.steps_[std::size_t(i)].out) touch(id, i);
    }
    // What is copied out after the last step must outlive it.
    for (int id : program_.outputs()) touch_end(id, steps);
    for (int id : program_.written_states()) touch_end(id, steps);
  }

  void touch_end(int id, std::int32_t steps) {
    BoundBuffer& root = bound(bound(id).root);
    root.last = steps;
  }

  /// An output takes over the bytes of an input that dies in the same step, where the row allows.
  void reuse_dying_inputs() {
    for (std::size_t i = 0; i < program_.steps().size(); ++i) {
      const BoundStep& step = binding_.steps_[i];
      if (step.skipped || !step.row->in_place || step.out.size() != 1) continue;
      const std::uint32_t allowed = step.row->in_place(*step.problem);
      for (std::size_t j = 0; j < step.in.size() && j < 32; ++j) {
        if ((allowed >> j & 1) && take_over(step, j, std::int32_t(i))) break;
      }
    }
  }

  bool take_over(const BoundStep& step, std::size_t j, std::int32_t at) {
    const int out = step.out[0], in = bound(step.in[j]).root;
    if (!in_arena(out) || !in_arena(in) || bound(out).root != out) return false;
    if (bound(step.in[j]).begin > 0) return false;
    if (bound(in).last != at || bound(in).bytes < bound(out).bytes) return false;
    for (std::size_t k = 0; k < step.in.size(); ++k) {
      if (k != j && bound(step.in[k]).root == in) return false;
    }
    bound(in).last = bound(out).last;
    view(out, in, 0);
    return true;
  }

  std::size_t scratch(const BoundStep& step, std::size_t (*bytes)(const kernels::Problem&)) const {
    return step.skipped || !bytes ? 0 : bytes(*step.problem);
  }

  void place(const Binding* earlier) {
    std::vector<Lifetime> lifetimes;
    std::vector<int> owners;
    for (std::size_t i = 0; i < binding_.buffers_.size(); ++i) {
      const BoundBuffer& b = binding_.buffers_[i];
      if (!in_arena(int(i)) || b.root != int(i) || b.last < 0) continue;
      lifetimes.push_back({b.bytes, b.first, b.last});
      owners.push_back(int(i));
    }
    const std::size_t buffers = owners.size();
    for (std::size_t i = 0; i < binding_.steps_.size(); ++i) {
      BoundStep& step = binding_.steps_[i];
      const auto at = std::int32_t(i);
      step.worker_scratch_bytes = round_up(scratch(step, step.row->worker_scratch_bytes));
      lifetimes.push_back({scratch(step, step.row->scratch_bytes), at, at});
      lifetimes.push_back({step.worker_scratch_bytes * std::size_t(options_.threads), at, at});
    }
    std::span<const std::uint32_t> hint;
    if (earlier && earlier->program_ == binding_.program_) hint = earlier->memory_.order;
    binding_.memory_ = plan_memory(lifetimes, hint);
    check_budget();
    const auto& offsets = binding_.memory_.offsets;
    for (std::size_t i = 0; i < buffers; ++i) bound(owners[i]).offset = offsets[i];
    for (std::size_t i = 0; i < binding_.steps_.size(); ++i) {
      binding_.steps_[i].scratch_offset = offsets[buffers + 2 * i];
      binding_.steps_[i].worker_scratch_offset = offsets[buffers + 2 * i + 1];
    }
  }

  static std::size_t round_up(std::size_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
  }

  void check_budget() const {
    const MemoryPlan& memory = binding_.memory_;
    if (!options_.memory_budget || memory.peak <= *options_.memory_budget) return;
    const Step& worst = binding_.fullest_step();
    fail(ErrorCode::usage,
         "memory budget of {} does not hold: the arena needs {}; most is alive at {} ({}), {}",
         in_kib(*options_.memory_budget), in_kib(memory.peak), worst.name, worst.op,
         in_kib(memory.bound));
  }

  BindOptions options_;
  const Program& program_;
  Binding binding_;
  std::vector<std::vector<int>> sharers_;  // of each root: the other buffers that have its bytes
};

const Step& Binding::fullest_step() const {
  const std::size_t last = program_->steps().size() - 1;  // copies come after it
  return program_->steps()[std::min(std::size_t(memory_.bound_step), last)];
}

std::shared_ptr<const Binding> Binding::bind(std::shared_ptr<const Program> program,
                                             const DimValues& dims, const BindOptions& options,
                                             const Binding* earlier) {
  return std::make_shared<const Binding>(Binder(std::move(program), dims, options).bind(earlier));
}

}  // namespace strata::runtime
