#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "strata/compress/quantize/calibration.hpp"
#include "strata/compress/quantize/grid.hpp"
#include "strata/compress/quantize/layerwise.hpp"
#include "strata/compress/quantize/static_plan.hpp"

namespace strata::compress {

struct PostTrainingOptions {
  int weight_bits = 8;                ///< 2 to 8, symmetric, a scale for each output channel
  std::vector<LayerBits> layer_bits;  ///< of some layers' weights instead
  int activation_bits = 8;            ///< 2 to 8; what the model is given has 8
  IntervalOptions interval;  ///< how grids follow from what calibration saw; its bits are not used
  bool equalize = false;     ///< see equalize.hpp
  bool bias_correction = false;
  bool reconstruct = false;
  std::vector<std::string> keep;  ///< patterns of names of nodes that stay float
  CalibrationOptions calibration;
  /// Called before each layer that is chosen on data.
  std::function<void(const std::string& layer)> progress;
  std::function<void()> poll;  ///< called often meanwhile, to set calibration.cancel
};

/// A float network and how it is computed on integers.
struct PostTraining {
  ir::Graph given;     ///< cleaned by the passes
  ir::Graph original;  ///< the same, equalised if asked for
  StaticPlan plan;
  std::size_t equalized = 0;  ///< layers
  bool complete = true;       ///< false: cancelled, and the plan is not to be used

  /// On integers; what the file of it gives when read.
  ir::Graph graph() const { return quantized(original, plan); }
};

/// Post-training quantization: grids of activations from calibration on these items, then weights.
/// Throws usage where nothing in the model can be quantized.
PostTraining quantize_post_training(ir::Graph model, const data::Dataset& dataset,
                                    std::vector<std::int64_t> items,
                                    const PostTrainingOptions& options = {});

/// The plan without some of its units: they stay float. Grids that nobody needs go.
StaticPlan without(const ir::Graph& graph, const StaticPlan& plan,
                   const std::vector<std::size_t>& units);

}  // namespace strata::compress
