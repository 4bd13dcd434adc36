#include "strata/runtime/context.hpp"

#include <chrono>
#include <cstring>

#include "strata/base/error.hpp"

namespace strata::runtime {

/// A kernel call with every address resolved.
struct Context::Call {
  kernels::Args args{};
  decltype(kernels::Row::run) run = nullptr;
  const std::vector<std::int64_t>* units = nullptr;
  std::size_t worker_scratch_bytes = 0;
  std::size_t first_in = 0, first_out = 0;
  std::size_t step = 0;
};

Context::Context(Context&&) noexcept = default;
Context::~Context() = default;

Context::Context(std::shared_ptr<const Binding> binding, std::shared_ptr<ThreadPool> pool,
                 std::optional<Arena> arena, std::shared_ptr<States> states)
    : Context(binding, std::move(pool),
              std::make_shared<const Arena>(arena ? *arena : Arena(binding->peak_bytes())),
              std::move(states)) {}

Context::Context(std::shared_ptr<const Binding> binding, std::shared_ptr<ThreadPool> pool,
                 std::shared_ptr<const Arena> arena, std::shared_ptr<States> states)
    : binding_(std::move(binding)),
      pool_(std::move(pool)),
      arena_(std::move(arena)),
      states_(std::move(states)) {
  STRATA_ASSERT(pool_->size() >= binding_->threads());
  if (!states_) states_ = std::make_shared<States>(binding_->program().graph());
  connect();
}

/// Resolves all addresses.
void Context::connect() {
  STRATA_ASSERT(arena_->data() && arena_->size() >= binding_->peak_bytes());
  connected_ = arena_->data();
  in_.clear();
  out_.clear();
  calls_.clear();
  patches_.clear();
  copies_.clear();
  stages_.clear();
  connect_steps();
  connect_copies();
}

/// Where a buffer lies, unless that is the caller's memory (null).
void* Context::fixed_address(int buffer) const {
  const int root = binding_->buffers()[std::size_t(buffer)].root;
  const Buffer& base = binding_->program().buffers()[std::size_t(root)];
  const BoundBuffer& bound = binding_->buffers()[std::size_t(root)];
  switch (base.kind) {
    case Buffer::Kind::arena:
      return arena_->data() + bound.offset + binding_->buffers()[std::size_t(buffer)].begin;
    case Buffer::Kind::constant:
      return const_cast<void*>(base.data.raw());
    case Buffer::Kind::known:
      return const_cast<void*>(bound.known.raw());
    case Buffer::Kind::state:
      return states_->data(std::size_t(base.index));
    case Buffer::Kind::input:
    case Buffer::Kind::output:
      break;
  }
  return nullptr;
}

void Context::add_slot(int buffer, bool into_out) {
  const BoundBuffer& bound = binding_->buffers()[std::size_t(buffer)];
  const Buffer& base = binding_->program().buffers()[std::size_t(bound.root)];
  void* address = fixed_address(buffer);
  const std::size_t slot = into_out ? out_.size() : in_.size();
  const bool from_input = base.kind == Buffer::Kind::input;
  if (!address) patches_.push_back({base.index, slot, bound.begin, from_input, into_out});
  into_out ? out_.push_back(address) : in_.push_back(address);
}

void Context::connect_steps() {
  for (std::size_t i = 0; i < binding_->steps().size(); ++i) {
    const BoundStep& bound = binding_->steps()[i];
    if (bound.skipped) continue;
    Call call;
    call.step = i;
    call.run = bound.row->run;
    call.units = &bound.units;
    call.worker_scratch_bytes = bound.worker_scratch_bytes;
    call.first_in = in_.size();
    call.first_out = out_.size();
    call.args.problem = bound.problem.get();
    call.args.packed = bound.packed.get();
    call.args.scratch = arena_->data() + bound.scratch_offset;
    call.args.worker_scratch = arena_->data() + bound.worker_scratch_offset;
    for (int buffer : bound.in) add_slot(buffer, false);
    for (int buffer : bound.out) add_slot(buffer, true);
    calls_.push_back(call);
  }
  for (Call& call : calls_) {
    call.args.in = in_.data() + call.first_in;
    call.args.out = out_.data() + call.first_out;
  }
}

/// Outputs that no step writes in place, and states.
void Context::connect_copies() {
  const Program& program = binding_->program();
  for (std::size_t i = 0; i < program.outputs().size(); ++i) {
    const int buffer = program.outputs()[i];
    const int root = binding_->buffers()[std::size_t(buffer)].root;
    const Buffer& base = program.buffers()[std::size_t(root)];
    if (base.kind == Buffer::Kind::output && base.index == int(i)) continue;
    copies_.push_back({buffer, int(i), -1});
  }
  for (std::size_t i = 0; i < program.written_states().size(); ++i) {
    Copy copy{program.written_states()[i], -1, int(i)};
    const BoundBuffer& source = binding_->buffers()[std::size_t(copy.source)];
    if (program.buffers()[std::size_t(source.root)].kind == Buffer::Kind::state) {
      stages_.emplace_back(source.bytes);
      copy.stage = stages_.back().data();
    }
    copies_.push_back(copy);
  }
}

void Context::patch(std::span<const void* const> inputs, std::span<void* const> outputs) {
  if (arena_->data() != connected_) connect();
  for (const Patch& patch : patches_) {
    const auto index = std::size_t(patch.index);
    if (patch.into_out) {
      out_[patch.slot] = static_cast<std::byte*>(outputs[index]) + patch.begin;
    } else {
      const void* from = patch.from_input ? inputs[index] : outputs[index];
      in_[patch.slot] = static_cast<const std::byte*>(from) + patch.begin;
    }
  }
}

const char* Context::run_call(const Call& call) {
  struct Work {
    const Call* call;
    int phase;
    const char* messages[256];  // one per worker: the pool has at most 256
  };
  Work work;
  work.call = &call;
  const int workers = binding_->threads();
  for (int phase = 0; phase < int(call.units->size()); ++phase) {
    const std::int64_t units = (*call.units)[std::size_t(phase)];
    if (workers == 1 || units <= 1) {
      if (const char* message = call.run(call.args, phase, 0, units)) return message;
      continue;
    }
    work.phase = phase;
    for (int i = 0; i < workers; ++i) work.messages[i] = nullptr;
    pool_->run(
        units,
        [](void* context, std::int64_t begin, std::int64_t end, int worker) noexcept {
          Work& w = *static_cast<Work*>(context);
          kernels::Args args = w.call->args;
          args.worker_scratch += std::size_t(worker) * w.call->worker_scratch_bytes;
          w.messages[worker] = w.call->run(args, w.phase, begin, end);
        },
        &work);
    for (int i = 0; i < workers; ++i) {
      if (work.messages[i]) return work.messages[i];
    }
  }
  return nullptr;
}

void Context::report(std::size_t step, const char* message) const {
  const Step& failed = binding_->program().steps()[step];
  fail(ErrorCode::model, "node {} ({}): {}", failed.name, failed.op, message);
}

void Context::run(std::span<const void* const> inputs, std::span<void* const> outputs) {
  patch(inputs, outputs);
  for (const Call& call : calls_) {
    if (const char* message = run_call(call)) report(call.step, message);
    if (poison_) poison_after(call.step);
  }
  finish(inputs, outputs);
}

void Context::run_traced(std::span<const void* const> inputs, std::span<void* const> outputs,
                         RunTrace& trace) {
  using Clock = std::chrono::steady_clock;
  trace.steps.assign(binding_->steps().size(), {});
  const Clock::time_point begin = Clock::now();
  const auto now = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  patch(inputs, outputs);
  for (const Call& call : calls_) {
    Interval& interval = trace.steps[call.step];
    interval.start = now();
    if (const char* message = run_call(call)) report(call.step, message);
    interval.end = now();
  }
  trace.finish.start = now();
  finish(inputs, outputs);
  trace.finish.end = now();
}

void Context::run_hooked(std::span<const void* const> inputs, std::span<void* const> outputs,
                         const StepHook& after) {
  patch(inputs, outputs);
  for (const Call& call : calls_) {
    if (const char* message = run_call(call)) report(call.step, message);
    StepResult result(*binding_, call.step, call.args.out);
    after(result);
  }
  finish(inputs, outputs);
}

const void* Context::source_of(const Copy& copy, std::span<const void* const> inputs,
                               std::span<void* const> outputs) const {
  if (const void* fixed = fixed_address(copy.source)) return fixed;
  const BoundBuffer& bound = binding_->buffers()[std::size_t(copy.source)];
  const Buffer& base = binding_->program().buffers()[std::size_t(bound.root)];
  const auto index = std::size_t(base.index);
  const void* from = base.kind == Buffer::Kind::input ? inputs[index] : outputs[index];
  return static_cast<const std::byte*>(from) + bound.begin;
}

/// Outputs first, then states: what a state held before is read before it is overwritten.
void Context::finish(std::span<const void* const> inputs, std::span<void* const> outputs) {
  const auto bytes = [&](const Copy& copy) {
    return binding_->buffers()[std::size_t(copy.source)].bytes;
  };
  for (const Copy& copy : copies_) {
    if (copy.stage) std::memcpy(copy.stage, source_of(copy, inputs, outputs), bytes(copy));
  }
  for (const Copy& copy : copies_) {
    const void* from = copy.stage ? copy.stage : source_of(copy, inputs, outputs);
    void* to = copy.output >= 0 ? outputs[std::size_t(copy.output)]
                                : states_->data(std::size_t(copy.state));
    if (bytes(copy) > 0) std::memcpy(to, from, bytes(copy));
  }
}

void Context::poison_after(std::size_t step) {
  const auto& buffers = binding_->program().buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const BoundBuffer& bound = binding_->buffers()[i];
    if (buffers[i].kind != Buffer::Kind::arena || bound.root != int(i)) continue;
    if (bound.last == std::int32_t(step)) {
      std::memset(arena_->data() + bound.offset, int(*poison_), bound.bytes);
    }
  }
}

}  // namespace strata::runtime
