// Element-wise work on codes u8 and i8.
#include "strata/kernels/bytes/bytes.hpp"

#include <algorithm>
#include <cstring>

#include "strata/ir/op.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::runtime {
namespace {

using kernels::ByteBinaryProblem;
using kernels::ByteTableProblem;
using kernels::ProblemKind;
using kernels::QuantizeProblem;

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

std::string arithmetic_of(const LowerContext& context) {
  return context.node().attributes.string("arithmetic", "onnx");
}

Tensor decoded(const LowerContext& context, std::size_t i) {
  return context.graph().value(context.input(i)).constant->decode();
}

void set_dims(std::array<std::int64_t, 8>& dims, const Shape& shape, int rank) {
  dims.fill(1);
  std::ranges::copy(shape, dims.begin() + (rank - shape.rank()));
}

// Between f32 and codes.

/// The axis of scales as (outer, extent, inner).
void set_channels(QuantizeProblem& problem, const Shape& x, int axis) {
  problem.per_channel = true;
  problem.outer = x.elements(0, axis);
  problem.extent = x[axis];
  problem.inner = x.elements(axis + 1, x.rank());
}

std::unique_ptr<kernels::Problem> lower_scaled(const LowerContext& context, Operands& operands,
                                               ProblemKind kind, DType codes) {
  const ir::Attributes& attributes = context.node().attributes;
  if (!is_byte(codes) || context.dtype(context.input(1)) != DType::f32 ||
      !context.is_constant(context.input(1)) || attributes.integer("block_size", 0) != 0 ||
      (context.has_input(2) && !context.is_constant(context.input(2)))) {
    return nullptr;
  }
  const Shape& x = context.shape(context.input(0));
  const Shape& scale = context.shape(context.input(1));
  if (x.rank() > 8) return nullptr;
  auto problem = std::make_unique<QuantizeProblem>(kind);
  problem->is_signed = codes == DType::i8;
  problem->rank = x.rank();
  set_dims(problem->dims, x, x.rank());
  if (scale.elements() != 1) {
    if (scale.rank() != 1) return nullptr;
    const std::int64_t axis = attributes.integer("axis", 1);
    set_channels(*problem, x, int(axis < 0 ? axis + x.rank() : axis));
  }
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  operands.constants = {{context.input(1)},
                        {context.has_input(2) ? context.input(2) : ir::no_value}};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_quantize(const LowerContext& context, Operands& operands) {
  const ir::Attributes& attributes = context.node().attributes;
  const bool f32_division =
      !attributes.has("precision") || attributes.dtype("precision") == DType::f32;
  if (context.dtype(context.input(0)) != DType::f32 || !f32_division ||
      arithmetic_of(context) != "onnx") {
    return nullptr;
  }
  return lower_scaled(context, operands, ProblemKind::quantize, context.dtype(context.output()));
}

std::unique_ptr<kernels::Problem> lower_dequantize(const LowerContext& context,
                                                   Operands& operands) {
  if (context.dtype(context.output()) != DType::f32 ||
      arithmetic_of(context) == "tflite_optimized") {
    return nullptr;
  }
  return lower_scaled(context, operands, ProblemKind::dequantize, context.dtype(context.input(0)));
}

// Sums and products.

struct Quantization {
  std::size_t scale, zero;
};

std::optional<QuantizedOperand> quantization(const LowerContext& context, Quantization at) {
  for (const std::size_t i : {at.scale, at.zero}) {
    if (!context.has_input(i) || !context.is_constant(context.input(i))) return std::nullopt;
  }
  return QuantizedOperand{decoded(context, at.scale).data<float>()[0],
                          std::int32_t(context.integers(at.zero)->front())};
}

std::unique_ptr<kernels::Problem> lower_binary(const LowerContext& context, Operands& operands,
                                               kernels::Binary function) {
  const ir::ValueId a = context.input(0), b = context.input(3);
  const Shape& y = context.shape(context.output());
  const auto of_a = quantization(context, {1, 2}), of_b = quantization(context, {4, 5}),
             of_y = quantization(context, {6, 7});
  if (!of_a || !of_b || !of_y || !is_byte(context.dtype(a)) || arithmetic_of(context) != "onnx" ||
      y.rank() > 8) {
    return nullptr;
  }
  auto problem = std::make_unique<ByteBinaryProblem>();
  problem->function = function;
  problem->is_signed = context.dtype(a) == DType::i8;
  const auto ratios = onnx_arithmetic::add_ratios(*of_a, *of_b, *of_y);
  problem->a_ratio = ratios.a;
  problem->b_ratio = ratios.b;
  problem->constant = ratios.constant;
  problem->a_zero = of_a->zero_point;
  problem->b_zero = of_b->zero_point;
  problem->scale = onnx_arithmetic::requantize_scale(of_a->scale, of_b->scale, of_y->scale);
  problem->y_zero = float(of_y->zero_point);
  problem->rank = y.rank();
  set_dims(problem->a_dims, context.shape(a), y.rank());
  set_dims(problem->b_dims, context.shape(b), y.rank());
  set_dims(problem->out_dims, y, y.rank());
  operands.in = {a, b};
  operands.out = {context.output()};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_add(const LowerContext& context, Operands& operands) {
  return lower_binary(context, operands, kernels::Binary::add);
}
std::unique_ptr<kernels::Problem> lower_multiply(const LowerContext& context, Operands& operands) {
  return lower_binary(context, operands, kernels::Binary::mul);
}

// Tables: the op's reference says what becomes of each code.

/// Operands beside the first: constants of one element.
bool fill_table(const LowerContext& context, std::array<std::uint8_t, 256>& table) {
  const ir::Node& node = context.node();
  const DType type = context.dtype(context.input(0));
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (i > 0 && context.has_input(i)) {
      if (!context.is_constant(context.input(i))) return false;
      if (context.shape(context.input(i)).elements() != 1) return false;
      inputs.push_back(decoded(context, i));
    } else {
      inputs.emplace_back();
    }
  }
  inputs[0] = Tensor::zeros(type, {256});
  auto* codes = static_cast<std::uint8_t*>(inputs[0].mutable_raw());
  for (int i = 0; i < 256; ++i) codes[i] = std::uint8_t(i);
  Tensor result = Tensor::zeros(context.dtype(context.output()), {256});
  std::vector<std::byte> scratch;
  if (node.op->scratch_bytes) {
    const std::vector<Shape> shapes(inputs.size(), Shape{256});
    scratch.resize(node.op->scratch_bytes({node, shapes, std::span(shapes).first(1)}));
  }
  if (!node.op->reference({node, inputs, std::span(&result, 1), scratch.data()})) return false;
  std::memcpy(table.data(), result.raw(), table.size());
  return true;
}

std::unique_ptr<kernels::Problem> lower_table(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  if (!is_byte(context.dtype(context.input(0))) || !is_byte(context.dtype(context.output())) ||
      !context.node().op->reference || x.rank() > 8) {
    return nullptr;
  }
  auto problem = std::make_unique<ByteTableProblem>();
  if (!fill_table(context, problem->table)) return nullptr;
  problem->rank = x.rank();
  set_dims(problem->dims, x, x.rank());
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

constexpr Lowering table[] = {
    {"QuantizeLinear", lower_quantize},
    {"DequantizeLinear", lower_dequantize},
    {"strata.QLinearAdd", lower_add},
    {"strata.QLinearMul", lower_multiply},
    {"Clip", lower_table},
    {"strata.QLinearIdentity", lower_table},
    {"strata.QLinearSigmoid", lower_table},
    {"strata.QLinearTanh", lower_table},
    {"strata.QLinearHardSwish", lower_table},
    {"strata.QLinearLeakyRelu", lower_table},
    {"strata.QLinearElu", lower_table},
};

}  // namespace

std::span<const Lowering> byte_lowerings() { return table; }

}  // namespace strata::runtime
