#include "strata/ir/passes/channels.hpp"

#include "strata/ir/passes/rewrite.hpp"

namespace strata::ir {
namespace {

std::vector<double> to_double(const Tensor& tensor) {
  if (tensor.dtype() == DType::f64) {
    const auto elements = tensor.data<double>();
    return {elements.begin(), elements.end()};
  }
  const auto elements = tensor.to_float();
  return {elements.begin(), elements.end()};
}

/// Channel axis of the weight operand: 0 for (channels, inputs...), 1 for (inputs, channels...).
std::optional<int> weight_axis(const Graph& graph, const Node& node) {
  if (is_op(node, "Conv")) return 0;
  if (is_op(node, "ConvTranspose")) return 1;
  if (is_op(node, "Gemm")) return node.attributes.integer("transB", 0) != 0 ? 0 : 1;
  if (!is_op(node, "MatMul")) return std::nullopt;
  const bool matrices = graph.value(node.inputs[0]).type.shape.size() == 2 &&
                        graph.value(node.inputs[1]).type.shape.size() == 2;
  return matrices ? std::optional(1) : std::nullopt;
}

}  // namespace

std::optional<std::vector<double>> channel_constant(const Graph& graph, ValueId id, int rank,
                                                    int axis, std::int64_t channels) {
  if (!graph.is_constant(id)) return std::nullopt;
  const EncodedTensor& constant = *graph.value(id).constant;
  if (!constant.is_dense() || !is_float(constant.dtype)) return std::nullopt;
  const Shape& shape = constant.shape;
  const int missing = rank - shape.rank();
  if (missing < 0) return std::nullopt;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool fits = shape[i] == 1 || (i + missing == axis && shape[i] == channels);
    if (!fits) return std::nullopt;
  }
  std::vector<double> elements = to_double(constant.decode());
  if (elements.size() == 1) elements.resize(std::size_t(channels), elements[0]);
  return elements;
}

std::optional<Linear> read_linear(const Graph& graph, const Node& node) {
  const auto axis = weight_axis(graph, node);
  const TensorType& type = graph.value(node.outputs[0]).type;
  if (!axis || !is_float(type.dtype) || !type.shape.at(1).is_constant()) return std::nullopt;
  Linear linear;
  linear.channels = type.shape[1].constant();
  if (linear.channels <= 0) return std::nullopt;
  if (graph.is_constant(node.inputs[1])) {
    const EncodedTensor& weight = *graph.value(node.inputs[1]).constant;
    linear.dense_weight = weight.is_dense() && weight.shape.elements() > 0;
    linear.inner = weight.shape.elements(*axis + 1, weight.shape.rank());
    linear.group_size = weight.shape[*axis];
    linear.group_stride = weight.shape.elements() / (linear.channels / linear.group_size);
  }
  linear.bias.resize(std::size_t(linear.channels));
  if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
    const bool is_matrix_op = is_op(node, "Gemm");
    auto bias = channel_constant(graph, node.inputs[2], is_matrix_op ? 2 : 1, is_matrix_op ? 1 : 0,
                                 linear.channels);
    if (!bias) return std::nullopt;
    linear.bias = std::move(*bias);
    const double beta = node.attributes.real("beta", 1);
    for (double& element : linear.bias) element *= beta;
  }
  return linear;
}

}  // namespace strata::ir
