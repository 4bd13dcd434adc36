#pragma once

#include "strata/kernels/vec.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// What a reduction joins its elements with; `start` changes nothing.
struct Maximum {
  static constexpr bool averages = false;
  static Vec start() { return broadcast(-__builtin_inff()); }
  static Vec join(Vec total, Vec x) { return max(x, total); }
  static float join(float total, float x) { return x > total ? x : total; }
  static float across(Vec v) { return largest(v); }
};
struct Sum {
  static constexpr bool averages = true;  ///< a mean is made of it
  static Vec start() { return zero(); }
  static Vec join(Vec total, Vec x) { return total + x; }
  static float join(float total, float x) { return total + x; }
  static float across(Vec v) { return sum(v); }
};

/// Reduces `count` neighbouring floats.
template <class Op>
inline float reduce_run(const float* x, std::int64_t count) {
  Vec total = Op::start();
  std::int64_t i = 0;
  if (count >= 4 * Vec::size) {
    Vec part[4] = {Op::start(), Op::start(), Op::start(), Op::start()};
    for (; i + 4 * Vec::size <= count; i += 4 * Vec::size) {
      for (int v = 0; v < 4; ++v) part[v] = Op::join(part[v], load(x + i + v * Vec::size));
    }
    total = Op::join(Op::join(part[0], part[1]), Op::join(part[2], part[3]));
  }
  for (; i < count; i += Vec::size) {
    const int rest = count - i < Vec::size ? int(count - i) : Vec::size;
    total = Op::join(total, lanes(load(x + i, rest), rest, Op::start()));
  }
  return Op::across(total);
}

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
