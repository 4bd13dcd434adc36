// Functions of quantized numbers. Those of 8-bit codes are tables of 256.
#include <cmath>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_functions.hpp"

namespace strata::ir {
namespace {

enum { x_at, x_scale_at, x_zero_at, y_scale_at, y_zero_at };

void infer(InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, x_at, "x");
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  context.expect_same_dtype(x_at, y_zero_at);
  context.set_output(0, context.input(x_at));
}

/// To another grid, which may be that of another type.
void infer_identity(InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, x_at, "x");
  expect_code(context, y_zero_at, "y_zero_point");
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  context.set_output(0, {context.input(y_zero_at).dtype, context.input(x_at).shape});
}

struct Function {
  const EvalArgs& args;
  Arithmetic arithmetic;
  QuantizedOperand x, y;
  QuantizedRange range;

  explicit Function(const EvalArgs& a)
      : args(a),
        arithmetic(arithmetic_of(a.attributes())),
        x(grid(a, x_scale_at, x_zero_at)),
        y(grid(a, y_scale_at, y_zero_at)),
        range(*quantized_range(a.outputs[0].dtype())) {}

  /// y = f(code), by a table where there are 256 codes at most.
  template <class F>
  Status of_codes(F f) const {
    dispatch_code(args.inputs[x_at].dtype(), [&]<class X>() {
      dispatch_code(args.outputs[0].dtype(), [&]<class Y>() { apply<X, Y>(f); });
    });
    return {};
  }

  /// y = f(number), computed in f32 and rounded half away from zero, or as ONNX Runtime has it.
  template <class F>
  Status of_numbers(F f) const {
    const float inverse = 1.0f / y.scale;
    return of_codes([&](std::int32_t code) {
      const float value = f(x.scale * float(code - x.zero_point));
      if (arithmetic == Arithmetic::onnx)
        return round_then_shift(value / y.scale, y.zero_point, range);
      return round_then_shift(std::round(value * inverse), y.zero_point, range);
    });
  }

 private:
  template <class X, class Y, class F>
  void apply(F f) const {
    const X* from = args.inputs[x_at].data<X>().data();
    Y* to = args.outputs[0].mutable_data<Y>().data();
    const std::int64_t n = args.outputs[0].elements();
    if constexpr (sizeof(X) == 1) {
      const CodeTable table = table_of(*quantized_range(args.inputs[x_at].dtype()), f);
      for (std::int64_t i = 0; i < n; ++i) to[i] = Y(table[std::uint8_t(from[i])]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) to[i] = Y(f(std::int32_t(from[i])));
    }
  }
};

