// Constants, and ops that do nothing when a network is only run.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

bool is_false(const std::optional<Tensor>& tensor) {
  return tensor && tensor->dtype() == DType::boolean && tensor->elements() == 1 &&
         !tensor->data<bool>()[0];
}

}  // namespace

void convert_constant(NodeContext& node) {
  const ir::Attributes& a = node.attributes;
  if (a.has("value")) {
    node.emit_constant(a.tensor("value"));
  } else if (a.has("value_float")) {
    node.emit_constant(Tensor::scalar(a.real("value_float", 0)));
  } else if (a.has("value_int")) {
    node.emit_constant(Tensor::scalar(a.integer("value_int", 0)));
  } else if (a.has("value_floats")) {
    const std::vector<float> values = a.reals("value_floats");
    node.emit_constant(Tensor::from<float>(Shape{std::int64_t(values.size())}, values));
  } else if (a.has("value_ints")) {
    const std::vector<std::int64_t> values = a.integers("value_ints");
    node.emit_constant(Tensor::from<std::int64_t>(Shape{std::int64_t(values.size())}, values));
  } else {
    fail(ErrorCode::unsupported, "no value Strata has; accepted: numbers and dense tensors");
  }
}

void convert_dropout(NodeContext& node) {
  const bool training = node.has_input(2) && !is_false(node.constant_input(2));
  if (!training && !node.wanted(1)) {
    node.emit("Identity", {node.input(0)}, {}, 1);
    return;
  }
  if (node.opset() < 12) {  // its ratio was an attribute, which only training needs
    node.emit("Dropout", {node.input(0)}, {});
    return;
  }
  node.emit("Dropout", {node.all_inputs().begin(), node.all_inputs().end()}, node.attributes);
}

}  // namespace strata::formats::onnx
