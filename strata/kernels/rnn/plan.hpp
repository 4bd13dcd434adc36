#pragma once

#include "strata/kernels/gemm/plan.hpp"
#include "strata/kernels/rnn/recurrent.hpp"
#include "strata/kernels/rnn/step.hpp"

namespace strata::kernels {

/// The functions of an instruction set.
struct RecurrentKernels {
  VectorForm vector;
  GemmKernels gemm;
  FindRecurrent* step;
};

/// How sequences run. Hidden units go in blocks of as many as a vector has lanes, their gates side
/// by side. First W multiplies the whole input as one product; then each step multiplies R with the
/// state and finishes the cell while the sums are in registers.
/// Where R is large, every step is a phase whose units are blocks, so that workers share R out;
/// else all steps are one phase, whose units are directions and a few sequences of the batch.
/// Packed: W as the product wants it, with the biases; then R per direction (and part of the cell)
/// and block (hidden, gates, lanes); then the biases of a GRU's candidate (gru_linear).
class RecurrentPlan {
 public:
  RecurrentPlan(const RecurrentProblem& p, const RecurrentKernels& kernels);

  std::size_t packed_bytes() const { return bias_at_ + bias_floats_ * sizeof(float); }
  void pack(const Constants& constants, std::byte* packed) const;
  std::size_t scratch_bytes() const { return floats_ * sizeof(float); }
  std::size_t worker_scratch_bytes() const;
  int phases() const;
  std::int64_t units(int phase) const;
  /// Returns null, or what is wrong with the data.
  const char* run(const Args& args, int phase, std::int64_t begin, std::int64_t end) const;
  double seconds(Isa isa, const Machine& machine) const;

 private:
  /// Parts of a cell, each a step of its own.
  int parts() const { return kind(0) == StepKind::gru_gates ? 2 : 1; }
  StepKind kind(int part) const;
  std::int64_t steps_of(const Args& args, std::int64_t sequence) const;
  const char* start(const Args& args) const;
  void finish(const Args& args) const;
  void run_steps(const Args& args, std::int64_t unit) const;
  void run_rows(const Args& args, std::int64_t direction, std::int64_t row, int rows,
                std::int64_t i, int part, std::int64_t block) const;
  void run_block(const Args& args, std::int64_t direction, std::int64_t first, std::int64_t last,
                 std::int64_t i, int part, std::int64_t block) const;
  const float* product_of(const Args& args) const;
  /// (direction, sequence, hidden): states before or after step i.
  float* states(const Args& args, std::int64_t i) const;
  void clear_y(const Args& args) const;

  const RecurrentProblem& p_;
  const RecurrentKernels& kernels_;
  int gates_ = 0;
  std::int64_t blocks_ = 0, row_ = 0;  ///< of hidden units; floats of one state
  std::int64_t columns_ = 0;           ///< of the product, all directions
  bool stepwise_ = false;
  GemmProblem product_;
  std::size_t r_at_ = 0, bias_at_ = 0, bias_floats_ = 0;                ///< in what is packed
  std::size_t direction_floats_ = 0;                                    ///< of R
  std::size_t state_at_ = 0, cell_at_ = 0, reset_at_ = 0, floats_ = 0;  ///< in scratch, floats
};

}  // namespace strata::kernels
