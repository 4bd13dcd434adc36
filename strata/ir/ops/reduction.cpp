#include "strata/ir/ops/reduction.hpp"

#include <cmath>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {

ReduceWalk::ReduceWalk(const Shape& input, std::uint32_t reduced) {
  for (int axis = 0; axis < input.rank(); ++axis) {
    Axes& axes = (reduced >> axis & 1) != 0 ? reduced_ : kept_;
    axes.add(input[axis], input.elements(axis + 1, input.rank()));
  }
}

void ReduceWalk::Axes::add(std::int64_t axis_extent, std::int64_t axis_stride) {
  extent[rank] = axis_extent;
  stride[rank] = axis_stride;
  count *= axis_extent;
  ++rank;
}

std::int64_t ReduceWalk::Axes::offset(std::int64_t i) const {
  std::int64_t sum = 0;
  for (std::size_t axis = rank; axis-- > 0;) {
    sum += i % extent[axis] * stride[axis];
    i /= extent[axis];
  }
  return sum;
}

std::uint32_t reduced_axes(const EvalArgs& args) {
  const int rank = args.inputs[0].shape().rank();
  const std::int64_t named = args.has_input(1) ? args.inputs[1].elements() : 0;
  std::uint32_t bits = 0;
  for (std::int64_t i = 0; i < named; ++i) {
    bits |= 1u << normalize_axis(index_at(args.inputs[1], i), rank, "axes");
  }
  const bool all = named == 0 && args.attributes().integer("noop_with_empty_axes", 0) == 0;
  return all ? (1u << rank) - 1 : bits;
}

namespace {

void infer(InferContext& context) {
  const Attributes& attributes = context.attributes();
  const SymbolicShape& x = context.input(0).shape;
  const int rank = int(x.size());
  const bool keep = attributes.integer("keepdims", 1) != 0;
  std::vector<std::int64_t> named;
  if (context.has_input(1)) {
    expect_dtype(context, 1, "axes", DType::i64);
    context.expect_rank(1, "axes", 1);
    const bool none = context.input(1).shape[0] == Dim(0);  // no axes, whoever gives them
    if (!none && !context.integers(1)) {
      const int dropped = keep ? 0 : expect_length(context, 1, "axes");
      expect_between("rank of the result", rank - dropped, 0, rank);
      return context.set_open_output(0, context.input(0).dtype, rank - dropped);
    }
    if (!none) named = expect_integers(context, 1, "axes");
  }
  const std::vector<int> axes = normalize_axes(named, rank, "axes");
  const bool all = axes.empty() && attributes.integer("noop_with_empty_axes", 0) == 0;
  SymbolicShape shape;
  for (int axis = 0; axis < rank; ++axis) {
    if (!all && std::find(axes.begin(), axes.end(), axis) == axes.end()) {
      shape.push_back(x[std::size_t(axis)]);
    } else if (keep) {
      shape.push_back(1);
    }
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

void infer_number(InferContext& context) {
  expect_number(context, 0, "data");
  infer(context);
}

/// A reduction is a fold: where it starts, one step, and what becomes of the result. Integers wrap.
struct Fold {
  template <class C>
  static C start() {
    return 0;
  }
  template <class C>
  static C finish(C sum, std::int64_t) {
    return sum;
  }
};

template <class C>
C wrapping_sum(C a, C b) {
  if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) + std::uint64_t(b));
  return a + b;
}
template <class C>
C wrapping_product(C a, C b) {
  if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) * std::uint64_t(b));
  return a * b;
}

struct Sum : Fold {
  template <class C>
  static C step(C sum, C x) {
    return wrapping_sum(sum, x);
  }
};

struct Mean : Sum {
  template <class C>
  static C finish(C sum, std::int64_t count) {
    return sum / C(count);
  }
};

struct Product : Fold {
  template <class C>
  static C start() {
    return 1;
  }
  template <class C>
  static C step(C product, C x) {
    return wrapping_product(product, x);
  }
};

struct Maximum : Fold {
  template <class C>
  static C start() {
    using Limits = std::numeric_limits<C>;
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  }
  template <class C>
  static C step(C best, C x) {
    return x > best || x != x ? x : best;
  }
};

