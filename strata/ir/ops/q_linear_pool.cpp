// Averages of quantized numbers: over windows, and over whole axes.
#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/ir/ops/reduction.hpp"
#include "strata/ir/ops/window.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { x_at, x_scale_at, x_zero_at, y_scale_at, y_zero_at };

void expect_grids(const InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, x_at, "x");
  context.expect_same_dtype(x_at, y_zero_at);
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {x_at, y_scale_at, y_zero_at}, "y");
}

/// In the modes of TFLite windows are averaged on one grid: x and y have the same.
void expect_one_grid(const InferContext& context) {
  const auto same = [&](int a, int b, std::string_view what) {
    const auto x = context.constant(a);
    const auto y = context.constant(b);
    if (!x || !y || load_one<double>(*x, 0) == load_one<double>(*y, 0)) return;
    fail(ErrorCode::model, "{} of x is {}, of y {}; accepted with this arithmetic: the same", what,
         load_one<double>(*x, 0), load_one<double>(*y, 0));
  };
  same(x_scale_at, y_scale_at, "scale");
  same(x_zero_at, y_zero_at, "zero point");
}

void infer_pool(InferContext& context) {
  expect_grids(context);
  if (expect_arithmetic(context) != Arithmetic::onnx) expect_one_grid(context);
  expect_image(context, x_at, "x");
  const Attributes& attributes = context.attributes();
  expect_between("ceil_mode", attributes.integer("ceil_mode", 0), 0, 1);
  expect_between("count_include_pad", attributes.integer("count_include_pad", 0), 0, 0);
  const TensorType& x = context.input(x_at);
  SymbolicShape shape{x.shape[0], x.shape[1]};
  const auto kernel = integers_view(attributes, "kernel_shape");
  for (Dim& extent : infer_window(context, kernel, attributes.integer("ceil_mode", 0) != 0)) {
    shape.push_back(extent);
  }
  context.set_output(0, {x.dtype, std::move(shape)});
}

struct WindowSum {
  std::int64_t sum = 0, count = 0;
};

template <class T>
WindowSum add_window(const T* image, const Window& window, std::int64_t at_d, std::int64_t at_h,
                     std::int64_t at_w) {
  const auto& [d, h, w] = window;
  WindowSum result;
  const auto in_d = d.taps_inside(at_d), in_h = h.taps_inside(at_h), in_w = w.taps_inside(at_w);
  for (std::int64_t kd = in_d.first; kd < in_d.end; ++kd) {
    for (std::int64_t kh = in_h.first; kh < in_h.end; ++kh) {
      const T* line = image + (d.position(at_d, kd) * h.input + h.position(at_h, kh)) * w.input;
      for (std::int64_t kw = in_w.first; kw < in_w.end; ++kw) {
        result.sum += line[w.position(at_w, kw)];
        ++result.count;
      }
    }
  }
  return result;
}

Status pool(const EvalArgs& args) {
  const Shape& x = args.inputs[x_at].shape();
  const Shape& y = args.outputs[0].shape();
  const Window window =
      resolve_window(args.attributes(), x, y, integers_view(args.attributes(), "kernel_shape"));
  const CodeAverage average = window_average_of(
      arithmetic_of(args.attributes()), grid(args, x_scale_at, x_zero_at),
      grid(args, y_scale_at, y_zero_at), *quantized_range(args.outputs[0].dtype()));
  dispatch_code(args.inputs[x_at].dtype(), [&]<class T>() {
    const T* image = args.inputs[x_at].data<T>().data();
    T* out = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane) {
      for (std::int64_t d = 0; d < window[0].output; ++d) {
        for (std::int64_t h = 0; h < window[1].output; ++h) {
          for (std::int64_t w = 0; w < window[2].output; ++w) {
            const WindowSum of = add_window(image, window, d, h, w);
            *out++ = T(average(of.sum, of.count));
          }
        }
      }
      image += x.elements(2, x.rank());
    }
  });
  return {};
}

Cost pool_cost(const CostArgs& args) {
  std::int64_t flops = args.outputs[0].elements();
  for (const std::int64_t k : integers_view(args.node.attributes, "kernel_shape")) flops *= k;
  return {.flops = flops};
}

std::uint32_t axes_of(const Attributes& attributes, int rank) {
  const auto axes = integers_view(attributes, "axes");
  if (axes.empty()) return (1u << rank) - 1;
  std::uint32_t bits = 0;
  for (const int axis : normalize_axes(axes, rank, "axes")) bits |= 1u << axis;
  return bits;
}

void infer_mean(InferContext& context) {
  expect_grids(context);
  const TensorType& x = context.input(x_at);
  const std::uint32_t reduced = axes_of(context.attributes(), int(x.shape.size()));
  const bool kept = context.attributes().integer("keepdims", 1) != 0;
  SymbolicShape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const bool gone = (reduced >> i & 1) != 0;
    if (!gone) shape.push_back(x.shape[i]);
    if (gone && kept) shape.push_back(1);
  }
  context.set_output(0, {x.dtype, std::move(shape)});
}

