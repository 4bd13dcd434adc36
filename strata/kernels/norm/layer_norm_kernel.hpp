#pragma once

#include "strata/kernels/norm/runs.hpp"
#include "strata/kernels/vec_reduce.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// f(i, lanes) for the vectors of a row.
template <class F>
[[gnu::always_inline]] inline void for_each_vector(std::int64_t size, const F& f) {
  std::int64_t i = 0;
  for (; i + Vec::size <= size; i += Vec::size) f(i, Vec::size);
  if (i < size) f(i, int(size - i));
}

/// The mean is taken again over differences to its first value, which are exact where all are
/// close: so a small deviation about a large mean is right too.
void layer_norm_row(const LayerNormProblem& p, const float* x, const float* scale,
                    const float* bias, float* y) {
  const float count = float(p.size);
  const Vec first = broadcast(reduce_run<Sum>(x, p.size) / count);
  Vec sums = zero(), squares = zero();
  for_each_vector(p.size, [&](std::int64_t i, int n) {
    const Vec difference = lanes(load(x + i, n) - first, n, zero());
    sums = sums + difference;
    squares = fma(difference, difference, squares);
  });
  const float rest = sum(sums) / count;
  const float variance = sum(squares) / count - rest * rest;
  const float least = variance > 0 ? variance : 0 * variance;  // NaN stays
  const Vec inverse = broadcast(1.0f) / sqrt(broadcast(least + p.epsilon));
  const Vec offset = broadcast(rest);
  for_each_vector(p.size, [&](std::int64_t i, int n) {
    const Vec unit = (load(x + i, n) - first - offset) * inverse;
    const Vec scaled = unit * load(scale + i, n);
    store(y + i, bias ? scaled + load(bias + i, n) : scaled, n);
  });
}

void rms_norm_row(const LayerNormProblem& p, const float* x, const float* scale, float* y) {
  Vec part[4] = {zero(), zero(), zero(), zero()};
  std::int64_t i = 0;
  for (; i + 4 * Vec::size <= p.size; i += 4 * Vec::size) {
    for (int v = 0; v < 4; ++v) {
      const Vec element = load(x + i + v * Vec::size);
      part[v] = fma(element, element, part[v]);
    }
  }
  for (; i < p.size; i += Vec::size) {
    const Vec element = load(x + i, p.size - i < Vec::size ? int(p.size - i) : Vec::size);
    part[0] = fma(element, element, part[0]);
  }
  const float mean = sum((part[0] + part[1]) + (part[2] + part[3])) / float(p.size);
  const Vec inverse = broadcast(1.0f) / sqrt(broadcast(mean + p.epsilon));
  for_each_vector(p.size, [&](std::int64_t at, int n) {
    store(y + at, load(x + at, n) * inverse * load(scale + at, n), n);
  });
}

}  // namespace

const char* run_rms_norm(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const LayerNormProblem&>(*args.problem);
  const float* x = static_cast<const float*>(args.in[0]);
  const float* scale = static_cast<const float*>(args.in[1]);
  float* y = static_cast<float*>(args.out[0]);
  const std::int64_t rows = layer_norm_rows(p);
  const std::int64_t last = end * rows < p.rows ? end * rows : p.rows;
  for (std::int64_t r = begin * rows; r < last; ++r) {
    rms_norm_row(p, x + r * p.size, scale, y + r * p.size);
  }
  return nullptr;
}

const char* run_layer_norm(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const LayerNormProblem&>(*args.problem);
  const float* x = static_cast<const float*>(args.in[0]);
  const float* scale = static_cast<const float*>(args.in[1]);
  const float* bias = p.bias ? static_cast<const float*>(args.in[2]) : nullptr;
  float* y = static_cast<float*>(args.out[0]);
  const std::int64_t rows = layer_norm_rows(p);
  const std::int64_t last = end * rows < p.rows ? end * rows : p.rows;
  for (std::int64_t r = begin * rows; r < last; ++r) {
    layer_norm_row(p, x + r * p.size, scale, bias, y + r * p.size);
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