Status sigmoid(const EvalArgs& args) {
  return Function(args).of_numbers([](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}
Status tanh(const EvalArgs& args) {
  return Function(args).of_numbers([](float x) { return std::tanh(x); });
}
Status elu(const EvalArgs& args) {
  return Function(args).of_numbers([](float x) { return x < 0 ? std::expm1(x) : x; });
}
Status exp(const EvalArgs& args) {
  return Function(args).of_numbers([](float x) { return std::exp(x); });
}

Status hard_swish(const EvalArgs& args) {
  const Function function(args);
  if (function.arithmetic == Arithmetic::onnx || function.range.high > 255) {
    return function.of_numbers([](float x) { return x * std::clamp(x + 3.0f, 0.0f, 6.0f) / 6.0f; });
  }
  const CodeTable table = hard_swish_table(function.range, function.x, function.y);
  return function.of_codes([&](std::int32_t code) { return table[std::uint8_t(code)]; });
}

Status identity(const EvalArgs& args) {
  const Function function(args);
  if (function.arithmetic == Arithmetic::onnx)
    return function.of_numbers([](float x) { return x; });
  return function.of_codes(regrid_of(function.arithmetic, function.x, function.y, function.range));
}

Status leaky_relu(const EvalArgs& args) {
  const Function f(args);
  const float alpha = args.attributes().real("alpha", 0.01f);
  if (f.arithmetic == Arithmetic::onnx) {
    return f.of_numbers([&](float x) { return x >= 0 ? x : alpha * x; });
  }
  const Regrid above = scaled_regrid_of(f.arithmetic, f.x, 1, f.y, f.range);
  const Regrid below = scaled_regrid_of(f.arithmetic, f.x, alpha, f.y, f.range);
  return f.of_codes(
      [&](std::int32_t code) { return code >= f.x.zero_point ? above(code) : below(code); });
}

/// LiteRT's kernels take the grid of shares for granted: 1/256 from the lowest code on.
void expect_shares(const InferContext& context) {
  const auto expect = [&](int i, std::string_view what, double accepted) {
    const auto given = context.constant(i);
    if (!given || load_one<double>(*given, 0) == accepted) return;
    fail(ErrorCode::model, "{} is {}; accepted with this arithmetic: {}", what,
         load_one<double>(*given, 0), accepted);
  };
  expect(y_scale_at, "scale of y", 1 / 256.0);
  expect(y_zero_at, "zero point of y", quantized_range(context.input(x_at).dtype)->low);
}

void infer_softmax(InferContext& context) {
  infer(context);
  expect_byte(context, x_at, "x");
  if (expect_arithmetic(context) != Arithmetic::onnx) expect_shares(context);
  const float beta = context.attributes().real("beta", 1);
  if (!(beta > 0 && std::isfinite(beta))) {
    fail(ErrorCode::model, "beta is {}; accepted: positive and finite", beta);
  }
  normalize_axis(context.attributes().integer("axis", -1), rank_of(context, x_at), "axis");
}

/// One line in ONNX's mode: f32 steps, each rounded.
template <class T>
void softmax_line(const Function& f, float beta, const T* x, T* y, std::int64_t count,
                  std::int64_t step) {
  std::int32_t most = std::numeric_limits<T>::min();
  for (std::int64_t i = 0; i < count; ++i) most = std::max<std::int32_t>(most, x[i * step]);
  const auto share = [&](std::int64_t i) {
    return std::exp(f.x.scale * beta * float(x[i * step] - most));
  };
  float sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += share(i);
  for (std::int64_t i = 0; i < count; ++i) {
    y[i * step] = T(round_then_shift(share(i) / sum / f.y.scale, f.y.zero_point, f.range));
  }
}

Status softmax(const EvalArgs& args) {
  const Function f(args);
  const float beta = args.attributes().real("beta", 1);
  const Shape& shape = args.inputs[x_at].shape();
  const AxisView view(shape,
                      normalize_axis(args.attributes().integer("axis", -1), shape.rank(), "axis"));
  const FixedSoftmax fixed(f.arithmetic, beta, f.x, f.y, f.range);
  dispatch_byte(args.inputs[x_at].dtype(), [&]<class T>() {
    const T* x = args.inputs[x_at].data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t line = 0; line < view.outer * view.inner; ++line) {
      const std::int64_t at = line / view.inner * view.extent * view.inner + line % view.inner;
      if (f.arithmetic == Arithmetic::onnx) {
        softmax_line(f, beta, x + at, y + at, view.extent, view.inner);
      } else {
        fixed(x + at, y + at, view.extent, view.inner);
      }
    }
  });
  return {};
}

OpCase make(std::string_view name, std::string_view arithmetic, Attributes attributes = {}) {
  using namespace example;
  attributes.set("arithmetic", std::string(arithmetic));
  return {name,
          {values<std::int8_t>({2, 5}, {-128, 127, 5, -7, 0, 99, -60, 33, 21, 77}), scalar(0.05f),
           scalar<std::int8_t>(3), scalar(0.03f), scalar<std::int8_t>(-9)},
          std::move(attributes)};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {make("onnx", "onnx"),
          make("reference", "tflite_reference"),
          make("xnnpack", "tflite_xnnpack"),
          {"symbolic",
           {input(DType::u8, {Dim::symbol("N"), 4}), scalar(0.5f), scalar<std::uint8_t>(3),
            scalar(0.25f), scalar<std::uint8_t>(9)},
           {{"arithmetic", "tflite_optimized"}}},
          {"empty",
           {input(DType::u8, {0, 4}), scalar(0.5f), scalar<std::uint8_t>(3), scalar(0.25f),
            scalar<std::uint8_t>(9)}}};
}

std::vector<OpCase> identity_cases() {
  using namespace example;
  std::vector<OpCase> list = cases();
  list.push_back({"to_u8",
                  {input(DType::i8, {2, 5}), scalar(0.05f), scalar<std::int8_t>(3), scalar(0.03f),
                   scalar<std::uint8_t>(128)},
                  {{"arithmetic", "tflite_reference"}}});
  list.push_back({"to_i16",
                  {input(DType::u8, {2, 5}), scalar(0.05f), scalar<std::uint8_t>(3), scalar(0.003f),
                   scalar<std::int16_t>(0)},
                  {{"arithmetic", "tflite_optimized"}}});
  return list;
}

std::vector<OpCase> leaky_cases() {
  std::vector<OpCase> list = cases();
  list.push_back(make("alpha", "tflite_reference", {{"alpha", 0.3f}}));
  return list;
}

std::vector<OpCase> softmax_cases() {
  using namespace example;
  const auto of_mode = [](std::string_view name, std::string_view arithmetic,
                          Attributes attributes = {}) {
    OpCase shares = make(name, arithmetic, std::move(attributes));
    shares.inputs[y_scale_at] = scalar(1 / 256.0f);
    shares.inputs[y_zero_at] = scalar<std::int8_t>(-128);
    return shares;
  };
  return {make("onnx", "onnx"),
          of_mode("reference", "tflite_reference"),
          of_mode("xnnpack", "tflite_xnnpack"),
          of_mode("axis", "tflite_reference", {{"axis", std::int64_t(0)}, {"beta", 0.5f}}),
          {"symbolic",
           {input(DType::u8, {Dim::symbol("N"), 4}), scalar(0.5f), scalar<std::uint8_t>(3),
            scalar(1 / 256.0f), scalar<std::uint8_t>(0)},
           {{"arithmetic", "tflite_optimized"}}},
          {"empty",
           {input(DType::u8, {0, 4}), scalar(0.5f), scalar<std::uint8_t>(3), scalar(0.25f),
            scalar<std::uint8_t>(9)}}};
}

constexpr AttributeDef plain[] = {{"arithmetic", AttributeKind::string}};
constexpr AttributeDef with_alpha[] = {{"alpha", AttributeKind::real},
                                       {"arithmetic", AttributeKind::string}};
constexpr AttributeDef with_axis[] = {{"arithmetic", AttributeKind::string},
                                      {"axis", AttributeKind::integer},
                                      {"beta", AttributeKind::real}};

constexpr OpDef row(std::string_view name, decltype(OpDef::reference) reference) {
  return {.name = name,
          .domain = "strata",
          .inputs = {5, 5},
          .attributes = plain,
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .cases = cases};
}

constexpr OpDef changed(OpDef def, std::span<const AttributeDef> attributes,
                        decltype(OpDef::infer) rule, OpCases examples) {
  def.attributes = attributes;
  def.infer = rule;
  def.cases = examples;
  return def;
}

}  // namespace

extern const OpDef q_linear_elu_op, q_linear_exp_op, q_linear_hard_swish_op, q_linear_identity_op,
    q_linear_leaky_relu_op, q_linear_sigmoid_op, q_linear_softmax_op, q_linear_tanh_op;
constinit const OpDef q_linear_elu_op = row("QLinearElu", elu);
constinit const OpDef q_linear_exp_op = row("QLinearExp", exp);
constinit const OpDef q_linear_hard_swish_op = row("QLinearHardSwish", hard_swish);
constinit const OpDef q_linear_identity_op =
    changed(row("QLinearIdentity", identity), plain, infer_identity, identity_cases);
constinit const OpDef q_linear_leaky_relu_op =
    changed(row("QLinearLeakyRelu", leaky_relu), with_alpha, infer, leaky_cases);
constinit const OpDef q_linear_sigmoid_op = row("QLinearSigmoid", sigmoid);
constinit const OpDef q_linear_softmax_op =
    changed(row("QLinearSoftmax", softmax), with_axis, infer_softmax, softmax_cases);
constinit const OpDef q_linear_tanh_op = row("QLinearTanh", tanh);

}  // namespace strata::ir
