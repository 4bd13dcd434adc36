#include <cmath>

#include "strata/ir/ops/binary.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "X");
  expect_number(context, 1, "Y");
  context.set_output(0, {context.input(0).dtype, broadcast_operands(context, 2)});
}

/// Modulo 2^64; a negative exponent gives the truncated fraction.
struct IntegerPower {
  std::int64_t operator()(std::int64_t base, std::int64_t exponent) const {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return exponent % 2 == 0 ? 1 : -1;
      return 0;
    }
    std::uint64_t power = 1;
    std::uint64_t square = std::uint64_t(base);
    for (std::uint64_t rest = std::uint64_t(exponent); rest != 0; rest >>= 1) {
      if ((rest & 1) != 0) power *= square;
      square *= square;
    }
    return std::int64_t(power);
  }
};

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const Tensor& y = args.inputs[1];
  if (is_float(x.dtype()) || is_float(y.dtype())) {
    combine<double>(x, y, args.outputs[0], [](double a, double b) { return std::pow(a, b); });
  } else {
    combine<std::int64_t>(x, y, args.outputs[0], IntegerPower{});
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  std::vector<OpCase> all = binary_cases(DType::f32, 0.25, 2);
  all.push_back({"square", {f32({3, 5}), scalar(2.0f)}});
  all.push_back({"i64", {i64({2, -3, 7, 2}), i64({10, 3, 0, -1})}});
  all.push_back({"mixed", {values<float>({3}, {1, 2, 3}), i64({4, 5, 6})}});
  return all;
}

}  // namespace

extern const OpDef pow_op;
constinit const OpDef pow_op = {.name = "Pow",
                                .inputs = {2, 2},
                                .infer = infer,
                                .reference = reference,
                                .cost = elementwise_cost,
                                .cases = cases};

}  // namespace strata::ir
