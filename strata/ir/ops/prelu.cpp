#include "strata/ir/ops/binary.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  infer_binary(context);
  const SymbolicShape& x = context.input(0).shape;
  if (broadcast_operands(context, 2).size() != x.size()) {
    fail(ErrorCode::model, "slope {} does not broadcast to X {}", to_string(context.input(1).shape),
         to_string(x));
  }
  const SymbolicShape& slope = context.input(1).shape;
  for (std::size_t i = 0; i < slope.size(); ++i) {
    if (slope[i] == Dim(1)) continue;
    expect_extent("extent of slope", slope[i], x[x.size() - slope.size() + i]);
  }
  context.set_output(0, context.input(0));
}

struct Bend {
  template <class T>
  T operator()(T x, T slope) const {
    if constexpr (std::is_integral_v<T>) {
      return x < T(0) ? T(std::uint64_t(x) * std::uint64_t(slope)) : x;
    }
    return x < T(0) ? slope * x : x;
  }
};

std::vector<OpCase> cases() {
  using namespace example;
  return {{"same_shape", {f32({3, 4, 5}), f32({3, 4, 5})}},
          {"channel", {f32({2, 3, 4, 5}), weight({3, 1, 1})}},
          {"last", {f32({2, 3, 4}), weight({4})}},
          {"scalar", {f32({2, 3}), weight({})}},
          {"symbolic", {f32({Dim::symbol("N"), 3}), weight({3})}}};
}

}  // namespace

extern const OpDef prelu_op;
constinit const OpDef prelu_op = {.name = "PRelu",
                                  .inputs = {2, 2},
                                  .infer = infer,
                                  .reference = combine_reference<Bend>,
                                  .cost = elementwise_cost,
                                  .cases = cases};

}  // namespace strata::ir
