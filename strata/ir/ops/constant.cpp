#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

// Importers turn the other forms of ONNX's Constant (value_float, value_ints, ...) into `value`.
void infer_constant(InferContext& context) {
  const Tensor& value = context.attributes().tensor("value");
  context.set_output(0, {value.dtype(), {value.shape().begin(), value.shape().end()}});
  if (!is_integer(value.dtype()) || value.elements() > 1024) return;
  const std::vector<std::int64_t> numbers = value.to_int64();
  context.set_elements(0, {numbers.begin(), numbers.end()});
}

Status constant(const EvalArgs& args) {
  const Tensor& value = args.attributes().tensor("value");
  copy_elements(value, 0, args.outputs[0], 0, value.elements());
  return {};
}

void infer_constant_of_shape(InferContext& context) {
  expect_dtype(context, 0, "input", DType::i64);
  context.expect_rank(0, "input", 1);
  const DType dtype =
      context.attributes().has("value") ? context.attributes().tensor("value").dtype() : DType::f32;
  if (!context.elements(0)) {
    return context.set_open_output(0, dtype, expect_length(context, 0, "input"));
  }
  const SymbolicShape shape = expect_elements(context, 0, "input");
  for (const Dim& extent : shape) {
    if (extent.is_constant() && extent.constant() < 0) {
      fail(ErrorCode::model, "input has the negative entry {}", extent.constant());
    }
  }
  std::optional<Dim> element;
  if (context.attributes().has("value")) {
    const Tensor& value = context.attributes().tensor("value");
    if (value.elements() != 1) {
      fail(ErrorCode::model, "value has {} elements, expected 1", value.elements());
    }
    if (is_integer(dtype)) element = value.to_int64()[0];
  }
  context.set_output(0, {dtype, shape});
  if (!element || shape.size() > 1) return;
  const Dim count = shape.empty() ? Dim(1) : shape[0];
  if (!count.is_constant() || count.constant() > 1024) return;
  context.set_elements(0, std::vector<Dim>(std::size_t(count.constant()), *element));
}

Status constant_of_shape(const EvalArgs& args) {
  const float zero = 0;
  const Tensor value = args.attributes().has("value")
                           ? args.attributes().tensor("value")
                           : Tensor::borrow(DType::f32, {}, static_cast<const void*>(&zero));
  StridedCopy copy;
  copy.axis(args.outputs[0].elements(), 0, 1);
  copy.run(value, 0, args.outputs[0], 0);
  return {};
}

std::vector<OpCase> constant_cases() {
  return {{"floats", {}, {{"value", Tensor::from<float>({2, 2}, {1, 2, 3, 4})}}},
          {"integers", {}, {{"value", Tensor::from<std::int64_t>({2}, {5, -6})}}},
          {"scalar", {}, {{"value", Tensor::scalar(true)}}}};
}

std::vector<OpCase> constant_of_shape_cases() {
  using example::i64;
  return {{"zeros", {i64({2, 3})}},
          {"value", {i64({4})}, {{"value", Tensor::from<std::int32_t>({1}, {7})}}},
          {"scalar", {i64({})}},
          {"empty", {i64({2, 0})}}};
}

constexpr AttributeDef required[] = {{"value", AttributeKind::tensor, true}};
constexpr AttributeDef optional[] = {{"value", AttributeKind::tensor}};

}  // namespace

extern const OpDef constant_of_shape_op, constant_op;

constinit const OpDef constant_of_shape_op = {.name = "ConstantOfShape",
                                              .attributes = optional,
                                              .infer = infer_constant_of_shape,
                                              .reference = constant_of_shape,
                                              .cases = constant_of_shape_cases};
constinit const OpDef constant_op = {.name = "Constant",
                                     .inputs = {0, 0},
                                     .attributes = required,
                                     .infer = infer_constant,
                                     .reference = constant,
                                     .cases = constant_cases};

}  // namespace strata::ir
