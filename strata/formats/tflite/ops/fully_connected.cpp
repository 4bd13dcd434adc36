// FULLY_CONNECTED and BATCH_MATMUL.
#include "strata/base/checked.hpp"
#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {
namespace {

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

struct Gemm {
  std::string_view op;
  std::vector<ir::ValueId> operands;
  ir::Attributes attributes;
};

Gemm fully_connected(OperatorContext& context, ir::ValueId rows) {
  Gemm gemm{"Gemm", {rows}, {}};
  const ir::ValueId weights = context.input(1);
  if (context.is_quantized(0)) {
    gemm.op = "strata.QLinearGemm";
    context.append_parameters(gemm.operands, context.quantization(0), context.type(0));
    gemm.operands.push_back(weights);
    context.append_parameters(gemm.operands, context.quantization(1, 0), context.type(1));
    context.append_output_parameters(gemm.operands);
    gemm.attributes.set("arithmetic",
                        context.arithmetic(is_byte(context.type(0)) && context.is_stored(1)));
  } else if (is_byte(context.type(1))) {
    gemm.op = "strata.DynamicQuantGemm";
    gemm.operands.push_back(weights);
    const Quantization scales = context.quantization(1, 0);
    gemm.operands.push_back(context.constant(Tensor::from<float>(
        scales.scale.size() == 1 ? Shape{} : Shape{std::int64_t(scales.scale.size())},
        scales.scale)));
    gemm.attributes.set("arithmetic", context.arithmetic(context.is_stored(1)));
  } else {
    gemm.operands.push_back(weights);
    gemm.attributes.set("transB", std::int64_t(1));
  }
  if (context.has_input(2)) gemm.operands.push_back(context.input(2));
  return gemm;
}

}  // namespace

void convert_fully_connected(OperatorContext& context) {
  const auto& options = context.options<schema::FullyConnectedOptions>();
  if (options.weights_format() != schema::WeightsFormat::DEFAULT) {
    fail(ErrorCode::unsupported, "weights in shuffled order");
  }
  const auto weights = context.shape(1);
  if (weights.size() != 2) {
    fail(ErrorCode::model, "the weights have {} dimensions, expected 2", weights.size());
  }
  const auto x = context.shape(0);
  const std::int64_t elements = Shape(x).elements();
  if (weights[1] < 1 || elements % weights[1] != 0) {
    fail(ErrorCode::model, "the input has {} elements, which rows of {} do not divide", elements,
         weights[1]);
  }
  const std::int64_t rows = elements / weights[1];
  ir::ValueId flat = context.input(0);
  if (x.size() != 2 || x[1] != weights[1]) flat = context.reshaped(flat, {rows, weights[1]});
  Gemm gemm = fully_connected(context, flat);
  if (!options.keep_num_dims() || x.size() == 2) {
    return context.emit_activated(options.fused_activation_function(), gemm.op,
                                  std::move(gemm.operands), std::move(gemm.attributes));
  }
  // The activation first: it is the node that the product may be fused with.
  std::vector<std::int64_t> shape = x;
  if (shape.empty() || shape.back() != weights[1]) {
    fail(ErrorCode::model, "keep_num_dims: the last of {} dimensions is not {}", x.size(),
         weights[1]);
  }
  shape.back() = weights[0];
  const ir::ValueId y = context.activated(options.fused_activation_function(),
                                          context.node(gemm.op, gemm.operands, gemm.attributes));
  context.emit("Reshape", {y, context.integer_list(shape)}, {{"allowzero", std::int64_t(1)}});
}

void convert_batch_matmul(OperatorContext& context) {
  const auto& options = context.options<schema::BatchMatMulOptions>();
  const auto operand = [&](std::size_t i, bool adjoint) {
    const int rank = context.rank(i);
    if (rank < 2) fail(ErrorCode::model, "input {} has {} dimensions, expected 2 or more", i, rank);
    if (!adjoint) return context.input(i);
    std::vector<int> axes;
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    return context.values().turned(context.input(i), axes, context.input_name(i) + "/turned");
  };
  const ir::ValueId x = operand(0, options.adj_x());
  const ir::ValueId y = operand(1, options.adj_y());
  if (!context.is_quantized(0)) {
    if (is_byte(context.type(1))) {
      fail(ErrorCode::unsupported, "weights of type {} on floats", to_string(context.type(1)));
    }
    return context.emit("MatMul", {x, y});
  }
  std::vector<ir::ValueId> operands{x};
  context.append_parameters(operands, context.quantization(0), context.type(0));
  operands.push_back(y);
  context.append_parameters(operands, context.quantization(1), context.type(1));
  context.append_output_parameters(operands);
  // XNNPACK takes i8 whose right side has the zero point 0.
  const Quantization right = context.quantization(1);
  const bool delegated =
      context.type(0) == DType::i8 && (right.zero_point.empty() || right.zero_point[0] == 0);
  context.emit("QLinearMatMul", std::move(operands),
               {{"arithmetic", context.arithmetic(delegated)}});
}

}  // namespace strata::formats::tflite
