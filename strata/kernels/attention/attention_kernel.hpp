#pragma once

#include "strata/kernels/attention/plan.hpp"
#include "strata/kernels/vec_math.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

[[gnu::always_inline]] inline int lanes_at(int keys, int i) {
  return keys - i < Vec::size ? keys - i : Vec::size;
}

/// The largest score of a row, which has the mask added.
template <bool Masked>
[[gnu::always_inline]] inline float mask_row(float* x, const float* mask, int keys) {
  const Vec lowest = broadcast(-__builtin_inff());
  Vec top = lowest;
  for (int i = 0; i < keys; i += Vec::size) {
    const int n = lanes_at(keys, i);
    Vec v = load(x + i);
    if constexpr (Masked) {
      v = v + load(mask + i, n);
      store(x + i, v);
    }
    top = max(n < Vec::size ? lanes(v, n, lowest) : v, top);
  }
  return largest(top);
}

/// x = e^(x - shift); returns their sum.
[[gnu::always_inline]] inline float powers(float* x, float shift, int keys) {
  const Vec offset = broadcast(shift);
  Vec total = zero();
  int i = 0;
  for (; i + Vec::size <= keys; i += Vec::size) {
    const Vec power = exp(load(x + i) - offset);
    total = total + power;
    store(x + i, power);
  }
  if (i < keys) {
    const Vec power = exp(load(x + i) - offset);
    total = total + lanes(power, keys - i, zero());
    store(x + i, power);
  }
  return sum(total);
}

/// e^x of one number.
inline float power_of(float x) {
  float lane[Vec::size];
  store(lane, exp(broadcast(x)));
  return lane[0];
}

template <bool Masked>
void soften(const SoftenBlock& s) {
  for (int r = 0; r < s.rows; ++r) {
    float* x = s.scores + r * s.row;
    float top = mask_row<Masked>(x, Masked ? s.mask + r * s.mask_row : nullptr, s.keys);
    if (!s.first && s.largest[r] > top) top = s.largest[r];
    // Where everything is masked so far, powers are 0.
    const float shift = top == -__builtin_inff() ? 0.0f : top;
    float total = powers(x, shift, s.keys);
    if (!s.first && s.largest[r] == top) {
      total += s.total[r];
    } else if (!s.first) {
      const float factor = power_of(s.largest[r] - shift);
      total += s.total[r] * factor;
      float* y = s.sums + r * s.sums_row;
      const Vec less = broadcast(factor);
      for (std::ptrdiff_t i = 0; i < s.sums_row; i += Vec::size) store(y + i, load(y + i) * less);
    }
    s.largest[r] = top;
    s.total[r] = total;
  }
}

}  // namespace

void soften_scores(const SoftenBlock& block) noexcept {
  block.mask ? soften<true>(block) : soften<false>(block);
}

void scale_rows(const ScaledRows& s) noexcept {
  for (std::int64_t r = 0; r < s.rows; ++r) {
    const float* from = s.from + r * s.from_row;
    float* to = s.to + r * s.to_row;
    const Vec factor = broadcast(s.factors[r * s.factor_step]);
    std::int64_t i = 0;
    for (; i + Vec::size <= s.columns; i += Vec::size) store(to + i, load(from + i) * factor);
    if (i < s.columns) {
      const int n = int(s.columns - i);
      store(to + i, load(from + i, n) * factor, n);
    }
  }
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
