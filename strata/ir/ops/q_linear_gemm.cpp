// Fully connected layers of quantized numbers: y = x * transposed w + B.
#include <array>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

// x is [M, K], w [N, K], w_scale and w_zero_point single or [N], B [N].
enum { x_at, x_scale_at, x_zero_at, w_at, w_scale_at, w_zero_at, y_scale_at, y_zero_at, bias_at };

void expect_per_row(const InferContext& context, int i, std::string_view what) {
  if (is_single(context, i)) return;
  context.expect_rank(i, what, 1);
  expect_extent(fmt::format("length of {}", what), context.input(i).shape[0],
                context.input(w_at).shape[0]);
}

void infer(InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, x_at, "x");
  expect_byte(context, w_at, "w");
  context.expect_same_dtype(x_at, y_zero_at);
  context.expect_rank(x_at, "x", 2);
  context.expect_rank(w_at, "w", 2);
  const SymbolicShape& x = context.input(x_at).shape;
  const SymbolicShape& w = context.input(w_at).shape;
  expect_extent("columns of w", w[1], x[1]);
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  expect_scale(context, w_scale_at, "w");
  context.expect_same_dtype(w_at, w_zero_at);
  expect_per_row(context, w_scale_at, "w_scale");
  expect_per_row(context, w_zero_at, "w_zero_point");
  const bool wide = context.input(x_at).dtype == DType::i16;
  if (context.has_input(bias_at)) {
    if (!wide || context.input(bias_at).dtype != DType::i64) {
      expect_dtype(context, bias_at, "B", DType::i32);
    }
    context.expect_rank(bias_at, "B", 1);
    expect_extent("length of B", context.input(bias_at).shape[0], w[0]);
  }
  const auto taps = w[1].as_constant();
  if (!wide && taps) {
    expect_sums_fit(context, {x_at, x_zero_at, w_at, w_zero_at, bias_at, 0, *taps, 1});
  }
  context.set_output(0, {context.input(x_at).dtype, {x[0], w[0]}});
}

template <class X, class W, class Sum>
void multiply(const EvalArgs& args) {
  const Shape& y = args.outputs[0].shape();
  const std::int64_t depth = args.inputs[x_at].shape()[1];
  const QuantizedOperand x = grid(args, x_scale_at, x_zero_at);
  const X* from = args.inputs[x_at].data<X>().data();
  X* out = args.outputs[0].mutable_data<X>().data();
  for (std::int64_t n = 0; n < y[1]; ++n) {
    const W* w = args.inputs[w_at].data<W>().data() + n * depth;
    const std::int32_t w_zero = per_channel<W>(args.inputs[w_zero_at], n);
    const Rescale rescale = rescale_of({arithmetic_of(args.attributes()), SumOf::fully_connected,
                                        args.outputs[0].dtype(), sizeof(Sum) == 8, x.scale,
                                        per_channel<float>(args.inputs[w_scale_at], n),
                                        grid(args, y_scale_at, y_zero_at)});
    const Sum bias = args.has_input(bias_at) ? Sum(index_at(args.inputs[bias_at], n)) : 0;
    for (std::int64_t m = 0; m < y[0]; ++m) {
      const X* row = from + m * depth;
      Sum sum = bias;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += Sum(std::int32_t(row[k]) - x.zero_point) * Sum(std::int32_t(w[k]) - w_zero);
      }
      out[m * y[1] + n] = X(rescale(std::make_signed_t<Sum>(sum)));
    }
  }
}

Status reference(const EvalArgs& args) {
  dispatch_code(args.inputs[x_at].dtype(), [&]<class X>() {
    dispatch_byte(args.inputs[w_at].dtype(), [&]<class W>() {
      const bool narrow = args.has_input(bias_at) && args.inputs[bias_at].dtype() == DType::i32;
      if (sizeof(X) == 2 && !narrow) {
        multiply<X, W, std::uint64_t>(args);
      } else {
        multiply<X, W, std::uint32_t>(args);
      }
    });
  });
  return {};
}

Cost cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1],
          .flops = 3 * args.outputs[0].elements()};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto w = [] { return values<std::int8_t>({2, 3}, {-128, 127, 5, -7, 0, 99}); };
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto s = [](float value) { return scalar(value); };
  const auto x = [] { return input(DType::i8, {Dim::symbol("N"), 3}); };
  return {{"onnx", {x(), s(0.1f), z(2), w(), s(0.02f), z(0), s(0.3f), z(-5)}},
          {"reference",
           {x(), s(0.1f), z(2), w(), values<float>({2}, {0.02f, 0.5f}), z(0), s(0.3f), z(-5),
            values<std::int32_t>({2}, {100, -77})},
           {{"arithmetic", "tflite_reference"}}},
          {"optimized",
           {x(), s(0.1f), z(2), w(), s(0.02f), z(0), s(0.3f), z(-5)},
           {{"arithmetic", "tflite_optimized"}}},
          {"xnnpack",
           {input(DType::u8, {4, 3}), s(0.1f), scalar<std::uint8_t>(2), input(DType::u8, {5, 3}),
            s(0.02f), scalar<std::uint8_t>(3), s(0.3f), scalar<std::uint8_t>(99)},
           {{"arithmetic", "tflite_xnnpack"}}},
          {"i16",
           {input(DType::i16, {4, 3}), s(0.1f), scalar<std::int16_t>(0), w(), s(0.02f), z(0),
            s(0.3f), scalar<std::int16_t>(0), values<std::int64_t>({2}, {100, -77})},
           {{"arithmetic", "tflite_reference"}}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string}};

}  // namespace

extern const OpDef q_linear_gemm_op;
constinit const OpDef q_linear_gemm_op = {.name = "QLinearGemm",
                                          .domain = "strata",
                                          .inputs = {8, 9},
                                          .attributes = attributes,
                                          .infer = infer,
                                          .reference = reference,
                                          .cost = cost,
                                          .cases = cases};

}  // namespace strata::ir
