#pragma once

#include "strata/kernels/elementwise/binary_plan.hpp"
#include "strata/kernels/vec_math.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

struct Add {
  static Vec apply(Vec a, Vec b) { return a + b; }
};
struct Subtract {
  static Vec apply(Vec a, Vec b) { return a - b; }
};
struct Multiply {
  static Vec apply(Vec a, Vec b) { return a * b; }
};
struct Divide {
  static Vec apply(Vec a, Vec b) { return a / b; }
};
struct Minimum {
  static Vec apply(Vec a, Vec b) { return select(a == a, min(a, b), a); }  // NaN of either stays
};
struct Maximum {
  static Vec apply(Vec a, Vec b) { return select(a == a, max(a, b), a); }
};

/// Bounds are applied always: they cost nothing beside the memory traffic.
struct Bounds {
  float lower, upper;
  Vec operator()(Vec v) const { return min(broadcast(upper), max(broadcast(lower), v)); }
};
struct General {
  Epilogue epilogue;
  Vec operator()(Vec v) const { return activate(v, epilogue); }
};

/// A row of axis 0: operands stream (1) or repeat one element (0).
template <class Op, bool StreamA, bool StreamB, class Finish>
inline void binary_row(const float* a, const float* b, float* y, std::int64_t count,
                       Finish finish) {
  const Vec one_a = broadcast(*a);
  const Vec one_b = broadcast(*b);
  std::int64_t i = 0;
  for (; i + Vec::size <= count; i += Vec::size) {
    const Vec va = StreamA ? load(a + i) : one_a;
    const Vec vb = StreamB ? load(b + i) : one_b;
    store(y + i, finish(Op::apply(va, vb)));
  }
  const int rest = int(count - i);
  if (rest > 0) {
    const Vec va = StreamA ? load(a + i, rest) : one_a;
    const Vec vb = StreamB ? load(b + i, rest) : one_b;
    store(y + i, finish(Op::apply(va, vb)), rest);
  }
}

struct BinaryRows {
  const float *a, *b;
  float* y;
  std::int64_t rows, columns;
  std::int64_t a_row, b_row, y_row;
  bool stream_a, stream_b;
};

template <class Op, bool StreamA, bool StreamB, class Finish>
inline void binary_block(const BinaryRows& s, Finish finish) {
  for (std::int64_t r = 0; r < s.rows; ++r) {
    binary_row<Op, StreamA, StreamB>(s.a + r * s.a_row, s.b + r * s.b_row, s.y + r * s.y_row,
                                     s.columns, finish);
  }
}

template <class Op, class Finish>
inline void binary_rows(const BinaryRows& s, Finish finish) {
  if (s.stream_a && s.stream_b) return binary_block<Op, true, true>(s, finish);
  if (s.stream_a) return binary_block<Op, true, false>(s, finish);
  if (s.stream_b) return binary_block<Op, false, true>(s, finish);
  binary_block<Op, false, false>(s, finish);
}

template <class Op>
void binary_finish(const BinaryRows& s, const Epilogue& e) {
  const float infinity = __builtin_inff();
  switch (e.activation) {
    case Activation::none:
      return binary_rows<Op>(s, Bounds{-infinity, infinity});
    case Activation::relu:
      return binary_rows<Op>(s, Bounds{0, infinity});
    case Activation::clip:
      return binary_rows<Op>(s, Bounds{e.alpha, e.beta});
    case Activation::leaky_relu:
    case Activation::hard_sigmoid:
    case Activation::hard_swish:
    case Activation::sigmoid:
    case Activation::silu:
    case Activation::tanh:
      return binary_rows<Op>(s, General{e});
  }
}

void binary_dispatch(Binary function, const BinaryRows& s, const Epilogue& e) {
  switch (function) {
    case Binary::add:
      return binary_finish<Add>(s, e);
    case Binary::sub:
      return binary_finish<Subtract>(s, e);
    case Binary::mul:
      return binary_finish<Multiply>(s, e);
    case Binary::div:
      return binary_finish<Divide>(s, e);
    case Binary::min:
      return binary_finish<Minimum>(s, e);
    case Binary::max:
      return binary_finish<Maximum>(s, e);
  }
}

}  // namespace

const char* run_binary(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& problem = static_cast<const BinaryProblem&>(*args.problem);
  const BinaryPlan plan = plan_binary(problem);
  int next = 0;
  const auto operand = [&](bool constant) {
    return constant ? reinterpret_cast<const float*>(args.packed)
                    : static_cast<const float*>(args.in[next++]);
  };
  const float* a = operand(problem.a_constant);
  const float* b = operand(problem.b_constant);
  float* y = static_cast<float*>(args.out[0]);
  const BinaryPlan::Axis& inner = plan.axes[0];
  const BinaryPlan::Axis& rows = plan.axes[1];
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t column = unit % plan.column_units * plan.columns;
    std::int64_t rest = unit / plan.column_units;
    const std::int64_t row = rest % plan.row_units * plan.rows;
    rest /= plan.row_units;
    BinaryRows s;
    s.y = y + (rest * rows.extent + row) * inner.extent + column;
    s.a = a + row * rows.a + column * inner.a;
    s.b = b + row * rows.b + column * inner.b;
    for (int i = 2; i < plan.rank; ++i) {
      const BinaryPlan::Axis& axis = plan.axes[i];
      s.a += rest % axis.extent * axis.a;
      s.b += rest % axis.extent * axis.b;
      rest /= axis.extent;
    }
    s.rows = plan.rows < rows.extent - row ? plan.rows : rows.extent - row;
    s.columns = plan.columns < inner.extent - column ? plan.columns : inner.extent - column;
    s.a_row = rows.a;
    s.b_row = rows.b;
    s.y_row = inner.extent;
    s.stream_a = inner.a != 0;
    s.stream_b = inner.b != 0;
    binary_dispatch(problem.function, s, problem.epilogue);
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
