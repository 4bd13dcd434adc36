// Products of matrices of quantized numbers.
#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/matrix_product.hpp"
#include "strata/ir/ops/quantized_product.hpp"
#include "strata/tensor/narrow.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { a_at, a_scale_at, a_zero_at, b_at, b_scale_at, b_zero_at, y_scale_at, y_zero_at };

/// Both factors and the result are of one 8-bit type, on one grid each.
void expect_tflite(const InferContext& context) {
  expect_byte(context, a_at, "a");
  context.expect_same_dtype(a_at, b_at);
  context.expect_same_dtype(a_at, y_zero_at);
  expect_grid(context, {a_at, a_scale_at, a_zero_at}, "a");
  expect_grid(context, {b_at, b_scale_at, b_zero_at}, "b");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
}

void expect_factor(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (type == DType::f8e4m3fn || type == DType::f8e4m3fnuz || type == DType::f8e5m2 ||
      type == DType::f8e5m2fnuz || type == DType::i8 || type == DType::u8) {
    return;
  }
  fail(ErrorCode::model,
       "{} has element type {}; accepted: i8, u8, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz", what,
       to_string(type));
}

void infer(InferContext& context) {
  expect_factor(context, a_at, "a");
  expect_factor(context, b_at, "b");
  expect_factor(context, y_zero_at, "y_zero_point");
  context.expect_same_dtype(a_at, a_zero_at);
  context.expect_same_dtype(b_at, b_zero_at);
  if (expect_arithmetic(context) != Arithmetic::onnx) expect_tflite(context);
  expect_float(context, a_scale_at, "a_scale");
  context.expect_same_dtype(a_scale_at, b_scale_at);
  context.expect_same_dtype(a_scale_at, y_scale_at);
  SymbolicShape shape = infer_product(context, a_at, b_at);
  expect_per_row(context, a_scale_at, "a_scale", a_at);
  expect_per_row(context, a_zero_at, "a_zero_point", a_at);
  expect_per_column(context, b_scale_at, "b_scale", b_at);
  expect_per_column(context, b_zero_at, "b_zero_point", b_at);
  expect_single(context, y_scale_at, "y_scale");
  expect_single(context, y_zero_at, "y_zero_point");
  const SymbolicShape& b = context.input(b_at).shape;
  const int columns = b.size() > 1 ? int(b.size()) - 1 : 0;
  const auto depth = b[b.size() > 1 ? b.size() - 2 : 0].as_constant();
  if (depth && b.size() > 1) {
    expect_sums_fit(context, {a_at, a_zero_at, b_at, b_zero_at, -1, columns, *depth, *depth});
  }
  context.set_output(0, {context.input(y_zero_at).dtype, std::move(shape)});
}

/// 8-bit floats are multiplied as numbers.
ValueId float_product(Builder& builder, const Node& node, ValueId a_scale, ValueId b_scale,
                      ValueId y_scale) {
  const auto& in = node.inputs;
  const ValueId a = builder.op(
      "Mul", {centered(builder, in[a_at], as_column(builder, in[a_zero_at]), DType::f32), a_scale});
  const ValueId b =
      builder.op("Mul", {centered(builder, in[b_at], in[b_zero_at], DType::f32), b_scale});
  return builder.op("QuantizeLinear", {builder.op("MatMul", {a, b}), y_scale, in[y_zero_at]});
}

Replacement decompose(Builder& builder, const Node& node) {
  if (arithmetic_of(node.attributes) != Arithmetic::onnx) return std::nullopt;
  const auto& in = node.inputs;
  const ValueId a_scale = as_column(builder, as_f32(builder, in[a_scale_at]));
  const ValueId b_scale = as_f32(builder, in[b_scale_at]);
  const ValueId y_scale = as_f32(builder, in[y_scale_at]);
  for (const int i : {int(a_at), int(b_at), int(y_zero_at)}) {
    if (is_narrow(type_of(builder, in[std::size_t(i)]).dtype)) {
      return {{float_product(builder, node, a_scale, b_scale, y_scale)}};
    }
  }
  const ValueId sum =
      builder.op("MatMulInteger", {in[a_at], in[b_at], in[a_zero_at], in[b_zero_at]});
  const ValueId scale = requantize_scale(builder, a_scale, b_scale, y_scale);
  return {{builder.op("strata.Requantize", {sum, scale, in[y_zero_at]})}};
}

