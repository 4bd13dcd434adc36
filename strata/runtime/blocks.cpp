#include "strata/runtime/blocks.hpp"

#include <algorithm>
#include <optional>

#include "strata/kernels/conv/block.hpp"

namespace strata::runtime {
namespace {

using kernels::BlockStage;
using kernels::ConvBlockProblem;
using kernels::ConvProblem;

// Fitted to the networks of bench/models, MobileNet V1 and V2 above all.
constexpr double bytes_per_second = 75e9;  // that whole results move with beyond the near cache
constexpr double call_seconds = 1e-6;      // of a stage for one band
constexpr double slower = 0.08;            // stages are by so much: weights come anew for each band
constexpr std::int64_t least_band_rows = 2;

const ConvProblem* conv_of(const BoundStep& step) {
  if (step.skipped || step.problem->kind != kernels::ProblemKind::conv) return nullptr;
  return static_cast<const ConvProblem*>(step.problem.get());
}

ConvBlockProblem block_problem(std::span<const std::size_t> chain,
                               std::span<const BoundStep> steps) {
  std::vector<BlockStage> stages;
  for (const std::size_t step : chain) {
    stages.push_back({steps[step].row, *conv_of(steps[step]), steps[step].packed.get()});
  }
  return ConvBlockProblem(std::move(stages));
}

class BlockFinder {
 public:
  BlockFinder(const Program& program, std::span<const BoundStep> steps,
              std::span<const BoundBuffer> buffers, int threads)
      : program_(program),
        steps_(steps),
        buffers_(buffers),
        machine_(program.target().machine),
        threads_(threads) {
    find_readers();
  }

  std::vector<BoundBlock> find() {
    std::vector<BoundBlock> blocks;
    std::vector<bool> taken(steps_.size(), false);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (taken[i] || rejects_stage(i)) continue;
      const std::optional<BoundBlock> block = grow(i);
      if (!block) continue;
      for (const std::size_t step : block->steps) taken[step] = true;
      blocks.push_back(*block);
    }
    return blocks;
  }

  /// Neighbours that are in no block, those with one reason together.
  std::vector<Apart> apart() const {
    std::vector<Apart> chains;
    std::size_t end = steps_.size();  // the last step of the latest chain
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const std::optional<std::size_t> next = reading_convolution(i);
      if (!next) continue;
      const char* reason = rejects_stage(i);
      if (!reason) reason = rejects_next(i);
      if (!reason && stays_in_cache(i)) reason = "what lies between them stays in the cache anyway";
      if (!reason) reason = "bands of rows would save no time, or no memory";
      const std::string& name = program_.steps()[*next].name;
      if (end == i && chains.back().reason == reason) {
        chains.back().nodes.push_back(name);
      } else {
        chains.push_back({{program_.steps()[i].name, name}, reason});
      }
      end = *next;
    }
    return chains;
  }

 private:
  /// The last reader of a convolution's result, if that is a convolution too and neither is part
  /// of a block.
  std::optional<std::size_t> reading_convolution(std::size_t step) const {
    const auto is_alone = [&](std::size_t i) {
      return conv_of(steps_[i]) && !dynamic_cast<const ConvBlockProblem*>(conv_of(steps_[i]));
    };
    if (!is_alone(step) || steps_[step].out.size() != 1) return std::nullopt;
    const std::size_t out = root(steps_[step].out[0]);
    if (uses_[out] == 0 || !is_alone(reader_[out]) || reader_[out] <= step) return std::nullopt;
    return reader_[out];
  }

  std::size_t root(int buffer) const { return std::size_t(buffers_[std::size_t(buffer)].root); }

