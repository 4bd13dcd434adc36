#pragma once

#include "strata/kernels/reduce/runs.hpp"
#include "strata/kernels/vec_reduce.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Reduces `size` rows of one vector of columns, `inner` floats apart, in four chains.
template <class Op>
inline Vec reduce_down(const float* x, std::int64_t size, std::int64_t inner, int width) {
  Vec part[4] = {Op::start(), Op::start(), Op::start(), Op::start()};
  std::int64_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (int j = 0; j < 4; ++j) part[j] = Op::join(part[j], load(x + (i + j) * inner, width));
  }
  for (; i < size; ++i) part[0] = Op::join(part[0], load(x + i * inner, width));
  return Op::join(Op::join(part[0], part[1]), Op::join(part[2], part[3]));
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
    for (std::int64_t c = from; c < to; c += Vec::size) {
      const int width = to - c < Vec::size ? int(to - c) : Vec::size;
      const Vec total = reduce_down<Op>(x + outer * p.size * p.inner + c, p.size, p.inner, width);
      store(y + outer * p.inner + c, total / broadcast(divisor), width);
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
