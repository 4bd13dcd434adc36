#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::compress {

/// A constant that is the weight of a Conv, Gemm or MatMul, alone or inside a strata.Fused.
struct WeightLayer {
  std::string name;               ///< of the user's node that reads it first; unique
  std::string op;                 ///< "Conv"
  ir::ValueId weight{};           ///< in the outer graph; stays valid as ids do
  int axis = 0;                   ///< of the output channels in the weight
  std::int64_t elements = 0;      ///< of the weight
  std::int64_t stored_bytes = 0;  ///< as encoded now
};

/// Every float weight of a typed graph, in the order of the nodes; a weight that several nodes
/// share is one layer, with the axis of its first reader.
std::vector<WeightLayer> weight_layers(const ir::Graph& graph);

/// The layer's present elements in this encoding. Throws unsupported, naming the layer, where they
/// have none.
EncodedTensor encoded_weights(const ir::Graph& graph, const WeightLayer& layer,
                              const Encoding& encoding);
/// The same, put in the place of the weight. Names, types and readers stay.
void encode_weights(ir::Graph& graph, const WeightLayer& layer, const Encoding& encoding);

}  // namespace strata::compress
