#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "X");
  expect_dtype(context, 1, "K", DType::i64);
  TensorType y = context.input(0);
  const auto axis = std::size_t(
      normalize_axis(context.attributes().integer("axis", -1), int(y.shape.size()), "axis"));
  const auto known = context.elements(1);
  const std::vector<Dim> k = known ? *known : std::vector{context.open_extent(0, int(axis))};
  expect_count("K", k.size(), 1);
  if (k[0].is_constant() && y.shape[axis].is_constant()) {
    expect_between("K", k[0].constant(), 0, y.shape[axis].constant());
  }
  y.shape[axis] = k[0];
  context.set_output(0, y);
  context.set_output(1, {DType::i64, y.shape});
}

/// Whether element (a, at index i) comes before (b, at j): the better one, or the earlier of
/// equals. NaN counts as the largest number.
template <class C>
bool precedes(C a, std::int64_t i, C b, std::int64_t j, bool largest) {
  if (a == b || (a != a && b != b)) return i < j;
  const bool greater = a != a || a > b;
  return greater == largest;
}

// Finds each next element as the first one after the last in order: k passes, no memory.
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const int axis = normalize_axis(args.attributes().integer("axis", -1), x.shape().rank(), "axis");
  const AxisView view(x.shape(), axis);
  const std::int64_t k = index_at(args.inputs[1], 0);
  const bool largest = args.attributes().integer("largest", 1) != 0;
  if (k < 0 || k > view.extent) return {"K is not within the extent of the axis"};
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t line = 0; line < view.outer * view.inner; ++line) {
      const std::int64_t o = line / view.inner;
      const std::int64_t j = line % view.inner;
      C previous = 0;
      std::int64_t last = -1;
      for (std::int64_t rank = 0; rank < k; ++rank) {
        C best = 0;
        std::int64_t at = -1;
        for (std::int64_t i = 0; i < view.extent; ++i) {
          const C value = load_one<C>(x, (o * view.extent + i) * view.inner + j);
          if (last >= 0 && !precedes(previous, last, value, i, largest)) continue;
          if (at >= 0 && !precedes(value, i, best, at, largest)) continue;
          best = value;
          at = i;
        }
        const std::int64_t to = (o * k + rank) * view.inner + j;
        if (args.outputs[0].present()) store_one(best, args.outputs[0], to);
        if (args.outputs[1].present()) store_one(at, args.outputs[1], to);
        previous = best;
        last = at;
      }
    }
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t zero = 0;
  return {{"last", {f32({3, 8}), i64({3})}, {}, 2},
          {"smallest", {f32({5, 2}), i64({2})}, {{"axis", zero}, {"largest", zero}}, 2},
          {"ties", {values<std::int32_t>({6}, {1, 3, 2, 3, 3, 0}), i64({4})}, {}, 2},
          {"unsorted", {f32({2, 4}), i64({4})}, {{"sorted", zero}}, 2},
          {"none", {f32({2, 4}), i64({0})}, {}, 2}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"largest", AttributeKind::integer},
                                       {"sorted", AttributeKind::integer}};

}  // namespace

extern const OpDef top_k_op;
constinit const OpDef top_k_op = {.name = "TopK",
                                  .inputs = {2, 2},
                                  .outputs = {2, 2},
                                  .attributes = attributes,
                                  .infer = infer,
                                  .reference = reference,
                                  .cost = cost,
                                  .cases = cases};

}  // namespace strata::ir