struct Minimum : Fold {
  template <class C>
  static C start() {
    using Limits = std::numeric_limits<C>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  template <class C>
  static C step(C best, C x) {
    return x < best || x != x ? x : best;
  }
};

struct L1 : Fold {
  template <class C>
  static C step(C sum, C x) {
    return wrapping_sum(sum, x < C(0) ? wrapping_product(x, C(-1)) : x);
  }
};

struct SumSquare : Fold {
  template <class C>
  static C step(C sum, C x) {
    return wrapping_sum(sum, wrapping_product(x, x));
  }
};

struct L2 : SumSquare {
  template <class C>
  static C finish(C sum, std::int64_t) {
    return C(std::sqrt(double(sum)));
  }
};

struct LogSum : Sum {
  template <class C>
  static C finish(C sum, std::int64_t) {
    const double logarithm = std::log(double(sum));
    // The logarithm of an integer that is not positive is undefined.
    if constexpr (std::is_integral_v<C>) return sum <= C(0) ? C(0) : C(logarithm);
    return logarithm;
  }
};

template <class F>
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const ReduceWalk walk(x.shape(), reduced_axes(args));
  if (walk.count() == 0) {
    // Computed in double, whose infinities become the limits of an integer type when stored.
    double nothing = F::template finish<double>(F::template start<double>(), 0);
    if (x.dtype() == DType::boolean) nothing = std::fmax(nothing, 0);  // the least bool is false
    for (std::int64_t i = 0; i < walk.outputs(); ++i) store_one(nothing, args.outputs[0], i);
    return {};
  }
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < walk.outputs(); ++i) {
      C folded = F::template start<C>();
      walk.visit<C>(x, i, [&](C value) { folded = F::step(folded, value); });
      store_one(F::finish(folded, walk.count()), args.outputs[0], i);
    }
  });
  return {};
}

Status log_sum_exp(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const ReduceWalk walk(x.shape(), reduced_axes(args));
  for (std::int64_t i = 0; i < walk.outputs(); ++i) {
    double maximum = -std::numeric_limits<double>::infinity();
    walk.visit<double>(x, i, [&](double value) { maximum = std::fmax(maximum, value); });
    double sum = 0;
    const double shift = std::isfinite(maximum) ? maximum : 0;
    walk.visit<double>(x, i, [&](double value) { sum += std::exp(value - shift); });
    store_one(shift + std::log(sum), args.outputs[0], i);
  }
  return {};
}

/// The node's reduction of another kind, applied to `x`.
ValueId reduce(Builder& builder, const Node& node, std::string_view op, ValueId x) {
  std::vector<ValueId> inputs = node.inputs;
  inputs[0] = x;
  return builder.op(op, std::move(inputs), node.attributes);
}

Replacement decompose_l1(Builder& builder, const Node& node) {
  return {{reduce(builder, node, "ReduceSum", builder.op("Abs", {node.inputs[0]}))}};
}

Replacement decompose_sum_square(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  return {{reduce(builder, node, "ReduceSum", builder.op("Mul", {x, x}))}};
}

Replacement decompose_l2(Builder& builder, const Node& node) {
  if (!is_float(type_of(builder, node.inputs[0]).dtype)) return std::nullopt;
  return {{builder.op("Sqrt", {reduce(builder, node, "ReduceSumSquare", node.inputs[0])})}};
}

Replacement decompose_log_sum(Builder& builder, const Node& node) {
  if (!is_float(type_of(builder, node.inputs[0]).dtype)) return std::nullopt;
  return {{builder.op("Log", {reduce(builder, node, "ReduceSum", node.inputs[0])})}};
}

