// Products of f32 activations, quantized on the fly, and 8-bit weights.
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/integer_sums.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_dynamic.hpp"

namespace strata::ir {
namespace {

// Weights have the zero point 0, and one scale or one for each output channel.
enum { x_at, w_at, w_scale_at, bias_at };

void expect_operands(const InferContext& context, const Dim& channels, std::int64_t taps) {
  if (expect_arithmetic(context) == Arithmetic::onnx) {
    fail(ErrorCode::model,
         "arithmetic is onnx; accepted: tflite_reference, tflite_optimized, tflite_xnnpack");
  }
  expect_dtype(context, x_at, "x", DType::f32);
  expect_dtype(context, w_at, "w", DType::i8);
  expect_scale(context, w_scale_at, "w");
  const auto expect_vector = [&](int i, std::string_view what) {
    context.expect_rank(i, what, 1);
    expect_extent(fmt::format("length of {}", what), context.input(i).shape[0], channels);
  };
  if (!is_single(context, w_scale_at)) expect_vector(w_scale_at, "w_scale");
  constexpr std::int64_t most = INT32_MAX / (255 * 128);
  if (taps > most) {
    fail(ErrorCode::model, "{} products are added up; accepted: {}, what 32 bits hold", taps, most);
  }
  if (!context.has_input(bias_at)) return;
  expect_dtype(context, bias_at, "B", DType::f32);
  expect_vector(bias_at, "B");
}

void infer_gemm(InferContext& context) {
  context.expect_rank(x_at, "x", 2);
  context.expect_rank(w_at, "w", 2);
  const SymbolicShape& w = context.input(w_at).shape;
  expect_extent("columns of w", w[1], context.input(x_at).shape[1]);
  expect_operands(context, w[0], w[1].as_constant().value_or(0));
  context.set_output(0, {DType::f32, {context.input(x_at).shape[0], w[0]}});
}

void infer_conv(InferContext& context) {
  SymbolicShape shape = infer_convolution(context, w_at);
  std::int64_t taps = 1;
  for (std::size_t i = 1; i < context.input(w_at).shape.size(); ++i) {
    taps *= expect_known("extent of W", context.input(w_at).shape[i]);
  }
  expect_operands(context, context.input(w_at).shape[0], taps);
  context.set_output(0, {DType::f32, std::move(shape)});
}

/// The grid of one row of a layer's input, or one image of a convolution's.
DynamicGrid grid_of(const EvalArgs& args, std::span<const float> x, bool convolution) {
  return dynamic_grid(arithmetic_of(args.attributes()), convolution,
                      args.inputs[w_scale_at].elements() > 1, range_of(x));
}

float bias_of(const EvalArgs& args, std::int64_t channel) {
  return args.has_input(bias_at) ? args.inputs[bias_at].data<float>()[std::size_t(channel)] : 0;
}

/// One row of x times all rows of w: y[n * step] for the n-th.
void multiply_row(const EvalArgs& args, const DynamicGrid& grid, std::span<const float> row,
                  std::int8_t* codes, float* y, std::int64_t step) {
  const auto depth = std::int64_t(row.size());
  const std::int64_t rows = args.inputs[w_at].shape()[0];
  for (std::int64_t k = 0; k < depth; ++k) codes[k] = grid.code(row[std::size_t(k)]);
  for (std::int64_t n = 0; n < rows; ++n) {
    const std::int8_t* w = args.inputs[w_at].data<std::int8_t>().data() + n * depth;
    std::uint32_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      sum += std::uint32_t((std::int32_t(codes[k]) - grid.zero_point) * std::int32_t(w[k]));
    }
    y[n * step] = grid.number(std::int32_t(sum), per_channel<float>(args.inputs[w_scale_at], n),
                              bias_of(args, n));
  }
}

Status gemm(const EvalArgs& args) {
  const Shape& y = args.outputs[0].shape();
  const auto depth = std::size_t(args.inputs[x_at].shape()[1]);
  auto* codes = reinterpret_cast<std::int8_t*>(args.scratch);
  float* out = args.outputs[0].mutable_data<float>().data();
  for (std::int64_t m = 0; m < y[0]; ++m) {
    const auto row = args.inputs[x_at].data<float>().subspan(std::size_t(m) * depth, depth);
    multiply_row(args, grid_of(args, row, false), row, codes, out + m * y[1], 1);
  }
  return {};
}

std::size_t gemm_scratch(const CostArgs& args) { return std::size_t(args.inputs[x_at][1]); }

/// A window of one tap, which moves by one over an input without padding; one channel that becomes
/// one is a depthwise convolution to XNNPACK.
bool is_pointwise(const ConvGeometry& geometry) {
  return geometry.group_channels == geometry.channels &&
         (geometry.channels > 1 || geometry.filters > 1) &&
         std::ranges::all_of(geometry.window, [](const WindowAxis& a) {
           return a.kernel == 1 && a.stride == 1 && a.pad_begin == 0 && a.pad_end == 0;
         });
}

/// XNNPACK takes pointwise convolutions for layers whose rows are pixels: each has its own grid.
void convolve_pixels(const EvalArgs& args, const ConvGeometry& geometry) {
  auto* row = reinterpret_cast<float*>(args.scratch);
  auto* codes = reinterpret_cast<std::int8_t*>(row + geometry.channels);
  for (std::int64_t pixel = 0; pixel < geometry.batch * geometry.image; ++pixel) {
    const std::int64_t n = pixel / geometry.image, at = pixel % geometry.image;
    const float* x =
        args.inputs[x_at].data<float>().data() + n * geometry.channels * geometry.image + at;
    float* y =
        args.outputs[0].mutable_data<float>().data() + n * geometry.filters * geometry.image + at;
    for (std::int64_t c = 0; c < geometry.channels; ++c) row[c] = x[c * geometry.image];
    const std::span<const float> channels(row, std::size_t(geometry.channels));
    multiply_row(args, asymmetric_grid(Arithmetic::tflite_xnnpack, range_of(channels)), channels,
                 codes, y, geometry.image);
  }
}

Status conv(const EvalArgs& args) {
  ConvGeometry geometry(args, w_at);
  if (arithmetic_of(args.attributes()) == Arithmetic::tflite_xnnpack && is_pointwise(geometry)) {
    convolve_pixels(args, geometry);
    return {};
  }
  const std::int64_t image = geometry.channels * geometry.image;
  float* y = args.outputs[0].mutable_data<float>().data();
  auto* codes = reinterpret_cast<std::int8_t*>(args.scratch);
  const std::int64_t batch = geometry.batch;
  geometry.batch = 1;
  for (std::int64_t n = 0; n < batch; ++n) {
    const auto x =
        args.inputs[x_at].data<float>().subspan(std::size_t(n * image), std::size_t(image));
    const DynamicGrid grid = grid_of(args, x, true);
    for (std::int64_t i = 0; i < image; ++i) codes[i] = grid.code(x[std::size_t(i)]);
    convolve_rows<std::uint32_t>(
        geometry, codes, grid.zero_point, args.inputs[w_at].data<std::int8_t>().data(),
        [](std::int64_t) { return 0; },
        [&](std::int64_t filter, std::int64_t at, const std::uint32_t* sums, std::int64_t count) {
          const float scale = per_channel<float>(args.inputs[w_scale_at], filter);
          for (std::int64_t i = 0; i < count; ++i) {
            y[at + i] = grid.number(std::int32_t(sums[i]), scale, bias_of(args, filter));
          }
        });
    y += args.outputs[0].elements() / batch;
  }
  return {};
}

/// Codes of one image; or numbers and codes of one pixel.
std::size_t conv_scratch(const CostArgs& args) {
  const Shape& x = args.inputs[x_at];
  return std::size_t(std::max(x.elements(1, x.rank()), 5 * x[1]));
}

Cost gemm_cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1],
          .flops = 2 * args.inputs[0].elements() + 2 * args.outputs[0].elements()};
}
Cost conv_cost(const CostArgs& args) {
  return {.macs = conv_macs(args, w_at),
          .flops = 2 * args.inputs[0].elements() + 2 * args.outputs[0].elements()};
}

