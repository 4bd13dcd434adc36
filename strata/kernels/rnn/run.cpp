#include <algorithm>
#include <cstring>
#include <limits>

#include "strata/kernels/rnn/plan.hpp"

namespace strata::kernels {
namespace {

/// First element of (direction, sequence) in an operand's states, and of (step, direction,
/// sequence) in Y.
std::int64_t state_of(const RecurrentProblem& p, std::int64_t d, std::int64_t b) {
  return (p.batch_first ? b * p.directions + d : d * p.batch + b) * p.hidden;
}
std::int64_t y_of(const RecurrentProblem& p, std::int64_t t, std::int64_t d, std::int64_t b) {
  return (p.batch_first ? (b * p.steps + t) * p.directions + d
                        : (t * p.directions + d) * p.batch + b) *
         p.hidden;
}

const std::int32_t* lengths_of(const RecurrentProblem& p, const Args& args) {
  return p.has_lengths ? static_cast<const std::int32_t*>(args.in[1]) : nullptr;
}

float* y_in(const RecurrentProblem& p, const Args& args) {
  return p.wants_y ? static_cast<float*>(args.out[0]) : nullptr;
}

}  // namespace

float* RecurrentPlan::states(const Args& args, std::int64_t i) const {
  auto* scratch = reinterpret_cast<float*>(args.scratch);
  return scratch + state_at_ + i % 2 * p_.directions * p_.batch * row_;
}

/// The steps of a sequence; what start() complained about never gets here.
std::int64_t RecurrentPlan::steps_of(const Args& args, std::int64_t sequence) const {
  const std::int32_t* lengths = lengths_of(p_, args);
  return lengths ? lengths[sequence] : p_.steps;
}

/// Y behind the ends of sequences is 0.
void RecurrentPlan::clear_y(const Args& args) const {
  float* y = y_in(p_, args);
  for (std::int64_t b = 0; y && b < p_.batch; ++b) {
    for (std::int64_t t = steps_of(args, b); t < p_.steps; ++t) {
      for (std::int64_t d = 0; d < p_.directions; ++d) {
        std::memset(y + y_of(p_, t, d, b), 0, std::size_t(p_.hidden) * sizeof(float));
      }
    }
  }
}

const char* RecurrentPlan::start(const Args& args) const {
  const std::int32_t* lengths = lengths_of(p_, args);
  for (std::int64_t b = 0; lengths && b < p_.batch; ++b) {
    if (lengths[b] < 0 || lengths[b] > p_.steps) {
      return "sequence_lens holds a length beyond the sequence";
    }
  }
  std::size_t next = p_.has_lengths ? 2 : 1;
  const auto load = [&](bool given, float* to) {
    const auto* from = given ? static_cast<const float*>(args.in[next++]) : nullptr;
    std::memset(to, 0, std::size_t(p_.directions * p_.batch * row_) * sizeof(float));
    for (std::int64_t d = 0; from && d < p_.directions; ++d) {
      for (std::int64_t b = 0; b < p_.batch; ++b) {
        std::memcpy(to + (d * p_.batch + b) * row_, from + state_of(p_, d, b),
                    std::size_t(p_.hidden) * sizeof(float));
      }
    }
  };
  load(p_.has_h, states(args, 0));
  if (p_.cell == RecurrentProblem::Cell::lstm) {
    load(p_.has_c, reinterpret_cast<float*>(args.scratch) + cell_at_);
  }
  if (lengths) clear_y(args);
  return nullptr;
}

/// Y_h and Y_c from where the last step of each sequence left them.
void RecurrentPlan::finish(const Args& args) const {
  std::size_t next = p_.wants_y ? 1 : 0;
  auto* h = p_.wants_h ? static_cast<float*>(args.out[next++]) : nullptr;
  auto* c = p_.wants_c ? static_cast<float*>(args.out[next]) : nullptr;
  const float* cells = reinterpret_cast<const float*>(args.scratch) + cell_at_;
  for (std::int64_t d = 0; d < p_.directions; ++d) {
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      const std::int64_t at = (d * p_.batch + b) * row_;
      const auto bytes = std::size_t(p_.hidden) * sizeof(float);
      if (h) std::memcpy(h + state_of(p_, d, b), states(args, steps_of(args, b)) + at, bytes);
      if (c) std::memcpy(c + state_of(p_, d, b), cells + at, bytes);
    }
  }
}

