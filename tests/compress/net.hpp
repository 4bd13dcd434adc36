#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/data/dataset.hpp"
#include "strata/ir/builder.hpp"

namespace strata::compress {

inline Tensor normal_tensor(const Shape& shape, std::uint64_t seed, double scale = 1) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& x : tensor.mutable_data<float>()) x = float(scale * random.normal());
  return tensor;
}

/// Items of normal numbers; labels, if any, are item modulo classes.
class NormalData : public data::Dataset {
 public:
  NormalData(std::int64_t size, const Shape& shape, std::int32_t classes = 0)
      : Dataset(about(size, shape, classes)) {}

  void read(std::int64_t index, void* out) const override {
    const Tensor item = normal_tensor(item_shape(), 1000 + std::uint64_t(index));
    std::memcpy(out, item.raw(), item.size_bytes());
  }

 private:
  static About about(std::int64_t size, const Shape& shape, std::int32_t classes) {
    About about;
    about.size = size;
    about.item_shape = shape;
    about.description = "normal numbers";
    for (std::int64_t i = 0; classes && i < size; ++i) {
      about.labels.push_back(std::int32_t(i % classes));
    }
    return about;
  }
};

/// Every kind of unit: convolutions (dense, depthwise, pointwise) with and without activations, a
/// residual sum, a concatenation, pools, a matrix product, and a Softmax that stays float.
struct Net {
  ir::Graph graph;

  Net() {
    using Ints = std::vector<std::int64_t>;
    ir::Builder builder(graph, {});
    const auto node = [&](std::string_view op, std::vector<ir::ValueId> inputs,
                          std::string_view name, ir::Attributes attributes = {}) {
      const ir::ValueId out = builder.op(op, std::move(inputs), std::move(attributes), name);
      graph.node(graph.value(out).producer).sources = {std::string(name)};
      graph.rename(out, name);
      return out;
    };
    std::uint64_t seed = 1;
    const auto conv = [&](ir::ValueId x, Shape weight, std::string_view name, bool bias,
                          std::int64_t group = 1) {
      std::vector<ir::ValueId> inputs{
          x, builder.constant(normal_tensor(weight, seed++, 0.4), std::string(name) + ".w")};
      if (bias) {
        inputs.push_back(
            builder.constant(normal_tensor(Shape{weight[0]}, seed++), std::string(name) + ".b"));
      }
      const std::int64_t pad = weight[2] / 2;
      return node("Conv", inputs, name, {{"pads", Ints{pad, pad, pad, pad}}, {"group", group}});
    };
    const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 2, 8, 8}});
    const ir::ValueId a = node("Relu", {conv(x, {8, 2, 3, 3}, "conv1", true)}, "relu1");
    const ir::ValueId depth = conv(a, {8, 1, 3, 3}, "depth", true, 8);
    const ir::ValueId low = builder.constant(Tensor::scalar(0.0f), "low");
    const ir::ValueId high = builder.constant(Tensor::scalar(6.0f), "high");
    const ir::ValueId b = node("Clip", {depth, low, high}, "relu6");
    const ir::ValueId point = conv(b, {8, 8, 1, 1}, "point", false);
    const ir::ValueId sum = node("Relu", {node("Add", {a, point}, "sum")}, "sum_relu");
    const ir::ValueId pool =
        node("MaxPool", {sum}, "pool", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    const ir::ValueId left = node("Relu", {conv(pool, {4, 8, 1, 1}, "left", true)}, "left_relu");
    const ir::ValueId right = conv(pool, {4, 8, 3, 3}, "right", true);
    const ir::ValueId both = node("Concat", {left, right}, "both", {{"axis", std::int64_t(1)}});
    const ir::ValueId mean = node("GlobalAveragePool", {both}, "mean");
    const ir::ValueId flat = node("Flatten", {mean}, "flat");
    const ir::ValueId dense =
        node("Gemm",
             {flat, builder.constant(normal_tensor({5, 8}, seed++), "dense.w"),
              builder.constant(normal_tensor(Shape{5}, seed++), "dense.b")},
             "dense", {{"transB", std::int64_t(1)}});
    const ir::ValueId y = node("Softmax", {dense}, "y");
    graph.outputs = {y};
  }
};

}  // namespace strata::compress
