#pragma once

#include <memory>
#include <string>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/graph.hpp"

namespace strata::ir::testing {

inline TensorType f32(SymbolicShape shape) { return {DType::f32, std::move(shape)}; }

/// Uniform in [low, high).
inline Tensor random_tensor(Random& random, const Shape& shape, double low = -1, double high = 1) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& element : tensor.mutable_data<float>()) {
    element = float(low + (high - low) * random.uniform());
  }
  return tensor;
}

/// The message of the Error that `body` throws; empty if it throws none.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// A node with given name and sources of that name, as an importer makes them.
inline ValueId user_node(Graph& graph, std::string_view op, std::vector<ValueId> inputs,
                         std::string_view name, Attributes attributes = {}) {
  return Builder(graph, {std::string(name)}).op(op, std::move(inputs), std::move(attributes), name);
}

/// A random chain of unary, binary, matrix and fused nodes over [rows, 4] values.
inline Graph random_graph(Random& random, int nodes) {
  Graph graph;
  graph.name = "random \"graph\"\n";
  const Dim rows = Dim::symbol("N");
  std::vector<ValueId> values = {graph.add_input("x 0", f32({rows, 4})),
                                 graph.add_input("x%1", f32({rows, 4}))};
  const auto pick = [&] { return values[random.below(values.size())]; };
  for (int i = 0; i < nodes; ++i) {
    const std::string name = "node \"" + std::to_string(i) + "\"";
    Builder builder(graph, {name});
    switch (random.below(5)) {
      case 0:
        values.push_back(builder.op("Relu", {pick()}, {}, name));
        break;
      case 1:
        values.push_back(builder.op("Sigmoid", {pick()}, {}, name));
        break;
      case 2:
        values.push_back(builder.op("Add", {pick(), pick()}, {}, name));
        break;
      case 3: {
        const Encoding& encoding = *all_encodings()[random.below(all_encodings().size())];
        const int columns = 4;
        ValueId weight =
            graph.add_constant("w/" + std::to_string(i),
                               encoding.encode(random_tensor(random, {4, columns}), 1), {name});
        values.push_back(builder.op("MatMul", {pick(), weight}, {}, name));
        break;
      }
      default: {
        auto body = std::make_shared<Graph>();
        body->name = name;
        ValueId a = body->add_input("a", f32({rows, 4})), b = body->add_input("b", f32({rows, 4}));
        body->outputs = {Builder(*body).op("Relu", {Builder(*body).op("Mul", {a, b})})};
        values.push_back(
            builder.op("strata.Fused", {pick(), pick()}, {{"body", Subgraph(body)}}, name));
      }
    }
  }
  graph.outputs = {values.back(), pick()};
  return graph;
}

}  // namespace strata::ir::testing
