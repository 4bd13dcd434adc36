#pragma once

#include <algorithm>
#include <type_traits>

#include "strata/ir/op.hpp"
#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/compute.hpp"

namespace strata::ir {

/// Elements converted at a time, on the stack.
constexpr std::int64_t chunk = 256;

/// What a scalar function's results are stored from: bool travels as int64_t.
template <class R>
using Stored = std::conditional_t<std::is_same_v<R, bool>, std::int64_t, R>;

/// y[i] = f(x[i]), computed in C.
template <class C, class F>
void map(const Tensor& x, Tensor& y, F f) {
  using R = Stored<std::invoke_result_t<F, C>>;
  C in[chunk];
  R out[chunk];
  for (std::int64_t at = 0; at < y.elements(); at += chunk) {
    const std::int64_t n = std::min(chunk, y.elements() - at);
    load(x, at, 1, n, in);
    for (std::int64_t i = 0; i < n; ++i) out[i] = R(f(in[i]));
    store(out, n, y, at);
  }
}

/// y = f(a, b) with both broadcast to y's shape, computed in C. y may be a's own bytes.
template <class C, class F>
void combine(const Tensor& a, const Tensor& b, Tensor& y, F f) {
  using R = Stored<std::invoke_result_t<F, C, C>>;
  const BroadcastWalk walk(y.shape(), {a.shape(), b.shape()});
  C left[chunk];
  C right[chunk];
  R out[chunk];
  walk.rows([&](std::int64_t start, const auto& offsets) {
    for (std::int64_t at = 0; at < walk.row(); at += chunk) {
      const std::int64_t n = std::min(chunk, walk.row() - at);
      load(a, offsets[0] + at * walk.step(0), walk.step(0), n, left);
      load(b, offsets[1] + at * walk.step(1), walk.step(1), n, right);
      for (std::int64_t i = 0; i < n; ++i) out[i] = R(f(left[i], right[i]));
      store(out, n, y, start + at);
    }
  });
}

/// A scalar function as a whole reference, in the compute type of the first input.
template <class F>
Status map_reference(const EvalArgs& args) {
  dispatch_compute(args.inputs[0].dtype(),
                   [&]<class C>() { map<C>(args.inputs[0], args.outputs[0], F{}); });
  return {};
}
template <class F>
Status combine_reference(const EvalArgs& args) {
  dispatch_compute(args.inputs[0].dtype(), [&]<class C>() {
    combine<C>(args.inputs[0], args.inputs[1], args.outputs[0], F{});
  });
  return {};
}

}  // namespace strata::ir
