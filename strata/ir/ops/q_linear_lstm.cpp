// The integer LSTM of TFLite: 8-bit inputs and outputs, 16-bit cells.
#include <algorithm>
#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/fixed_point.hpp"
#include "strata/tensor/tflite_lstm.hpp"

namespace strata::ir {
namespace {

// Gates come in the order input, forget, cell, output; w, r, w_scale, r_scale and b have one block
// each. y is the sequence of hidden states, on the grid that products are brought to; h_scale and
// h_zero_point are the grid on which they enter the next step. All zero points of weights are 0.
enum {
  x_at,
  x_scale_at,
  x_zero_at,
  w_at,
  w_scale_at,
  r_at,
  r_scale_at,
  bias_at,
  h_at,
  h_scale_at,
  h_zero_at,
  c_at,
  c_scale_at,
  y_scale_at,
  y_zero_at
};
constexpr int gates = lstm_gates;

void expect_weights(const InferContext& context, int i, std::string_view what, const Dim& columns) {
  const std::int64_t hidden = expect_known("hidden size", context.input(h_at).shape[1]);
  expect_dtype(context, i, what, DType::i8);
  context.expect_rank(i, what, 2);
  expect_extent(fmt::format("rows of {}", what), context.input(i).shape[0], gates * hidden);
  expect_extent(fmt::format("columns of {}", what), context.input(i).shape[1], columns);
  expect_scale(context, i + 1, what);
  context.expect_rank(i + 1, fmt::format("{}_scale", what), 1);
  expect_extent(fmt::format("length of {}_scale", what), context.input(i + 1).shape[0], gates);
}

void expect_cells(const InferContext& context) {
  expect_dtype(context, c_at, "c", DType::i16);
  expect_scale(context, c_scale_at, "c");
  expect_single(context, c_scale_at, "c_scale");
  const auto scale = context.constant(c_scale_at);
  if (!scale) return;
  int exponent = 0;
  const float value = scale->data<float>()[0];
  if (std::frexp(value, &exponent) == 0.5f && exponent >= -14 && exponent <= -8) return;
  fail(ErrorCode::model, "c_scale is {}; accepted: powers of two from 2^-15 to 2^-9", value);
}

void infer(InferContext& context) {
  if (expect_arithmetic(context) == Arithmetic::onnx) {
    fail(ErrorCode::model,
         "arithmetic is onnx; accepted: tflite_reference, tflite_optimized, tflite_xnnpack");
  }
  const float clip = context.attributes().real("cell_clip", 0);
  if (!(clip >= 0)) {
    fail(ErrorCode::model, "cell_clip is {}; accepted: 0, which is none, and above", clip);
  }
  expect_dtype(context, x_at, "x", DType::i8);
  expect_dtype(context, h_at, "h", DType::i8);
  context.expect_rank(x_at, "x", 3);
  context.expect_rank(h_at, "h", 2);
  context.expect_rank(c_at, "c", 2);
  const SymbolicShape& x = context.input(x_at).shape;
  const SymbolicShape& h = context.input(h_at).shape;
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {h_at, h_scale_at, h_zero_at}, "h");
  expect_grid(context, {h_at, y_scale_at, y_zero_at}, "y");
  expect_weights(context, w_at, "w", x[2]);
  expect_weights(context, r_at, "r", h[1]);
  expect_dtype(context, bias_at, "b", DType::i32);
  context.expect_rank(bias_at, "b", 1);
  expect_extent("length of b", context.input(bias_at).shape[0], context.input(w_at).shape[0]);
  expect_cells(context);
  const bool time_major = context.attributes().integer("time_major", 0) != 0;
  expect_extent("batch of h", h[0], x[time_major ? 1 : 0]);
  expect_extent("batch of c", context.input(c_at).shape[0], h[0]);
  expect_extent("hidden size of c", context.input(c_at).shape[1], h[1]);
  const auto fits = [&](int rows, int zero, int matrix, int bias) {
    const auto taps = context.input(matrix).shape[1].as_constant();
    if (taps) expect_sums_fit(context, {rows, zero, matrix, -1, bias, 0, *taps, 1});
  };
  fits(x_at, x_zero_at, w_at, bias_at);
  fits(h_at, h_zero_at, r_at, -1);
  context.set_output(0, {DType::i8, {x[0], x[1], h[1]}});
  context.set_output(1, {DType::i8, h});
  context.set_output(2, {DType::i16, h});
}

/// Sizes, grids and factors of one node.
struct Cell {
  std::int64_t input, hidden;
  QuantizedOperand x, h, y;
  LstmFactors factors;

