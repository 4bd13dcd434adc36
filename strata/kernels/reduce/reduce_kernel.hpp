#pragma once

#include "strata/kernels/reduce/runs.hpp"
#include "strata/kernels/vec_reduce.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Reduces `size` rows of V vectors of columns, `inner` floats apart, in two chains; `width`
/// columns exist in the last vector.
template <class Op, int V>
inline void reduce_down(const float* x, std::int64_t size, std::int64_t inner, int width,
                        float divisor, float* y) {
  Vec even[V], odd[V];
  for (int v = 0; v < V; ++v) even[v] = odd[v] = Op::start();
  const auto take = [&](Vec(&total)[V], const float* at) {
    for (int v = 0; v < V; ++v) {
      const float* from = at + v * Vec::size;
      total[v] = Op::join(total[v], v + 1 < V ? load(from) : load(from, width));
    }
  };
  std::int64_t i = 0;
  for (; i + 2 <= size; i += 2) {
    take(even, x + i * inner);
    take(odd, x + (i + 1) * inner);
  }
  if (i < size) take(even, x + i * inner);
  const Vec d = broadcast(divisor);
  for (int v = 0; v < V; ++v) {
    store(y + v * Vec::size, Op::join(even[v], odd[v]) / d, v + 1 < V ? Vec::size : width);
  }
}

template <class Op>
void reduce_units(const Args& args, const ReduceProblem& p, std::int64_t begin, std::int64_t end) {
  const float* x = static_cast<const float*>(args.in[0]);
  float* y = static_cast<float*>(args.out[0]);
  const float divisor = p.function == ReduceProblem::Function::mean ? float(p.size) : 1.0f;
  if (p.inner == 1) {
    const std::int64_t rows = reduce_rows_per_unit(p);
    const std::int64_t last = end * rows < p.outer ? end * rows : p.outer;
    for (std::int64_t r = begin * rows; r < last; ++r) {
      y[r] = reduce_run<Op>(x + r * p.size, p.size) / divisor;
    }
    return;
  }
  const std::int64_t chunks = (p.inner + reduce_columns - 1) / reduce_columns;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t from = unit % chunks * reduce_columns;
    const std::int64_t to = from + reduce_columns < p.inner ? from + reduce_columns : p.inner;
    const std::int64_t outer = unit / chunks;
    const float* at = x + outer * p.size * p.inner;
    float* result = y + outer * p.inner;
    std::int64_t c = from;
    for (; c + 4 * Vec::size <= to; c += 4 * Vec::size) {
      reduce_down<Op, 4>(at + c, p.size, p.inner, Vec::size, divisor, result + c);
    }
    for (; c < to; c += Vec::size) {
      const int width = to - c < Vec::size ? int(to - c) : Vec::size;
      reduce_down<Op, 1>(at + c, p.size, p.inner, width, divisor, result + c);
    }
  }
}

}  // namespace

const char* run_reduce(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& problem = static_cast<const ReduceProblem&>(*args.problem);
  if (problem.function == ReduceProblem::Function::max) {
    reduce_units<Maximum>(args, problem, begin, end);
  } else {
    reduce_units<Sum>(args, problem, begin, end);
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
