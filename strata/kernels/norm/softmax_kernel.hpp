#pragma once

#include "strata/kernels/norm/runs.hpp"
#include "strata/kernels/vec_math.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// y = e^(x - max x) / sum of the same; its logarithm is x - max x - log sum. Along a row.
inline void softmax_row(const float* x, float* y, std::int64_t size, bool log_form) {
  const Vec lowest = broadcast(-__builtin_inff());
  const auto count = [&](std::int64_t i) {
    return size - i < Vec::size ? int(size - i) : Vec::size;
  };
  Vec top = lowest;
  for (std::int64_t i = 0; i < size; i += Vec::size) {
    top = max(lanes(load(x + i, count(i)), count(i), lowest), top);
  }
  const Vec peak = broadcast(largest(top));
  Vec total = zero();
  for (std::int64_t i = 0; i < size; i += Vec::size) {
    const Vec shifted = load(x + i, count(i)) - peak;
    const Vec power = exp(shifted);
    total = total + lanes(power, count(i), zero());
    store(y + i, log_form ? shifted : power, count(i));
  }
  const float all = sum(total);
  if (log_form) {
    float lane[Vec::size];
    store(lane, log(broadcast(all)));
    const Vec offset = broadcast(lane[0]);
    for (std::int64_t i = 0; i < size; i += Vec::size) {
      store(y + i, load(y + i, count(i)) - offset, count(i));
    }
  } else {
    const Vec factor = broadcast(1.0f / all);
    for (std::int64_t i = 0; i < size; i += Vec::size) {
      store(y + i, load(y + i, count(i)) * factor, count(i));
    }
  }
}

/// The same down one vector of columns that are `inner` floats apart.
inline void softmax_columns_of(const float* x, float* y, std::int64_t size, std::int64_t inner,
                               int width, bool log_form) {
  Vec top = broadcast(-__builtin_inff());
  for (std::int64_t i = 0; i < size; ++i) top = max(load(x + i * inner, width), top);
  Vec total = zero();
  for (std::int64_t i = 0; i < size; ++i) {
    const Vec shifted = load(x + i * inner, width) - top;
    const Vec power = exp(shifted);
    total = total + power;
    store(y + i * inner, log_form ? shifted : power, width);
  }
  const Vec offset = log(total);
  const Vec factor = broadcast(1.0f) / total;
  for (std::int64_t i = 0; i < size; ++i) {
    const Vec v = load(y + i * inner, width);
    store(y + i * inner, log_form ? v - offset : v * factor, width);
  }
}

}  // namespace

const char* run_softmax(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const SoftmaxProblem&>(*args.problem);
  const float* x = static_cast<const float*>(args.in[0]);
  float* y = static_cast<float*>(args.out[0]);
  if (p.inner == 1) {
    const std::int64_t rows = softmax_rows(p);
    const std::int64_t last = end * rows < p.outer ? end * rows : p.outer;
    for (std::int64_t r = begin * rows; r < last; ++r) {
      softmax_row(x + r * p.size, y + r * p.size, p.size, p.log);
    }
    return nullptr;
  }
  const std::int64_t chunks = (p.inner + softmax_columns - 1) / softmax_columns;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t from = unit % chunks * softmax_columns;
    const std::int64_t to = from + softmax_columns < p.inner ? from + softmax_columns : p.inner;
    for (std::int64_t c = from; c < to; c += Vec::size) {
      const std::int64_t at = unit / chunks * p.size * p.inner + c;
      const int width = to - c < Vec::size ? int(to - c) : Vec::size;
      softmax_columns_of(x + at, y + at, p.size, p.inner, width, p.log);
    }
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