/// What the element of a row or column of a factor is measured by: one element for all, a vector,
/// or a tensor that has 1 where the factor has the other axis of the matrix.
double entry_of(const Tensor& quantity, std::int64_t batch, std::int64_t i, std::int64_t extent) {
  if (quantity.elements() == 1) return load_one<double>(quantity, 0);
  if (quantity.elements() == extent) return load_one<double>(quantity, i);
  return load_one<double>(quantity, batch * extent + i);
}

/// Complains unless entry_of finds all entries: symbols have become numbers.
void expect_entries(const EvalArgs& args, std::size_t i, std::int64_t batches,
                    std::int64_t extent) {
  const std::int64_t given = args.inputs[i].elements();
  if (given == 1 || given == extent || given == batches * extent) return;
  fail(ErrorCode::model, "operand {} has {} elements; accepted: 1, {}, {}", i, given, extent,
       batches * extent);
}

struct Product {
  const EvalArgs& args;
  std::int64_t m, n, k;
  RescaleOf of;
  QuantizedRange range;
  bool narrow;  ///< 8-bit floats

  explicit Product(const EvalArgs& a)
      : args(a),
        m(a.inputs[a_at].shape().rank() > 1 ? a.inputs[a_at].shape()[-2] : 1),
        n(a.inputs[b_at].shape().rank() > 1 ? a.inputs[b_at].shape()[-1] : 1),
        k(a.inputs[a_at].shape()[-1]),
        of{.arithmetic = arithmetic_of(a.attributes()),
           .sum = SumOf::matmul,
           .type = a.outputs[0].dtype(),
           .x_scale = 1,
           .w_scale = 1,
           .y = {float(load_one<double>(a.inputs[y_scale_at], 0)),
                 std::int32_t(load_one<double>(a.inputs[y_zero_at], 0))}},
        range(quantized_range(of.type).value_or(QuantizedRange{})) {
    narrow = false;
    for (const int i : {int(a_at), int(b_at)}) {
      narrow = narrow || is_narrow(a.inputs[std::size_t(i)].dtype());
    }
    narrow = narrow || is_narrow(of.type);
  }

  /// One matrix: factors begin at these elements, the result at `y`.
  void multiply(std::int64_t batch_a, std::int64_t batch_b, std::int64_t y) {
    for (std::int64_t i = 0; i < m; ++i) {
      of.x_scale = float(entry_of(args.inputs[a_scale_at], batch_a, i, m));
      for (std::int64_t j = 0; j < n; ++j) {
        of.w_scale = float(entry_of(args.inputs[b_scale_at], batch_b, j, n));
        const double a_zero = entry_of(args.inputs[a_zero_at], batch_a, i, m);
        const double b_zero = entry_of(args.inputs[b_zero_at], batch_b, j, n);
        const std::int64_t at_a = (batch_a * m + i) * k;
        const std::int64_t at_b = batch_b * k * n + j;
        const std::int64_t at_y = y + i * n + j;
        if (narrow) {
          store_float(float_sum(at_a, a_zero, at_b, b_zero), at_y);
        } else {
          const std::int64_t sum = sum_of(at_a, std::int32_t(a_zero), at_b, std::int32_t(b_zero));
          store_one(std::int64_t(rescale_of(of)(sum)), args.outputs[0], at_y);
        }
      }
    }
  }

 private:
  std::int32_t sum_of(std::int64_t a, std::int32_t a_zero, std::int64_t b, std::int32_t b_zero) {
    std::uint32_t sum = 0;
    dispatch_byte(args.inputs[a_at].dtype(), [&]<class A>() {
      dispatch_byte(args.inputs[b_at].dtype(), [&]<class B>() {
        const A* left = args.inputs[a_at].data<A>().data() + a;
        const B* right = args.inputs[b_at].data<B>().data() + b;
        for (std::int64_t i = 0; i < k; ++i) {
          sum += std::uint32_t((std::int32_t(left[i]) - a_zero) *
                               (std::int32_t(right[i * n]) - b_zero));
        }
      });
    });
    return std::int32_t(sum);
  }

