// PRelu of quantized numbers: slopes have a grid of their own.
#include <cmath>

#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum {
  x_at,
  x_scale_at,
  x_zero_at,
  slope_at,
  slope_scale_at,
  slope_zero_at,
  y_scale_at,
  y_zero_at
};

void infer(InferContext& context) {
  expect_arithmetic(context);
  expect_byte(context, x_at, "x");
  context.expect_same_dtype(x_at, slope_at);
  context.expect_same_dtype(x_at, y_zero_at);
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {slope_at, slope_scale_at, slope_zero_at}, "slope");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  const SymbolicShape& x = context.input(x_at).shape;
  const SymbolicShape& slope = context.input(slope_at).shape;
  if (slope.size() > x.size()) context.expect_rank(slope_at, "slope", int(x.size()));
  for (std::size_t i = 0; i < slope.size(); ++i) {
    if (slope[i] == Dim(1)) continue;
    expect_extent("extent of slope", slope[i], x[x.size() - slope.size() + i]);
  }
  context.set_output(0, context.input(x_at));
}

struct Bend {
  bool onnx;
  QuantizedOperand x, slope, y;
  FixedMultiplier above, below;
  QuantizedRange range;

  explicit Bend(const EvalArgs& args)
      : onnx(arithmetic_of(args.attributes()) == Arithmetic::onnx),
        x(grid(args, x_scale_at, x_zero_at)),
        slope(grid(args, slope_scale_at, slope_zero_at)),
        y(grid(args, y_scale_at, y_zero_at)),
        above(fixed_multiplier(double(x.scale) / double(y.scale))),
        below(fixed_multiplier(double(x.scale) * double(slope.scale) / double(y.scale))),
        range(*quantized_range(args.outputs[0].dtype())) {}

  std::int32_t operator()(std::int32_t code, std::int32_t slope_code) const {
    const std::int32_t number = code - x.zero_point;
    const std::int32_t factor = slope_code - slope.zero_point;
    if (onnx) {
      const float value = x.scale * float(number);
      const float bent = number < 0 ? value * (slope.scale * float(factor)) : value;
      return round_then_shift(bent / y.scale, y.zero_point, range);
    }
    const std::int64_t bent =
        number >= 0 ? multiply_away(number, above) : multiply_away(number * factor, below);
    return std::int32_t(std::clamp<std::int64_t>(bent + y.zero_point, range.low, range.high));
  }
};

Status reference(const EvalArgs& args) {
  const Tensor& slopes = args.inputs[slope_at];
  const Bend bend(args);
  const BroadcastWalk walk(args.outputs[0].shape(), {slopes.shape()});
  dispatch_byte(args.inputs[x_at].dtype(), [&]<class T>() {
    const T* x = args.inputs[x_at].data<T>().data();
    const T* slope = slopes.data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    walk.rows([&](std::int64_t start, const auto& offsets) {
      for (std::int64_t i = 0; i < walk.row(); ++i) {
        y[start + i] = T(bend(x[start + i], slope[offsets[0] + i * walk.step(0)]));
      }
    });
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto make = [&](std::string_view name, std::string_view arithmetic) {
    return OpCase{
        name,
        {values<std::int8_t>({1, 2, 3}, {-128, 127, 5, -7, 0, 99}), scalar(0.1f), z(3),
         values<std::int8_t>({2, 1}, {-50, 77}), scalar(0.02f), z(1), scalar(0.2f), z(-4)},
        {{"arithmetic", std::string(arithmetic)}}};
  };
  return {make("onnx", "onnx"),
          make("reference", "tflite_reference"),
          {"symbolic",
           {input(DType::i8, {Dim::symbol("N"), 3}), scalar(0.1f), z(3), input(DType::i8, {3}),
            scalar(0.02f), z(1), scalar(0.2f), z(-4)}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string}};

}  // namespace

extern const OpDef q_linear_prelu_op;
constinit const OpDef q_linear_prelu_op = {.name = "QLinearPRelu",
                                           .domain = "strata",
                                           .inputs = {8, 8},
                                           .attributes = attributes,
                                           .infer = infer,
                                           .reference = reference,
                                           .cost = elementwise_cost,
                                           .cases = cases};

}  // namespace strata::ir
