#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::compress {

/// Channels of what a layer reads, by the weight's row-major index: Conv (O, I/group, ...), Gemm
/// (K, N) or (N, K).
struct InputChannels {
  std::int64_t channels, inner, group_inputs, group_outputs, columns;
  bool transposed;  ///< (K, N)

  std::size_t of(std::int64_t element) const {
    if (transposed) return std::size_t(element / columns);
    const std::int64_t output = element / (inner * group_inputs);
    return std::size_t(output / group_outputs * group_inputs + element / inner % group_inputs);
  }
};
/// Of a Conv or Gemm with a constant weight.
InputChannels input_channels(const ir::Graph& graph, const ir::Node& node);

/// A layer and all that read its channels, through ops that commute with positive factors of them.
struct Joint {
  struct Reader {
    ir::NodeId node;
    std::int64_t offset;  ///< of the layer's first channel among those that are read
    std::string name;     ///< of the user's node
  };
  ir::NodeId layer;
  ir::ValueId value;  ///< after the activation; channels along axis 1
  std::int64_t channels;
  double bound;  ///< of the activation; infinite if there is none
  std::vector<Reader> readers;
};

/// Joints of a typed graph whose weights and biases nothing else uses, in order.
std::vector<Joint> find_joints(const ir::Graph& graph);

}  // namespace strata::compress
