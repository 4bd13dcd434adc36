#pragma once

#include <map>
#include <optional>
#include <vector>

#include "strata/compress/quantize/rounding.hpp"
#include "strata/compress/quantize/units.hpp"

namespace strata::compress {

/// Weights of a unit as codes, and the bias that goes with them.
struct LayerCodes {
  Tensor codes;               ///< i8, the weight's shape
  std::vector<float> scales;  ///< of each output channel
  std::vector<double> bias;   ///< of each output channel
};

/// What every unit of a graph computes with, chosen before the graph is changed.
struct StaticPlan {
  std::vector<Unit> units;
  std::vector<std::optional<Grid>> grids;   ///< by value
  std::map<ir::NodeId, LayerCodes> layers;  ///< of weighted units, by their main node

  const Grid& grid(ir::ValueId id) const { return *grids[ir::index(id)]; }
};

/// Only this unit is quantized.
StaticPlan alone(const ir::Graph& graph, const StaticPlan& plan, std::size_t unit);

/// What a weighted unit reads: the weights as (channels, K) rows whatever their layout, and the
/// bias. Gemm's (K, channels) is transposed.
RoundingProblem read_weights(const ir::Graph& graph, const Unit& unit);
std::vector<double> read_bias(const ir::Graph& graph, const Unit& unit);
/// Codes (channels, K) in the layout of the weight.
Tensor codes_tensor(const ir::Graph& graph, const Unit& unit,
                    const std::vector<std::int8_t>& codes);
/// The numbers that the codes stand for, in the layout of the weight.
Tensor decoded_weight(const Unit& unit, const LayerCodes& layer);
/// The bias in steps of the products of both scales. Channels whose bias would not fit 31 bits get
/// a larger scale first.
Tensor bias_codes(const Unit& unit, LayerCodes& layer, float input_scale);

/// A graph with QuantizeLinear and DequantizeLinear around every unit of the plan. Values keep
/// their names where they are integers; inputs and outputs of the graph stay what they are.
ir::Graph with_quantizers(const ir::Graph& graph, StaticPlan plan);
/// The same with units computed on integers: see ir::fold_quantization. What the file of such a
/// graph gives when read.
ir::Graph quantized(const ir::Graph& graph, const StaticPlan& plan);

}  // namespace strata::compress
