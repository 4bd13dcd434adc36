#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view names[] = {"start", "limit", "delta"};

/// ceil((limit - start) / delta), at least 0.
Dim integer_count(const Dim& start, const Dim& limit, std::int64_t delta) {
  const Dim distance = delta > 0 ? limit - start : start - limit;
  const std::int64_t pace = delta > 0 ? delta : -delta;
  if (distance.is_constant() && distance.constant() <= 0) return 0;
  const Dim count = pace == 1 ? distance : Dim::floor_div(distance + (pace - 1), pace);
  // A lone extent is never negative.
  return count.is_constant() || count.as_symbol() ? count : Dim::max(count, 0);
}

void infer_integers(InferContext& context) {
  if (!context.elements(0) || !context.elements(1) || !context.integers(2)) {
    return context.set_open_output(0, context.input(0).dtype, 1);
  }
  const Dim start = expect_elements(context, 0, names[0])[0];
  const Dim limit = expect_elements(context, 1, names[1])[0];
  const std::int64_t delta = expect_integers(context, 2, names[2])[0];
  // Bounds that keep the arithmetic on them inside 64 bits.
  constexpr std::int64_t most = std::int64_t(1) << 40;
  for (const Dim& bound : {start, limit, Dim(delta)}) {
    if (bound.is_constant()) expect_between("a bound", bound.constant(), -most, most);
  }
  if (delta == 0) fail(ErrorCode::model, "delta is 0; accepted: anything else");
  const Dim count = integer_count(start, limit, delta);
  context.set_output(0, {context.input(0).dtype, {count}});
  if (!count.is_constant() || count.constant() > 1024) return;
  std::vector<Dim> elements;
  for (std::int64_t i = 0; i < count.constant(); ++i) elements.push_back(start + Dim(i * delta));
  context.set_elements(0, std::move(elements));
}

void infer_floats(InferContext& context) {
  double bounds[3];
  for (int i = 0; i < 3; ++i) {
    const auto bound = context.constant(i);
    if (!bound) return context.set_open_output(0, context.input(0).dtype, 1);
    bounds[i] = load_one<double>(*bound, 0);
  }
  const double count = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  if (!(count <= double(std::int64_t(1) << 40))) {
    fail(ErrorCode::model, "from {} to {} in steps of {} is no finite range", bounds[0], bounds[1],
         bounds[2]);
  }
  context.set_output(0, {context.input(0).dtype, {std::int64_t(std::fmax(count, 0))}});
}

void infer(InferContext& context) {
  expect_number(context, 0, names[0]);
  for (int i = 0; i < 3; ++i) {
    context.expect_same_dtype(0, i);
    const SymbolicShape& shape = context.input(i).shape;
    if (shape.size() > 1 || (shape.size() == 1 && shape[0] != Dim(1))) {
      context.expect_rank(i, names[i], 0);
    }
  }
  is_float(context.input(0).dtype) ? infer_floats(context) : infer_integers(context);
}

Status reference(const EvalArgs& args) {
  dispatch_compute(args.outputs[0].dtype(), [&]<class C>() {
    const C start = load_one<C>(args.inputs[0], 0);
    const C delta = load_one<C>(args.inputs[2], 0);
    for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
      store_one(C(start + C(i) * delta), args.outputs[0], i);
    }
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"up", {scalar<std::int64_t>(3), scalar<std::int64_t>(10), scalar<std::int64_t>(3)}},
          {"down", {scalar<std::int32_t>(10), scalar<std::int32_t>(4), scalar<std::int32_t>(-2)}},
          {"none", {scalar<std::int64_t>(3), scalar<std::int64_t>(1), scalar<std::int64_t>(1)}},
          {"floats", {scalar(1.0f), scalar(2.5f), scalar(0.5f)}}};
}

constexpr AttributeDef attributes[] = {{"stash_type", AttributeKind::integer}};

}  // namespace

extern const OpDef range_op;
constinit const OpDef range_op = {.name = "Range",
                                  .inputs = {3, 3},
                                  .attributes = attributes,
                                  .infer = infer,
                                  .reference = reference,
                                  .cases = cases};

}  // namespace strata::ir