/// Sequences [row, row + rows), all of the same length, step i of their own.
void RecurrentPlan::run_rows(const Args& args, std::int64_t direction, std::int64_t row, int rows,
                             std::int64_t i, int part, std::int64_t block) const {
  const bool backwards = p_.reversed || direction == 1;
  const std::int64_t t = backwards ? steps_of(args, row) - 1 - i : i;
  const int lanes = kernels_.vector.lanes;
  const StepKind which = kind(part);
  const std::int64_t at = (direction * p_.batch + row) * row_;
  const std::int64_t unit = block * lanes;
  auto* scratch = reinterpret_cast<float*>(args.scratch);
  float* reset = scratch + reset_at_ + at;
  RecurrentStep s;
  s.h = states(args, i) + at + unit;
  s.state = which == StepKind::gru_candidate ? reset : states(args, i) + at;
  s.h_next = which == StepKind::gru_gates ? reset + unit : states(args, i + 1) + at + unit;
  s.c = scratch + cell_at_ + at + unit;
  s.row = row_;
  s.hidden = int(p_.hidden);
  const auto* r = reinterpret_cast<const float*>(args.packed + r_at_) +
                  std::size_t(direction) * direction_floats_;
  if (part == 1) r += gates_of(kind(0)) * p_.hidden * row_;
  s.r = r + unit * p_.hidden * gates_of(which);
  const std::int64_t sums = p_.batch_first ? row * p_.steps + t : t * p_.batch + row;
  s.input = scratch + sums * columns_ + (direction * row_ + unit) * gates_;
  s.input_row = columns_ * (p_.batch_first ? p_.steps : 1);
  s.bias = reinterpret_cast<const float*>(args.packed + bias_at_) + direction * row_ + unit;
  float* y = y_in(p_, args);
  s.y = y && which != StepKind::gru_gates ? y + y_of(p_, t, direction, row) + unit : nullptr;
  s.y_row = p_.batch_first ? p_.steps * p_.directions * p_.hidden : p_.hidden;
  s.lanes = int(std::min<std::int64_t>(lanes, p_.hidden - unit));
  s.cell_clip = p_.cell_clip > 0 ? p_.cell_clip : std::numeric_limits<float>::infinity();
  s.function = p_.function;
  kernels_.step(which, rows)(s);
}

/// Step i of sequences [first, last) that are that long; the same number of steps runs together.
void RecurrentPlan::run_block(const Args& args, std::int64_t direction, std::int64_t first,
                              std::int64_t last, std::int64_t i, int part,
                              std::int64_t block) const {
  for (std::int64_t row = first; row < last;) {
    const std::int64_t steps = steps_of(args, row);
    int rows = 1;
    while (rows < most_step_rows && row + rows < last && steps_of(args, row + rows) == steps) {
      ++rows;
    }
    if (i < steps) run_rows(args, direction, row, rows, i, part, block);
    row += rows;
  }
}

/// All steps of a few sequences in one direction.
void RecurrentPlan::run_steps(const Args& args, std::int64_t unit) const {
  const std::int64_t groups = (p_.batch + most_step_rows - 1) / most_step_rows;
  const std::int64_t first = unit % groups * most_step_rows;
  const std::int64_t last = std::min(p_.batch, first + most_step_rows);
  for (std::int64_t i = 0; i < p_.steps; ++i) {
    for (int part = 0; part < parts(); ++part) {
      for (std::int64_t block = 0; block < blocks_; ++block) {
        run_block(args, unit / groups, first, last, i, part, block);
      }
    }
  }
}

const char* RecurrentPlan::run(const Args& args, int phase, std::int64_t begin,
                               std::int64_t end) const {
  if (phase == 0) {
    if (begin == 0) {
      if (const char* message = start(args)) return message;
    }
    const void* in[] = {args.in[0]};
    void* out[] = {args.scratch};
    const Args product{&product_, in, out, args.packed, nullptr, args.worker_scratch};
    run_gemm(plan_gemm(product_, kernels_.vector, false), kernels_.gemm, product, 0,
             std::max<std::int64_t>(begin - 1, 0), end - 1);
    return nullptr;
  }
  if (phase + 1 == phases()) {
    finish(args);
    return nullptr;
  }
  if (!stepwise_) {
    for (std::int64_t u = begin; u < end; ++u) run_steps(args, u);
    return nullptr;
  }
  const std::int64_t i = (phase - 1) / parts();
  const int part = (phase - 1) % parts();
  // Back and forth: what the last step read last is still in the cache.
  for (std::int64_t n = 0; n < end - begin; ++n) {
    const std::int64_t u = i % 2 == 0 ? begin + n : end - 1 - n;
    run_block(args, u / blocks_, 0, p_.batch, i, part, u % blocks_);
  }
  return nullptr;
}

}  // namespace strata::kernels