  explicit Cell(const EvalArgs& args)
      : input(args.inputs[x_at].shape()[2]),
        hidden(args.inputs[h_at].shape()[1]),
        x(grid(args, x_scale_at, x_zero_at)),
        h(grid(args, h_scale_at, h_zero_at)),
        y(grid(args, y_scale_at, y_zero_at)) {
    LstmScales scales{.x = x.scale,
                      .h = h.scale,
                      .y = y.scale,
                      .c = args.inputs[c_scale_at].data<float>()[0],
                      .cell_clip = args.attributes().real("cell_clip", 0)};
    std::ranges::copy(args.inputs[w_scale_at].data<float>(), scales.w.begin());
    std::ranges::copy(args.inputs[r_scale_at].data<float>(), scales.r.begin());
    factors = lstm_factors(scales);
  }
};

/// The memory of one batch entry while steps run.
struct Memory {
  std::int16_t* gate;  ///< (gates, hidden)
  std::int16_t* c;
  std::int8_t* h;
};

std::int32_t dot(const std::int8_t* a, std::int32_t a_zero, const std::int8_t* b, std::int64_t n,
                 std::int32_t start) {
  auto sum = std::uint32_t(start);
  for (std::int64_t i = 0; i < n; ++i) {
    sum += std::uint32_t((std::int32_t(a[i]) - a_zero) * std::int32_t(b[i]));
  }
  return std::int32_t(sum);
}

std::int16_t scaled_product(std::int16_t a, std::int16_t b, int bits) {
  return std::int16_t(shift_away(std::int32_t(a) * b, bits));
}

/// The gates, before their functions, in Q3.12.
void add_gates(const EvalArgs& args, const Cell& cell, const std::int8_t* x, const Memory& memory) {
  const std::int8_t* w = args.inputs[w_at].data<std::int8_t>().data();
  const std::int8_t* r = args.inputs[r_at].data<std::int8_t>().data();
  const std::int32_t* bias = args.inputs[bias_at].data<std::int32_t>().data();
  for (std::int64_t row = 0; row < gates * cell.hidden; ++row) {
    const std::int64_t g = row / cell.hidden;
    const std::int32_t of_x =
        dot(x, cell.x.zero_point, w + row * cell.input, cell.input, bias[row]);
    const std::int32_t of_h =
        dot(memory.h, cell.h.zero_point, r + row * cell.hidden, cell.hidden, 0);
    const std::int16_t first =
        saturate_16(multiply_away(of_x, cell.factors.from_x[std::size_t(g)]));
    const auto sum = std::int64_t(first) + multiply_away(of_h, cell.factors.from_h[std::size_t(g)]);
    memory.gate[row] = std::int16_t(std::clamp<std::int64_t>(sum, -32768, 32767));
  }
}

void step(const Cell& cell, const Memory& memory) {
  const std::int64_t n = cell.hidden;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int16_t input = fixed_sigmoid(memory.gate[i], 3);
    const std::int16_t forget = fixed_sigmoid(memory.gate[n + i], 3);
    const std::int16_t candidate = fixed_tanh(memory.gate[2 * n + i], 3);
    const std::int16_t output = fixed_sigmoid(memory.gate[3 * n + i], 3);
    std::int16_t& c = memory.c[i];
    c = saturate_16(scaled_product(forget, c, 15) +
                    scaled_product(input, candidate, 15 + cell.factors.cell_bits));
    if (cell.factors.clip > 0)
      c = std::int16_t(std::clamp<std::int32_t>(c, -cell.factors.clip, cell.factors.clip));
    const std::int32_t h = output * fixed_tanh(c, cell.factors.cell_bits);
    const std::int64_t code =
        std::int64_t(multiply_away(h, cell.factors.output)) + cell.y.zero_point;
    memory.h[i] = std::int8_t(std::clamp<std::int64_t>(code, -128, 127));
  }
}