  float float_sum(std::int64_t a, double a_zero, std::int64_t b, double b_zero) {
    double sum = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      const double left = load_one<double>(args.inputs[a_at], a + i) - a_zero;
      const double right = load_one<double>(args.inputs[b_at], b + i * n) - b_zero;
      sum += double(float(left) * of.x_scale) * double(float(right) * of.w_scale);
    }
    return float(sum);
  }

  void store_float(float number, std::int64_t at) {
    Tensor& y = args.outputs[0];
    if (is_narrow(of.type)) {
      store_one(double(number / of.y.scale) + double(of.y.zero_point), y, at);
    } else {
      store_one(std::int64_t(onnx_arithmetic::quantize(number, of.y.scale, of.y.zero_point, range)),
                y, at);
    }
  }
};

/// The axes in front of the matrix.
Shape batch_of(const Shape& shape) {
  return Shape(shape.dims().first(std::size_t(std::max(shape.rank() - 2, 0))));
}

Status reference(const EvalArgs& args) {
  const Shape a = batch_of(args.inputs[a_at].shape());
  const Shape b = batch_of(args.inputs[b_at].shape());
  const BroadcastWalk walk(broadcast(a, b), {a, b});
  Product product(args);
  for (const std::size_t i : {std::size_t(a_scale_at), std::size_t(a_zero_at)}) {
    expect_entries(args, i, a.elements(), product.m);
  }
  for (const std::size_t i : {std::size_t(b_scale_at), std::size_t(b_zero_at)}) {
    expect_entries(args, i, b.elements(), product.n);
  }
  walk.rows([&](std::int64_t start, const auto& offsets) {
    for (std::int64_t i = 0; i < walk.row(); ++i) {
      product.multiply(offsets[0] + i * walk.step(0), offsets[1] + i * walk.step(1),
                       (start + i) * product.m * product.n);
    }
  });
  return {};
}

Cost cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto a = [] { return input(DType::u8, {3, 4}); };
  const auto b = [] { return values<std::int8_t>({4, 2}, {-128, 127, 1, 0, -5, 77, 33, -34}); };
  return {{"tensor",
           {a(), scalar(0.1f), scalar<std::uint8_t>(3), b(), scalar(0.2f), scalar<std::int8_t>(-4),
            scalar(0.5f), scalar<std::uint8_t>(100)}},
          {"rows_and_columns",
           {a(), values<float>({3}, {0.1f, 2, 0.5f}), values<std::uint8_t>({3}, {1, 2, 255}), b(),
            values<float>({2}, {0.3f, 0.7f}), values<std::int8_t>({2}, {-128, 5}), scalar(4.0f),
            scalar<std::uint8_t>(128)}},
          {"stacked_rows",
           {input(DType::u8, {2, 3, 4}), values<float>({2, 3, 1}, {0.1f, 2, 0.5f, 1, 0.2f, 0.3f}),
            values<std::uint8_t>({2, 3, 1}, {1, 2, 255, 4, 5, 6}), b(), scalar(0.3f),
            scalar<std::int8_t>(-128), scalar(4.0f), scalar<std::uint8_t>(128)}},
          {"stacked",
           {input(DType::i8, {2, 3, 4}), scalar(0.1f), scalar<std::int8_t>(3), b(), scalar(0.2f),
            scalar<std::int8_t>(-4), scalar(0.5f), scalar<std::int8_t>(1)}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string}};

}  // namespace

extern const OpDef q_linear_matmul_op;
constinit const OpDef q_linear_matmul_op = {.name = "QLinearMatMul",
                                            .inputs = {8, 8},
                                            .attributes = attributes,
                                            .infer = infer,
                                            .reference = reference,
                                            .cost = cost,
                                            .decompose = decompose,
                                            .cases = cases};

}  // namespace strata::ir