std::vector<OpCase> gemm_cases() {
  using namespace example;
  const auto w = [] { return values<std::int8_t>({2, 3}, {-127, 127, 5, -7, 0, 99}); };
  return {{"reference",
           {f32({Dim::symbol("N"), 3}), w(), scalar(0.02f), weight({2})},
           {{"arithmetic", "tflite_reference"}}},
          {"xnnpack",
           {f32({4, 3}), w(), values<float>({2}, {0.02f, 0.1f})},
           {{"arithmetic", "tflite_xnnpack"}}}};
}

std::vector<OpCase> conv_cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const auto w = [] {
    return values<std::int8_t>({2, 2, 1, 3}, {-127, 127, 5, -7, 0, 99, 1, 2, 3, 4, 5, 6});
  };
  return {{"reference",
           {f32({Dim::symbol("N"), 2, 4, 5}), w(), scalar(0.02f), weight({2})},
           {{"arithmetic", "tflite_reference"}, {"pads", Ints{0, 1, 0, 1}}}},
          {"per_channel",
           {f32({2, 2, 4, 5}), w(), values<float>({2}, {0.02f, 0.1f})},
           {{"arithmetic", "tflite_optimized"}}},
          {"xnnpack",
           {f32({2, 2, 4, 5}), w(), scalar(0.02f), weight({2})},
           {{"arithmetic", "tflite_xnnpack"}, {"strides", Ints{2, 2}}}},
          {"xnnpack_pixels",
           {f32({2, 3, 4, 5}), values<std::int8_t>({2, 3, 1, 1}, {-127, 127, 5, -7, 0, 99}),
            scalar(0.02f)},
           {{"arithmetic", "tflite_xnnpack"}}}};
}

constexpr AttributeDef gemm_attributes[] = {{"arithmetic", AttributeKind::string, true}};
constexpr AttributeDef conv_attributes[] = {
    {"arithmetic", AttributeKind::string, true}, {"auto_pad", AttributeKind::string},
    {"dilations", AttributeKind::integers},      {"group", AttributeKind::integer},
    {"kernel_shape", AttributeKind::integers},   {"pads", AttributeKind::integers},
    {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef dynamic_quant_conv_op, dynamic_quant_gemm_op;
constinit const OpDef dynamic_quant_conv_op = {.name = "DynamicQuantConv",
                                               .domain = "strata",
                                               .inputs = {3, 4},
                                               .attributes = conv_attributes,
                                               .infer = infer_conv,
                                               .reference = conv,
                                               .scratch_bytes = conv_scratch,
                                               .cost = conv_cost,
                                               .cases = conv_cases};
constinit const OpDef dynamic_quant_gemm_op = {.name = "DynamicQuantGemm",
                                               .domain = "strata",
                                               .inputs = {3, 4},
                                               .attributes = gemm_attributes,
                                               .infer = infer_gemm,
                                               .reference = gemm,
                                               .scratch_bytes = gemm_scratch,
                                               .cost = gemm_cost,
                                               .cases = gemm_cases};

}  // namespace strata::ir