Status reference(const EvalArgs& args) {
  const Cell cell(args);
  const Shape& x = args.inputs[x_at].shape();
  const bool time_major = args.attributes().integer("time_major", 0) != 0;
  const std::int64_t steps = x[time_major ? 0 : 1], batch = x[time_major ? 1 : 0];
  const std::int64_t n = cell.hidden;
  Memory memory;
  memory.gate = reinterpret_cast<std::int16_t*>(args.scratch);
  memory.c = memory.gate + gates * n;
  memory.h = reinterpret_cast<std::int8_t*>(memory.c + n);
  const auto present = [&](std::size_t i) {
    return i < args.outputs.size() && args.outputs[i].present();
  };
  for (std::int64_t b = 0; b < batch; ++b) {
    std::copy_n(args.inputs[h_at].data<std::int8_t>().data() + b * n, n, memory.h);
    std::copy_n(args.inputs[c_at].data<std::int16_t>().data() + b * n, n, memory.c);
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t row = time_major ? t * batch + b : b * steps + t;
      add_gates(args, cell, args.inputs[x_at].data<std::int8_t>().data() + row * cell.input,
                memory);
      step(cell, memory);
      if (!present(0)) continue;
      std::copy_n(memory.h, n, args.outputs[0].mutable_data<std::int8_t>().data() + row * n);
    }
    if (present(1)) {
      std::copy_n(memory.h, n, args.outputs[1].mutable_data<std::int8_t>().data() + b * n);
    }
    if (present(2)) {
      std::copy_n(memory.c, n, args.outputs[2].mutable_data<std::int16_t>().data() + b * n);
    }
  }
  return {};
}

/// Gates and cells in 16 bits, hidden states in 8, of one batch entry.
std::size_t scratch(const CostArgs& args) {
  return std::size_t(args.inputs[h_at][1]) * (2 * (gates + 1) + 1);
}

Cost cost(const CostArgs& args) {
  const std::int64_t rows = args.inputs[x_at][0] * args.inputs[x_at][1];
  return {.macs = rows * (args.inputs[w_at].elements() + args.inputs[r_at].elements())};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto w = [](std::int64_t columns) {
    Tensor weights = Tensor::zeros(DType::i8, {8, columns});
    std::int8_t next = -100;
    for (std::int8_t& v : weights.mutable_data<std::int8_t>())
      v = next = std::int8_t(next * 5 + 37);
    return OpCase::Input{.type = {DType::i8, {8, columns}}, .value = weights};
  };
  const auto make = [&](std::string_view name, Dim first, Dim second, Dim batch,
                        Attributes attributes) {
    return OpCase{name,
                  {input(DType::i8, {std::move(first), std::move(second), 3}), scalar(0.05f), z(-3),
                   w(3), values<float>({4}, {0.01f, 0.02f, 0.015f, 0.01f}), w(2),
                   values<float>({4}, {0.01f, 0.02f, 0.015f, 0.01f}),
                   values<std::int32_t>({8}, {100, -100, 2000, -2000, 5, 0, 77, -6}),
                   input(DType::i8, {batch, 2}), scalar(0.0078125f), z(-1),
                   input(DType::i16, {batch, 2}), scalar(0x1p-11f), scalar(0.0078125f), z(-1)},
                  std::move(attributes),
                  3};
  };
  return {make("batch_first", Dim::symbol("N"), 4, Dim::symbol("N"),
               {{"arithmetic", "tflite_xnnpack"}, {"cell_clip", 10.0f}}),
          make("time_major", 4, 2, 2,
               {{"arithmetic", "tflite_reference"}, {"time_major", std::int64_t(1)}})};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string, true},
                                       {"cell_clip", AttributeKind::real},
                                       {"time_major", AttributeKind::integer}};

}  // namespace

extern const OpDef q_linear_lstm_op;
constinit const OpDef q_linear_lstm_op = {.name = "QLinearLSTM",
                                          .domain = "strata",
                                          .inputs = {15, 15},
                                          .outputs = {1, 3},
                                          .attributes = attributes,
                                          .infer = infer,
                                          .reference = reference,
                                          .scratch_bytes = scratch,
                                          .cost = cost,
                                          .cases = cases};

}  // namespace strata::ir
