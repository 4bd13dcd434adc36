#include "strata/kernels/rnn/plan.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "strata/kernels/cost.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

constexpr int gates_in(RecurrentProblem::Cell cell) {
  return cell == RecurrentProblem::Cell::rnn ? 1 : cell == RecurrentProblem::Cell::gru ? 3 : 4;
}

float read(const void* data, std::int64_t index) {
  float value;  // constants need no alignment
  std::memcpy(&value, static_cast<const std::byte*>(data) + index * std::int64_t(sizeof(float)),
              sizeof value);
  return value;
}

}  // namespace

RecurrentPlan::RecurrentPlan(const RecurrentProblem& p, const RecurrentKernels& kernels)
    : p_(p), kernels_(kernels), gates_(gates_in(p.cell)) {
  const int lanes = kernels.vector.lanes;
  blocks_ = divide_up(p.hidden, lanes);
  row_ = blocks_ * lanes;
  columns_ = p.directions * gates_ * row_;
  // A worker's share of R must be worth the wait for the others after each step.
  constexpr std::int64_t least_floats = 64 << 10;
  direction_floats_ = std::size_t(p.hidden * gates_ * row_);
  constexpr std::int64_t most_phases = 1 << 16;
  stepwise_ = p.hidden * gates_ * row_ >= least_floats && p.steps <= most_phases;

  product_.m = p.steps * p.batch;
  product_.n = columns_;
  product_.k = p.input;
  product_.transpose_b = true;
  product_.epilogue.bias = true;
  const GemmPlan product = plan_gemm(product_, kernels.vector, false);
  r_at_ = round_up(gemm_packed_bytes(product, product_, sizeof(float)));
  bias_at_ = r_at_ + std::size_t(p.directions) * direction_floats_ * sizeof(float);
  bias_floats_ = kind(0) == StepKind::gru_linear ? std::size_t(p.directions * row_) : 0;

  const std::size_t states = std::size_t(p.directions * p.batch * row_);
  state_at_ = std::size_t(product_.m * columns_);
  cell_at_ = state_at_ + 2 * states;
  reset_at_ = cell_at_ + (p.cell == RecurrentProblem::Cell::rnn ? 0 : states);
  floats_ = reset_at_ + (parts() == 2 ? states : 0);
}

StepKind RecurrentPlan::kind(int part) const {
  if (p_.cell == RecurrentProblem::Cell::rnn) return StepKind::rnn;
  if (p_.cell == RecurrentProblem::Cell::lstm) return StepKind::lstm;
  if (p_.linear_before_reset) return StepKind::gru_linear;
  return part == 0 ? StepKind::gru_gates : StepKind::gru_candidate;
}

void RecurrentPlan::pack(const Constants& constants, std::byte* packed) const {
  const int lanes = kernels_.vector.lanes;
  const std::int64_t rows = gates_ * p_.hidden;
  std::vector<float> w(std::size_t(columns_ * p_.input)), bias(static_cast<std::size_t>(columns_));
  auto* r = reinterpret_cast<float*>(packed + r_at_);
  auto* candidate_bias = reinterpret_cast<float*>(packed + bias_at_);
  std::memset(packed + r_at_, 0, packed_bytes() - r_at_);
  const bool linear = kind(0) == StepKind::gru_linear;
  for (std::int64_t d = 0; d < p_.directions; ++d) {
    for (std::int64_t u = 0; u < p_.hidden; ++u) {
      for (std::int64_t g = 0; g < gates_; ++g) {
        const std::int64_t column = ((d * blocks_ + u / lanes) * gates_ + g) * lanes + u % lanes;
        const std::int64_t from = d * rows + g * p_.hidden + u;
        for (std::int64_t k = 0; k < p_.input; ++k) {
          w[std::size_t(column * p_.input + k)] = read(constants.data[0], from * p_.input + k);
        }
        if (!constants.data[2]) continue;
        const std::int64_t of_w = 2 * d * rows + g * p_.hidden + u;
        const float of_r = read(constants.data[2], of_w + rows);
        const bool apart = linear && g == 2;
        if (apart) candidate_bias[d * row_ + u] = of_r;
        bias[std::size_t(column)] = read(constants.data[2], of_w) + (apart ? 0.0f : of_r);
      }
    }
  }
  const void* const of_product[] = {w.data(), nullptr, bias.data()};
  pack_gemm(plan_gemm(product_, kernels_.vector, false), product_, {of_product}, kernels_.gemm,
            packed);

  int first_gate = 0;
  for (int part = 0; part < parts(); first_gate += gates_of(kind(part)), ++part) {
    const int gates = gates_of(kind(part));
    for (std::int64_t d = 0; d < p_.directions; ++d) {
      float* to = r + std::size_t(d) * direction_floats_ +
                  std::size_t(first_gate) * std::size_t(p_.hidden * row_);
      for (std::int64_t u = 0; u < p_.hidden; ++u) {
        for (std::int64_t k = 0; k < p_.hidden; ++k) {
          for (int g = 0; g < gates; ++g) {
            const std::int64_t from = d * rows + (first_gate + g) * p_.hidden + u;
            to[((u / lanes * p_.hidden + k) * gates + g) * lanes + u % lanes] =
                read(constants.data[1], from * p_.hidden + k);
          }
        }
      }
    }
  }
}

std::size_t RecurrentPlan::worker_scratch_bytes() const {
  return gemm_worker_scratch_bytes(plan_gemm(product_, kernels_.vector, false), product_);
}

int RecurrentPlan::phases() const { return stepwise_ ? 2 + int(p_.steps) * parts() : 3; }

std::int64_t RecurrentPlan::units(int phase) const {
  if (phase == 0) return 1 + gemm_units(plan_gemm(product_, kernels_.vector, false), product_, 0);
  if (phase + 1 == phases()) return 1;
  return p_.directions * (stepwise_ ? blocks_ : divide_up(p_.batch, most_step_rows));
}

double RecurrentPlan::seconds(Isa isa, const Machine& machine) const {
  const double products = double(p_.steps * p_.batch) * double(columns_);
  const double r_bytes = double(p_.steps) * double(direction_floats_) * 4 * double(p_.directions);
  const double rows = double(std::min<std::int64_t>(p_.batch, most_step_rows));
  const double slowdown = std::max(1.0, 2.2 / rows);
  const double once = estimate(isa, 2 * products * double(p_.input), 8 * products, machine).seconds;
  constexpr double cell_seconds = 1.5e-9, step_seconds = 1e-7;
  return once + double(p_.steps) * step_seconds + cell_seconds * products / gates_ +
         estimate(isa, 2 * products * double(p_.hidden) * slowdown, r_bytes, machine).seconds;
}

}  // namespace strata::kernels
