// Ops of com.microsoft that fuse a product, a convolution or a sum with what follows it.
#include <algorithm>
#include <numeric>

#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

std::vector<ir::ValueId> inputs_of(const NodeContext& node) {
  return {node.all_inputs().begin(), node.all_inputs().end()};
}

ir::ValueId scalar(NodeContext& node, float value, std::string_view what) {
  return node.constant(Tensor::scalar(value).cast(node.type(0).dtype), what);
}

/// Takes an attribute out, so that the op in the middle does not see it.
float take_real(NodeContext& node, std::string_view name, float fallback) {
  const float value = node.attributes.real(name, fallback);
  node.attributes.erase(name);
  return value;
}

/// The activation that ends a fused op, with its parameters.
struct Activation {
  std::string name;
  float first = 0, second = 0;
};

void emit_activation(NodeContext& node, const Activation& activation, ir::ValueId x) {
  const std::string& name = activation.name;
  if (name.empty()) {
    node.emit("Identity", {x}, {});
  } else if (name == "Relu" || name == "Tanh" || name == "Sigmoid") {
    node.emit(name, {x}, {});
  } else if (name == "LeakyRelu") {
    node.emit(name, {x}, {{"alpha", activation.first}});
  } else if (name == "HardSigmoid") {
    node.emit(name, {x}, {{"alpha", activation.first}, {"beta", activation.second}});
  } else if (name == "Clip") {
    const ir::ValueId low = scalar(node, activation.first, "min");
    node.emit(name, {x, low, scalar(node, activation.second, "max")}, {});
  } else {
    fail(ErrorCode::unsupported,
         "activation {}; accepted: Clip, HardSigmoid, LeakyRelu, Relu, Sigmoid, Tanh", name);
  }
}

/// Reverses an operand's matrix, or what lies in front of its last axis, before it is multiplied.
ir::ValueId arranged(NodeContext& node, std::size_t i, std::string_view matrix,
                     std::string_view batch) {
  const bool transposed = node.attributes.integer(matrix, 0) != 0;
  const bool rotated = node.attributes.integer(batch, 0) != 0;
  node.attributes.erase(matrix);
  node.attributes.erase(batch);
  const std::size_t rank = node.type(i).shape.size();
  if (rank < 2 || (rank == 2 && !transposed)) return node.input(i);
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  // The first axis becomes the rows of the matrix; those between are the batch.
  if (rotated) std::rotate(axes.begin(), axes.begin() + 1, axes.end() - 1);
  if (transposed) std::swap(axes[rank - 1], axes[rank - 2]);
  if (std::is_sorted(axes.begin(), axes.end())) return node.input(i);
  return node.intermediate("Transpose", {node.input(i)}, {{"perm", axes}});
}

}  // namespace

void convert_ms_gelu(NodeContext& node) { node.emit("Gelu", inputs_of(node), {}); }

void convert_ms_fast_gelu(NodeContext& node) {
  const ir::ValueId x =
      node.has_input(1) ? node.intermediate("Add", {node.input(0), node.input(1)}) : node.input(0);
  node.emit("Gelu", {x}, {{"approximate", std::string("tanh")}});
}

void convert_ms_bias_gelu(NodeContext& node) {
  node.emit("Gelu", {node.intermediate("Add", {node.input(0), node.input(1)})}, {});
}

// y = x * sigmoid(alpha * x)
void convert_ms_quick_gelu(NodeContext& node) {
  const ir::ValueId alpha = scalar(node, node.attributes.real("alpha", 1.702f), "alpha");
  const ir::ValueId scaled = node.intermediate("Mul", {node.input(0), alpha});
  node.emit("Mul", {node.input(0), node.intermediate("Sigmoid", {scaled})}, {});
}

// y = activation(conv(x, w) + b + z)
void convert_ms_fused_conv(NodeContext& node) {
  Activation activation{node.attributes.string("activation", "")};
  const std::vector<float> given = node.attributes.reals("activation_params");
  const std::size_t count = activation.name == "LeakyRelu"                                  ? 1
                            : activation.name == "Clip" || activation.name == "HardSigmoid" ? 2
                                                                                            : 0;
  if (given.size() < count) {
    fail(ErrorCode::model, "activation_params has {} entries; {} needs {}", given.size(),
         activation.name, count);
  }
  if (count > 0) activation.first = given[0];
  if (count > 1) activation.second = given[1];
  node.attributes.erase("activation");
  node.attributes.erase("activation_params");
  std::vector<ir::ValueId> operands{node.input(0), node.input(1)};
  if (node.has_input(2)) operands.push_back(node.input(2));
  ir::ValueId y = node.intermediate("Conv", operands, node.attributes);
  if (node.has_input(3)) y = node.intermediate("Add", {y, node.input(3)});
  emit_activation(node, activation, y);
}

void convert_ms_fused_gemm(NodeContext& node) {
  Activation activation{node.attributes.string("activation", "")};
  node.attributes.erase("activation");
  const bool leaky = activation.name == "LeakyRelu";
  activation.first = take_real(node, "activation_alpha", leaky ? 0.01f : 0.2f);
  activation.second = take_real(node, "activation_beta", 0.5f);
  take_real(node, "activation_gamma", 0);
  if (activation.name == "Clip") {
    fail(ErrorCode::unsupported,
         "activation Clip; accepted: HardSigmoid, LeakyRelu, Relu, Sigmoid, Tanh");
  }
  emit_activation(node, activation, node.intermediate("Gemm", inputs_of(node), node.attributes));
}

// y = alpha * a' b', where a' and b' are a and b with their axes rearranged
void convert_ms_fused_matmul(NodeContext& node) {
  const float alpha = take_real(node, "alpha", 1);
  const ir::ValueId a = arranged(node, 0, "transA", "transBatchA");
  const ir::ValueId b = arranged(node, 1, "transB", "transBatchB");
  if (alpha == 1) {
    node.emit("MatMul", {a, b}, node.attributes);
    return;
  }
  const ir::ValueId product = node.intermediate("MatMul", {a, b}, node.attributes);
  node.emit("Mul", {product, scalar(node, alpha, "alpha")}, {});
}

}  // namespace strata::formats::onnx