template <class T>
void average_axes(const EvalArgs& args) {
  const Tensor& x = args.inputs[x_at];
  const ReduceWalk walk(x.shape(), axes_of(args.attributes(), x.shape().rank()));
  const CodeAverage average =
      mean_average_of(arithmetic_of(args.attributes()), grid(args, x_scale_at, x_zero_at),
                      walk.count(), grid(args, y_scale_at, y_zero_at), *quantized_range(x.dtype()));
  T* y = args.outputs[0].mutable_data<T>().data();
  for (std::int64_t i = 0; i < walk.outputs(); ++i) {
    std::int64_t sum = 0;
    walk.visit<std::int64_t>(x, i, [&](std::int64_t code) { sum += code; });
    y[i] = T(average(sum, walk.count()));
  }
}

Status mean(const EvalArgs& args) {
  dispatch_code(args.inputs[x_at].dtype(), [&]<class T>() { average_axes<T>(args); });
  return {};
}

Cost mean_cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

using Ints = std::vector<std::int64_t>;

std::vector<OpCase> pool_cases() {
  using namespace example;
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto x = [] { return input(DType::i8, {1, 2, 5, 6}); };
  return {{"onnx",
           {x(), scalar(0.1f), z(3), scalar(0.2f), z(-1)},
           {{"kernel_shape", Ints{2, 3}}, {"pads", Ints{1, 1, 0, 0}}}},
          {"tflite",
           {x(), scalar(0.1f), z(3), scalar(0.1f), z(3)},
           {{"arithmetic", "tflite_reference"},
            {"auto_pad", "SAME_UPPER"},
            {"kernel_shape", Ints{3, 3}},
            {"strides", Ints{2, 2}}}},
          {"symbolic",
           {input(DType::u8, {Dim::symbol("N"), 2, 4, 4}), scalar(0.1f), scalar<std::uint8_t>(0),
            scalar(0.1f), scalar<std::uint8_t>(0)},
           {{"arithmetic", "tflite_xnnpack"}, {"kernel_shape", Ints{4, 4}}}}};
}

std::vector<OpCase> mean_cases() {
  using namespace example;
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto x = [] { return input(DType::i8, {2, 3, 4, 5}); };
  return {{"onnx", {x(), scalar(0.1f), z(3), scalar(0.2f), z(-1)}, {{"axes", Ints{2, 3}}}},
          {"ties",
           {input(DType::i8, {2, 50, 1, 2}), scalar(1.0f), z(3), scalar(1.0f), z(-1)},
           {{"axes", Ints{2, 3}}}},
          {"nothing",
           {input(DType::i8, {1, 3, 0, 2}), scalar(1.0f), z(3), scalar(1.0f), z(-1)},
           {{"axes", Ints{2, 3}}}},
          {"reference",
           {x(), scalar(0.1f), z(3), scalar(0.2f), z(-1)},
           {{"arithmetic", "tflite_reference"}, {"axes", Ints{1, -1}}, {"keepdims", Ints{0}[0]}}},
          {"xnnpack",
           {x(), scalar(0.1f), z(3), scalar(0.2f), z(-1)},
           {{"arithmetic", "tflite_xnnpack"}, {"axes", Ints{2, 3}}}},
          {"all",
           {input(DType::u8, {Dim::symbol("N"), 3}), scalar(0.1f), scalar<std::uint8_t>(3),
            scalar(0.1f), scalar<std::uint8_t>(3)},
           {{"arithmetic", "tflite_reference"}}}};
}

constexpr AttributeDef pool_attributes[] = {
    {"arithmetic", AttributeKind::string},  {"auto_pad", AttributeKind::string},
    {"ceil_mode", AttributeKind::integer},  {"count_include_pad", AttributeKind::integer},
    {"dilations", AttributeKind::integers}, {"kernel_shape", AttributeKind::integers, true},
    {"pads", AttributeKind::integers},      {"strides", AttributeKind::integers}};
constexpr AttributeDef mean_attributes[] = {{"arithmetic", AttributeKind::string},
                                            {"axes", AttributeKind::integers},
                                            {"keepdims", AttributeKind::integer}};

}  // namespace

extern const OpDef q_linear_average_pool_op, q_linear_reduce_mean_op;
constinit const OpDef q_linear_average_pool_op = {.name = "QLinearAveragePool",
                                                  .domain = "strata",
                                                  .inputs = {5, 5},
                                                  .attributes = pool_attributes,
                                                  .infer = infer_pool,
                                                  .reference = pool,
                                                  .cost = pool_cost,
                                                  .cases = pool_cases};
constinit const OpDef q_linear_reduce_mean_op = {.name = "QLinearReduceMean",
                                                 .domain = "strata",
                                                 .inputs = {5, 5},
                                                 .attributes = mean_attributes,
                                                 .infer = infer_mean,
                                                 .reference = mean,
                                                 .cost = mean_cost,
                                                 .cases = mean_cases};

}  // namespace strata::ir
