#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

bool is_set(const Tensor& x, std::int64_t i) {
  return is_float(x.dtype()) ? load_one<double>(x, i) != 0 : load_one<std::int64_t>(x, i) != 0;
}

// Indices of the elements that are not zero, one column each; a scalar's columns are empty.
void infer(InferContext& context) {
  Dim count = 0;
  if (const auto x = context.constant(0)) {
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < x->elements(); ++i) found += is_set(*x, i);
    count = found;
  } else {
    count = context.open_extent(0, 1);
  }
  context.set_output(0, {DType::i64, {std::int64_t(rank_of(context, 0)), count}});
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const int rank = x.shape().rank();
  if (rank == 0) return {};
  const auto y = args.outputs[0].mutable_data<std::int64_t>();
  const std::int64_t count = args.outputs[0].shape()[1];
  std::int64_t column = 0;
  for (std::int64_t i = 0; i < x.elements() && column < count; ++i) {
    if (!is_set(x, i)) continue;
    std::int64_t rest = i;
    for (int axis = rank - 1; axis >= 0; --axis) {
      y[std::size_t(axis * count + column)] = rest % x.shape()[axis];
      rest /= x.shape()[axis];
    }
    ++column;
  }
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  return {{"matrix", {values<float>({2, 3}, {0, 1, 0, -2, 0, 3})}},
          {"open", {input(DType::boolean, {3, 4})}},
          {"none", {values<std::int32_t>({2}, {0, 0})}},
          {"scalar", {scalar(1.0f)}}};
}

}  // namespace

extern const OpDef non_zero_op;
constinit const OpDef non_zero_op = {
    .name = "NonZero", .infer = infer, .reference = reference, .cost = cost, .cases = cases};

}  // namespace strata::ir
