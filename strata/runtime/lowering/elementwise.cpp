#include "strata/kernels/elementwise/elementwise.hpp"

#include <algorithm>

#include "strata/ir/op.hpp"
#include "strata/kernels/convert/convert.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/region.hpp"

namespace strata::runtime {
namespace {

using kernels::Activation;
using kernels::Binary;
using kernels::BinaryProblem;
using kernels::Unary;
using kernels::UnaryProblem;

std::unique_ptr<kernels::Problem> unary(const LowerContext& context, Operands& operands,
                                        Unary function, const kernels::Epilogue& epilogue) {
  if (context.dtype(context.input(0)) != DType::f32) return nullptr;
  auto problem = std::make_unique<UnaryProblem>();
  problem->function = function;
  problem->epilogue = epilogue;
  const Shape& shape = context.shape(context.input(0));
  problem->rank = shape.rank();
  std::ranges::copy(shape, problem->dims.begin());
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_activation(const LowerContext& context,
                                                   Operands& operands) {
  const auto region = match_region(context, context.node().op->name);
  if (!region || region->epilogue.activation == Activation::none) return nullptr;
  return unary(context, operands, Unary::activation, region->epilogue);
}

template <Unary function>
std::unique_ptr<kernels::Problem> lower_unary(const LowerContext& context, Operands& operands) {
  return unary(context, operands, function, {});
}

std::unique_ptr<kernels::Problem> lower_gelu(const LowerContext& context, Operands& operands) {
  const bool exact = context.node().attributes.string("approximate", "none") == "none";
  return unary(context, operands, exact ? Unary::gelu : Unary::gelu_tanh, {});
}

/// Powers of 2 and 3, by products.
std::unique_ptr<kernels::Problem> lower_power(const LowerContext& context, Operands& operands) {
  const ir::ValueId exponent = context.input(1);
  if (!context.all_f32() || !context.is_constant(exponent) ||
      context.shape(exponent).elements() != 1 ||
      context.shape(exponent).rank() > context.shape(context.input(0)).rank()) {
    return nullptr;
  }
  const float power = context.graph().value(exponent).constant->decode().data<float>()[0];
  if (power != 2 && power != 3) return nullptr;
  return unary(context, operands, power == 2 ? Unary::square : Unary::cube, {});
}

using NumberType = kernels::CastProblem::Type;

std::optional<NumberType> number_type(DType type) {
  switch (type) {
    case DType::u8:
      return NumberType::u8;
    case DType::i8:
      return NumberType::i8;
    case DType::i32:
      return NumberType::i32;
    case DType::i64:
      return NumberType::i64;
    case DType::f32:
      return NumberType::f32;
    default:
      return std::nullopt;
  }
}

std::unique_ptr<kernels::Problem> lower_cast(const LowerContext& context, Operands& operands) {
  const auto from = number_type(context.dtype(context.input(0)));
  const auto to = number_type(context.dtype(context.output()));
  if (!from || !to) return nullptr;
  auto problem = std::make_unique<kernels::CastProblem>();
  problem->from = *from;
  problem->to = *to;
  problem->elements = context.shape(context.output()).elements();
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

/// Extents aligned to `rank` with leading ones.
void set_dims(std::array<std::int64_t, 8>& dims, const Shape& shape, int rank) {
  dims.fill(1);
  std::ranges::copy(shape, dims.begin() + (rank - shape.rank()));
}

std::unique_ptr<kernels::Problem> binary(const LowerContext& context, Operands& operands,
                                         const Region& region, Binary function) {
  if (region.inputs.size() != 2 || region.epilogue.residual || !context.all_f32()) return nullptr;
  const ir::ValueId a = region.inputs[0], b = region.inputs[1];
  auto problem = std::make_unique<BinaryProblem>();
  problem->function = function;
  problem->epilogue = region.epilogue;
  const Shape& y = context.shape(region.output);
  problem->rank = y.rank();
  set_dims(problem->a_dims, context.shape(a), y.rank());
  set_dims(problem->b_dims, context.shape(b), y.rank());
  set_dims(problem->out_dims, y, y.rank());
  problem->a_constant = context.is_constant(a);
  problem->b_constant = context.is_constant(b) && !problem->a_constant;
  if (!problem->a_constant) operands.in.push_back(a);
  if (!problem->b_constant) operands.in.push_back(b);
  operands.constants = {{problem->a_constant ? a : problem->b_constant ? b : ir::no_value}};
  operands.out = {region.output};
  return problem;
}

struct BinaryName {
  std::string_view op;
  Binary function;
};
constexpr BinaryName binaries[] = {
#define STRATA_ACTIVATION(op, function)
#define STRATA_BINARY(op, function) {op, Binary::function},
#include "strata/ir/passes/fusible.def"
#undef STRATA_ACTIVATION
#undef STRATA_BINARY
};

/// The node, or the head of a fused body, is one of the binaries.
std::unique_ptr<kernels::Problem> lower_binary(const LowerContext& context, Operands& operands) {
  for (const BinaryName& name : binaries) {
    if (const auto region = match_region(context, name.op)) {
      return binary(context, operands, *region, name.function);
    }
  }
  return nullptr;
}

constexpr Lowering table[] = {
#define STRATA_ACTIVATION(op, function) {op, lower_activation},
#define STRATA_BINARY(op, function) {op, lower_binary},
#include "strata/ir/passes/fusible.def"
#undef STRATA_ACTIVATION
#undef STRATA_BINARY
    {"Exp", lower_unary<Unary::exp>},
    {"Log", lower_unary<Unary::log>},
    {"Sqrt", lower_unary<Unary::sqrt>},
    {"Reciprocal", lower_unary<Unary::reciprocal>},
    {"Neg", lower_unary<Unary::neg>},
    {"Abs", lower_unary<Unary::abs>},
    {"Erf", lower_unary<Unary::erf>},
    {"Floor", lower_unary<Unary::floor>},
    {"Ceil", lower_unary<Unary::ceil>},
    {"Gelu", lower_gelu},
    {"Pow", lower_power},
    {"Cast", lower_cast},
    {"strata.Fused", lower_binary},
};

}  // namespace

std::span<const Lowering> elementwise_lowerings() { return table; }

}  // namespace strata::runtime