  /// Of each root, how often its bytes are wanted, and by which step last.
  void find_readers() {
    uses_.resize(buffers_.size());
    reader_.resize(buffers_.size());
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      for (const int id : steps_[i].in) ++uses_[root(id)], reader_[root(id)] = i;
    }
    for (const int id : program_.outputs()) ++uses_[root(id)];
    for (const int id : program_.written_states()) ++uses_[root(id)];
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      if (root(int(i)) != i) ++uses_[root(int(i))];  // another buffer shares the bytes
    }
  }

  const char* rejects_stage(std::size_t step) const {
    const ConvProblem* p = conv_of(steps_[step]);
    if (!p || steps_[step].out.size() != 1) return "it is no convolution";
    return kernels::rejects_as_stage(*steps_[step].row, *p);
  }

  /// Why the reader of this stage's result cannot come after it in a block, or null.
  const char* rejects_next(std::size_t step) const {
    const int out = steps_[step].out[0];
    if (root(out) != std::size_t(out)) return "its result is a part of another";
    if (program_.buffers()[std::size_t(out)].kind != Buffer::Kind::arena) {
      return "its result is an output of the model";
    }
    if (uses_[std::size_t(out)] != 1) return "its result is wanted elsewhere";
    if (conv_of(steps_[step])->epilogue.residual) return "it adds a residual";
    const std::size_t next = reader_[std::size_t(out)];
    if (const char* reason = rejects_stage(next)) return reason;
    if (steps_[next].in[0] != out) return "its result is the residual of the next";
    if (conv_of(steps_[next])->layouts.in[0] != conv_of(steps_[step])->layouts.out[0]) {
      return "the next reads another layout";
    }
    return nullptr;
  }

  /// The step that may come after this one in a block.
  std::optional<std::size_t> next_stage(std::size_t step) const {
    if (rejects_next(step)) return std::nullopt;
    return reader_[std::size_t(steps_[step].out[0])];
  }

  /// Of what a stage computes for one image, it is too little to leave the cache.
  bool stays_in_cache(std::size_t step) const {
    const auto batch = std::size_t(std::max<std::int64_t>(1, conv_of(steps_[step])->batch));
    return buffers_[std::size_t(steps_[step].out[0])].bytes / batch < machine_.l2_bytes;
  }

  /// The chain from a step on that saves most.
  std::optional<BoundBlock> grow(std::size_t step) const {
    std::optional<BoundBlock> best;
    std::vector<std::size_t> chain{step};
    std::size_t kept = 0;
    while (chain.size() < kernels::most_block_stages) {
      const std::optional<std::size_t> next = next_stage(chain.back());
      if (!next) break;
      if (stays_in_cache(chain.back())) break;
      kept += buffers_[std::size_t(steps_[chain.back()].out[0])].bytes;
      chain.push_back(*next);
      std::optional<BoundBlock> block = in_bands(chain, kept);
      if (block && (!best || block->saved_seconds > best->saved_seconds)) best = std::move(block);
    }
    return best;
  }

  /// With the most rows per band whose windows stay in the cache with the weights.
  std::optional<BoundBlock> in_bands(const std::vector<std::size_t>& chain,
                                     std::size_t kept) const {
    ConvBlockProblem problem = block_problem(chain, steps_);
    const std::size_t room = machine_.l2_bytes * 7 / 10;
    const std::size_t weights = kernels::block_weight_bytes(problem);
    const auto fits = [&](std::int64_t rows) {
      problem.set_band_rows(rows);
      return weights + kernels::block_window_bytes(problem) <= room;
    };
    std::int64_t rows = least_band_rows;
    if (!fits(rows)) return std::nullopt;
    while (rows < problem.out_height && fits(rows + 1)) ++rows;
    rows = even(problem, rows);
    if (rows < least_band_rows) return std::nullopt;
    problem.set_band_rows(rows);
    const std::size_t windows = kernels::block_window_bytes(problem) * std::size_t(threads_);
    if (windows > kept) return std::nullopt;  // no memory is saved
    const double calls = double(problem.bands * problem.batch) * double(chain.size());
    double saved = 2 * double(kept) / bytes_per_second - calls * call_seconds;
    for (const BlockStage& stage : problem.stages) {
      saved -= slower * stage.row->cost(stage.problem, machine_).seconds;
    }
    if (saved <= 0) return std::nullopt;
    return BoundBlock{chain, rows, kept, saved};
  }

  /// At most so many rows, so that all bands are about as large and all workers have as many.
  std::int64_t even(const ConvBlockProblem& problem, std::int64_t rows) const {
    const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
    const std::int64_t bands = up(problem.out_height, rows);
    return up(problem.out_height, up(bands, threads_) * threads_);
  }

  const Program& program_;
  std::span<const BoundStep> steps_;
  std::span<const BoundBuffer> buffers_;
  const Machine& machine_;
  std::int64_t threads_;
  std::vector<int> uses_;
  std::vector<std::size_t> reader_;
};

}  // namespace

std::vector<BoundBlock> find_blocks(const Program& program, std::span<const BoundStep> steps,
                                    std::span<const BoundBuffer> buffers, int threads) {
  return BlockFinder(program, steps, buffers, threads).find();
}

std::vector<Apart> blocks_apart(const Binding& binding) {
  if (!binding.program().target().blocks) return {};
  return BlockFinder(binding.program(), binding.steps(), binding.buffers(), binding.threads())
      .apart();
}

void run_as_one(const BoundBlock& block, const Program& program, std::span<BoundStep> steps) {
  auto problem = std::make_unique<ConvBlockProblem>(block_problem(block.steps, steps));
  problem->set_band_rows(block.band_rows);
  BoundStep& last = steps[block.steps.back()];
  last.in[0] = steps[block.steps.front()].in[0];
  last.row = &kernels::conv_block_row(program.target().isa);
  last.units.assign(1, last.row->units(*problem, 0));
  last.problem = std::move(problem);
  for (const std::size_t step : block.steps) {
    if (step == block.steps.back()) continue;
    steps[step].skipped = true;
    steps[step].in.clear();
    steps[step].out.clear();
  }
}

}  // namespace strata::runtime
