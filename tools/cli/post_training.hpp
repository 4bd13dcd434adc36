#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "strata/compress/quantize/noise.hpp"
#include "strata/compress/quantize/post_training.hpp"
#include "strata/compress/quantize/selection.hpp"
#include "strata/eval/warnings.hpp"
#include "tools/cli/options.hpp"

namespace strata::cli {

/// Options of 'quantize' about activations: post-training quantization to integers.
struct PostTrainingFlags {
  std::string activations;  ///< empty: weights only
  std::string calibrate;
  std::string calibration = "mse";
  std::optional<double> percentile;  ///< for 'percentile'
  std::int64_t items = 256;
  int weight_bits = 8;
  std::vector<std::string> layer_bits;  ///< PATTERN=N
  bool equalize = false, bias_correction = false, reconstruct = false;
  std::vector<std::string> keep;
  std::string select;  ///< most points to lose; empty: nothing is selected
  std::string state;

  bool given() const { return !activations.empty(); }
  std::vector<compress::LayerBits> read_layer_bits() const;
  bool has_weights_below(int bits) const;  ///< in some layer
  /// Throws usage for what does not go together.
  void check() const;
  void add_to(CommandLine& command) const;
};
void add_post_training_options(CLI::App& app, PostTrainingFlags& flags);

/// A network on integers, and what is known about it.
struct PostTrainingOutcome {
  compress::PostTraining network;
  compress::StaticPlan plan;  ///< what is left of the network's after selection
  ir::Graph graph;
  std::int64_t items = 0;
  std::vector<std::size_t> prints;           ///< of the items; see eval::item_prints
  std::vector<eval::Warning> warnings;       ///< of the data
  std::vector<compress::LayerNoise> layers;  ///< in the order of the graph
  double decibels = 0;                       ///< of the outputs
  std::int64_t noise_items = 0;              ///< that layers and decibels are measured on
  std::optional<compress::Selection> selection;
  std::size_t chosen = 0;         ///< of the selection's points
  std::vector<std::string> kept;  ///< layers that selection left float
  bool complete = true;           ///< false: interrupted, and nothing else is set
};
PostTrainingOutcome quantize_activations(ir::Graph graph, const PostTrainingFlags& flags,
                                         const ModelOptions& model, const InputOptions& input,
                                         int threads);

/// "31.5"; "exact" where there is no noise.
std::string decibels(double value);

/// Tables of the layers and of the selection, and the lines under them.
void print(const PostTrainingOutcome& outcome, const PostTrainingFlags& flags);
void describe(const PostTrainingOutcome& outcome, nlohmann::json& document);

}  // namespace strata::cli