Replacement decompose_log_sum_exp(Builder& builder, const Node& node) {
  if (!is_float(type_of(builder, node.inputs[0]).dtype)) return std::nullopt;
  Node kept = node;
  kept.attributes.set("keepdims", std::int64_t(1));
  const ValueId maximum = reduce(builder, kept, "ReduceMax", node.inputs[0]);
  const ValueId grown = builder.op("Exp", {builder.op("Sub", {node.inputs[0], maximum})});
  const ValueId logarithm = reduce(builder, node, "ReduceLogSum", grown);
  // Without its axes of extent 1 the maximum has the same elements in the same order.
  const ValueId shift = reduce(builder, node, "ReduceMax", node.inputs[0]);
  return {{builder.op("Add", {logarithm, shift})}};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes drop{{"keepdims", std::int64_t(0)}};
  const Attributes noop{{"noop_with_empty_axes", std::int64_t(1)}};
  const auto make = [](std::string_view name, std::vector<OpCase::Input> inputs,
                       Attributes attributes = {}) {
    return OpCase{.name = name,
                  .inputs = std::move(inputs),
                  .attributes = std::move(attributes),
                  .low = 0.25,
                  .high = 2};
  };
  return {make("last", {f32({2, 3, 5}), i64({-1})}),
          make("first", {f32({4, 3, 2}), i64({0})}, drop),
          make("spatial", {f32({2, 3, 4, 5}), i64({2, 3})}),
          make("apart", {f32({2, 3, 4, 5}), i64({-4, 2})}, drop),
          make("all", {f32({3, 2, 2})}),
          make("all_dropped", {f32({3, 2, 2}), i64({})}, drop),
          make("none", {f32({3, 5}), i64({})}, noop),
          make("long", {f32({2, 700}), i64({1})}),
          make("symbolic", {f32({Dim::symbol("N"), 3, 4}), i64({2})}),
          make("f64", {input(DType::f64, {3, 7}), i64({1})}),
          make("f16", {input(DType::f16, {3, 7}), i64({1})})};
}

std::vector<OpCase> number_cases() {
  using namespace example;
  std::vector<OpCase> all = cases();
  all.push_back({"i64", {values<std::int64_t>({2, 3}, {4, 7, 1, 2, 9, 3}), i64({1})}});
  all.push_back({"i32", {values<std::int32_t>({2, 2}, {4, 7, 1, 2}), i64({0})}});
  return all;
}

constexpr AttributeDef attributes[] = {{"keepdims", AttributeKind::integer},
                                       {"noop_with_empty_axes", AttributeKind::integer}};

constexpr OpDef row(std::string_view name, Status (*reference)(const EvalArgs&),
                    decltype(OpDef::decompose) decompose = nullptr,
                    void (*rule)(InferContext&) = infer_number) {
  return {.name = name,
          .inputs = {1, 2},
          .attributes = attributes,
          .infer = rule,
          .reference = reference,
          .cost = cost,
          .decompose = decompose,
          .cases = number_cases};
}

}  // namespace

extern const OpDef reduce_l1_op, reduce_l2_op, reduce_log_sum_exp_op, reduce_log_sum_op,
    reduce_max_op, reduce_mean_op, reduce_min_op, reduce_prod_op, reduce_sum_op,
    reduce_sum_square_op;

constinit const OpDef reduce_l1_op = row("ReduceL1", reference<L1>, decompose_l1);
constinit const OpDef reduce_l2_op = row("ReduceL2", reference<L2>, decompose_l2);
constinit const OpDef reduce_log_sum_exp_op =
    row("ReduceLogSumExp", log_sum_exp, decompose_log_sum_exp);
constinit const OpDef reduce_log_sum_op = row("ReduceLogSum", reference<LogSum>, decompose_log_sum);
constinit const OpDef reduce_max_op = row("ReduceMax", reference<Maximum>, nullptr, infer);
constinit const OpDef reduce_mean_op = row("ReduceMean", reference<Mean>);
constinit const OpDef reduce_min_op = row("ReduceMin", reference<Minimum>, nullptr, infer);
constinit const OpDef reduce_prod_op = row("ReduceProd", reference<Product>);
constinit const OpDef reduce_sum_op = row("ReduceSum", reference<Sum>);
constinit const OpDef reduce_sum_square_op =
    row("ReduceSumSquare", reference<SumSquare>, decompose_sum_square);

}  // namespace strata::ir
