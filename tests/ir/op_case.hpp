#pragma once

#include <string>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir::testing {

/// Seeded elements: floats in [low, high), small non-negative integers, random bits.
inline Tensor random_tensor(DType type, const Shape& shape, Random& random, double low,
                            double high) {
  Tensor drawn = Tensor::zeros(DType::f64, shape);
  for (double& x : drawn.mutable_data<double>()) {
    x = is_float(type) ? low + (high - low) * random.uniform()
                       : double(random.below(type == DType::boolean ? 2 : 8));
  }
  return drawn.cast(type);
}

/// Symbols of cases are 2.
inline Shape shape_of(const OpCase::Input& input) {
  std::vector<std::string> symbols;
  for (const Dim& dim : input.type.shape) dim.collect_symbols(symbols);
  DimValues values;
  for (const std::string& symbol : symbols) values.set(symbol, 2);
  return evaluate(input.type.shape, values);
}

/// A graph of one node, and what to feed it.
struct CaseGraph {
  Graph graph;
  std::vector<Tensor> inputs;
  NodeId node() const { return graph.order().back(); }
};

inline CaseGraph build_case(const OpDef& op, const OpCase& example, std::uint64_t seed) {
  CaseGraph result;
  Random random(seed);
  std::vector<ValueId> operands;
  for (const OpCase::Input& input : example.inputs) {
    if (input.omitted) {
      operands.push_back(no_value);
      continue;
    }
    const Tensor tensor = input.value ? *input.value
                                      : random_tensor(input.type.dtype, shape_of(input), random,
                                                      example.low, example.high);
    if (input.value || input.constant) {
      operands.push_back(result.graph.add_constant("", EncodedTensor(tensor)));
    } else {
      operands.push_back(result.graph.add_input("", input.type));
      result.inputs.push_back(tensor);
    }
  }
  Builder builder(result.graph);
  result.graph.outputs =
      builder.multi(qualified_name(op), operands, example.outputs, example.attributes, "node");
  return result;
}

}  // namespace strata::ir::testing
