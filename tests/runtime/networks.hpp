#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/runtime/session.hpp"

namespace strata::runtime::testing {

/// Normal numbers scaled like He initialisation for a fan-in of all axes but the first.
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, double scale = 0) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  if (scale == 0 && shape.rank() > 1)
    scale = std::sqrt(2.0 / double(shape.elements(1, shape.rank())));
  if (scale == 0) scale = 1;
  for (float& x : tensor.mutable_data<float>()) x = float(random.normal() * scale);
  return tensor;
}

/// Builds small networks with seeded weights.
class Net {
 public:
  explicit Net(std::uint64_t seed) : seed_(seed), builder_(graph) {}

  ir::ValueId input(SymbolicShape shape, std::string_view name = "input") {
    return graph.add_input(name, {DType::f32, std::move(shape)});
  }
  ir::ValueId conv(ir::ValueId x, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1,
                   std::int64_t groups = 1) {
    const std::int64_t channels = graph.value(x).type.shape[1].constant();
    const std::int64_t pad = kernel / 2;
    const auto w =
        builder_.constant(random_tensor({out, channels / groups, kernel, kernel}, ++seed_));
    const auto b = builder_.constant(random_tensor({out}, ++seed_, 0.1));
    return builder_.op("Conv", {x, w, b},
                       {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                        {"strides", std::vector<std::int64_t>{stride, stride}},
                        {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
                        {"group", groups}});
  }
  ir::ValueId relu(ir::ValueId x) { return builder_.op("Relu", {x}); }
  ir::ValueId add(ir::ValueId a, ir::ValueId b) { return builder_.op("Add", {a, b}); }
  ir::ValueId gemm(ir::ValueId x, std::int64_t out) {
    const std::int64_t in = graph.value(x).type.shape[1].constant();
    const auto w = builder_.constant(random_tensor({out, in}, ++seed_));
    const auto b = builder_.constant(random_tensor({out}, ++seed_, 0.1));
    return builder_.op("Gemm", {x, w, b}, {{"transB", std::int64_t(1)}});
  }
  ir::ValueId op(std::string_view name, std::vector<ir::ValueId> in,
                 ir::Attributes attributes = {}) {
    return builder_.op(name, std::move(in), std::move(attributes));
  }
  ir::Builder& builder() { return builder_; }

  ir::Graph graph;

 private:
  std::uint64_t seed_;
  ir::Builder builder_;
};

/// A residual network with a stem, a strided block, depthwise and pointwise layers, pooling, a
/// concatenation and a classifier: every layout meets every other.
inline ir::Graph small_residual_network(std::uint64_t seed = 1) {
  Net net(seed);
  const Dim n = Dim::symbol("N");
  auto x = net.input({n, 3, 21, 19});
  x = net.relu(net.conv(x, 24, 3, 2));
  auto y = net.relu(net.conv(x, 24, 3));
  x = net.relu(net.add(net.conv(y, 24, 3), x));
  y = net.relu(net.conv(x, 24, 3, 1, 24));
  y = net.conv(y, 32, 1);
  auto z = net.conv(x, 16, 5);
  x = net.op("Concat", {y, z}, {{"axis", std::int64_t(1)}});
  x = net.op("MaxPool", {x},
             {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
              {"strides", std::vector<std::int64_t>{2, 2}}});
  x = net.op("GlobalAveragePool", {net.relu(x)});
  x = net.op("Flatten", {x});
  x = net.op("Softmax", {net.gemm(x, 10)});
  net.graph.outputs = {x};
  ir::infer_types(net.graph);
  return std::move(net.graph);
}

}  // namespace strata::runtime::testing
