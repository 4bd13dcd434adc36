// Element-wise work on codes u8 and i8.
#include "strata/kernels/bytes/bytes.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "strata/ir/op.hpp"
#include "strata/kernels/movement/movement.hpp"
#include "strata/runtime/lowering/grids.hpp"

namespace strata::runtime {
namespace {

using kernels::ByteBinaryProblem;
using kernels::ByteTableProblem;
using kernels::ProblemKind;
using kernels::QuantizeProblem;
using kernels::QuantizeRule;

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

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

std::unique_ptr<QuantizeProblem> lower_scaled(const LowerContext& context, Operands& operands,
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
  if (context.dtype(context.input(0)) != DType::f32 || !f32_division) return nullptr;
  auto problem =
      lower_scaled(context, operands, ProblemKind::quantize, context.dtype(context.output()));
  if (problem && arithmetic_of(context) != Arithmetic::onnx) {
    const bool reference = arithmetic_of(context) == Arithmetic::tflite_reference;
    problem->rule = reference ? QuantizeRule::divide_away : QuantizeRule::multiply_even;
  }
  return problem;
}

std::unique_ptr<kernels::Problem> lower_dequantize(const LowerContext& context,
                                                   Operands& operands) {
  if (context.dtype(context.output()) != DType::f32) return nullptr;
  auto problem =
      lower_scaled(context, operands, ProblemKind::dequantize, context.dtype(context.input(0)));
  if (problem) problem->apart = arithmetic_of(context) == Arithmetic::tflite_optimized;
  return problem;
}

// Sums and products.

enum class Function { add, subtract, multiply };

/// Whether the sums of XNNPACK's arithmetic have 32 bits.
bool has_narrow_sums(const FixedSum& sum) {
  const std::int64_t most =
      std::abs(sum.constant) + 255 * std::abs(sum.a_factor) + 255 * std::abs(sum.b_factor);
  return most <= std::numeric_limits<std::int32_t>::max();
}

/// The numbers of a sum or product; false if kernels do not know the arithmetic.
bool set_numbers(ByteBinaryProblem& problem, Function function, Arithmetic arithmetic,
                 QuantizedOperand a, QuantizedOperand b, QuantizedOperand y, DType type) {
  using Form = ByteBinaryProblem::Form;
  problem.is_signed = type == DType::i8;
  problem.a_zero = a.zero_point;
  problem.b_zero = b.zero_point;
  problem.y_zero = y.zero_point;
  const int sign = function == Function::subtract ? -1 : 1;
  if (arithmetic == Arithmetic::onnx) {
    problem.form = function == Function::multiply ? Form::float_product : Form::float_sum;
    problem.ratios = onnx_arithmetic::add_ratios(a, {float(sign) * b.scale, b.zero_point}, y);
    problem.scale = onnx_arithmetic::requantize_scale(a.scale, b.scale, y.scale);
    return true;
  }
  if (function == Function::multiply) {
    problem.form = Form::product;
    problem.rescale = product_of(arithmetic, a, b, y, *quantized_range(type));
    return true;
  }
  const bool integers = arithmetic == Arithmetic::tflite_xnnpack;
  problem.form = integers ? Form::integer_sum : Form::fixed_sum;
  problem.sum = sum_of(arithmetic, a, b, sign, y, type);
  return !integers || has_narrow_sums(problem.sum);
}

template <Function function>
std::unique_ptr<kernels::Problem> lower_binary(const LowerContext& context, Operands& operands) {
  const ir::ValueId a = context.input(0), b = context.input(3);
  const Shape& y = context.shape(context.output());
  const auto of_a = constant_grid(context, 1, 2), of_b = constant_grid(context, 4, 5),
             of_y = constant_grid(context, 6, 7);
  const DType type = context.dtype(a);
  if (!of_a || !of_b || !of_y || !is_byte(type) || y.rank() > 8) return nullptr;
  auto problem = std::make_unique<ByteBinaryProblem>();
  if (!set_numbers(*problem, function, arithmetic_of(context), *of_a, *of_b, *of_y, type)) {
    return nullptr;
  }
  problem->rank = y.rank();
  set_dims(problem->a_dims, context.shape(a), y.rank());
  set_dims(problem->b_dims, context.shape(b), y.rank());
  set_dims(problem->out_dims, y, y.rank());
  operands.in = {a, b};
  operands.out = {context.output()};
  return problem;
}

// Tables.

std::unique_ptr<kernels::Problem> lower_table(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  if (!is_byte(context.dtype(context.input(0))) || !is_byte(context.dtype(context.output())) ||
      !context.node().op->reference || x.rank() > 8) {
    return nullptr;
  }
  const auto table = code_table(context);
  if (!table) return nullptr;
  auto problem = std::make_unique<ByteTableProblem>();
  problem->table = *table;
  problem->rank = x.rank();
  set_dims(problem->dims, x, x.rank());
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

/// Parts whose grid is the result's are copied, others go through a table.
std::unique_ptr<kernels::Problem> lower_concat(const LowerContext& context, Operands& operands) {
  const Shape& y = context.shape(context.output());
  if (!is_byte(context.dtype(context.output())) || y.rank() > 8) return nullptr;
  const auto to = constant_grid(context, 0, 1);
  if (!to) return nullptr;
  auto problem = std::make_unique<kernels::ConcatProblem>();
  problem->element_size = 1;
  problem->rank = y.rank();
  const std::int64_t axis = context.node().attributes.integer("axis", 0);
  problem->axis = int(axis < 0 ? axis + y.rank() : axis);
  std::ranges::copy(y, problem->out_dims.begin());
  bool same_grid = true;
  for (std::size_t i = 2; i < context.node().inputs.size(); i += 3) {
    const auto from = constant_grid(context, i + 1, i + 2);
    if (!from) return nullptr;
    const ir::ValueId part = context.input(i);
    std::ranges::copy(context.shape(part), problem->in_dims.emplace_back().begin());
    operands.in.push_back(part);
    problem->tables.push_back(concat_code_table(context, i));
    same_grid &= from->scale == to->scale && from->zero_point == to->zero_point;
  }
  if (same_grid) problem->tables.clear();
  operands.out = {context.output()};
  return problem;
}

/// The taps of one axis: all that the runs of a kernel need to know of it.
std::vector<ResizeTap> taps_of(ResizeRule rule, const ResizeAxis& axis) {
  std::vector<ResizeTap> taps;
  for (std::int64_t i = 0; i < axis.output; ++i) taps.push_back(resize_tap(rule, axis, i));
  return taps;
}

std::unique_ptr<kernels::Problem> lower_resize(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  const Shape& y = context.shape(context.output());
  const std::string name = context.node().attributes.string("coordinate_transformation_mode",
                                                            std::string(resize_corner_names[0]));
  const auto corners =
      ResizeCorners(std::ranges::find(resize_corner_names, name) - resize_corner_names);
  auto problem = std::make_unique<kernels::ByteResizeProblem>();
  problem->is_signed = context.dtype(context.input(0)) == DType::i8;
  problem->rule = resize_rule(arithmetic_of(context), problem->is_signed);
  problem->batch = x[0];
  problem->channels = x[1];
  problem->height = x[2];
  problem->width = x[3];
  problem->rows = taps_of(problem->rule, {x[2], y[2], corners});
  problem->columns = taps_of(problem->rule, {x[3], y[3], corners});
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

constexpr Lowering table[] = {
    {"QuantizeLinear", lower_quantize},
    {"DequantizeLinear", lower_dequantize},
    {"strata.QLinearAdd", lower_binary<Function::add>},
    {"strata.QLinearSub", lower_binary<Function::subtract>},
    {"strata.QLinearMul", lower_binary<Function::multiply>},
    {"strata.QLinearConcat", lower_concat},
    {"strata.QLinearResize", lower_resize},
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
