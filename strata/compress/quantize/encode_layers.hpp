#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/compress/quantize/weights.hpp"

namespace strata::compress {

/// What the layers whose names a pattern matches are stored as.
struct LayerRule {
  std::string pattern;  ///< of a layer's name: * any text, ? one character, [ab] one of them
  const Encoding* encoding = nullptr;
};

/// One layer in its new encoding.
struct LayerChange {
  WeightLayer layer;  ///< as it was
  const Encoding* before = nullptr;
  const Encoding* after = nullptr;
  std::int64_t bytes = 0;  ///< in the new encoding
  double sqnr_db = 0;      ///< of the weights; infinite where no weight changed
};

/// Rules for these options of a command: `weights` is the encoding of the layers that `layers`
/// name, of all others too where each entry of `layers` is PATTERN=ENCODING; empty: those stay.
/// Throws usage for an unknown encoding, or where nothing is asked for.
std::vector<LayerRule> layer_rules(std::string_view weights, std::span<const std::string> layers);

/// For each layer the encoding of the last rule that matches it; null: it stays. Throws usage for a
/// rule without a layer, listing the names.
std::vector<const Encoding*> choose_encodings(std::span<const WeightLayer> layers,
                                              std::span<const LayerRule> rules);

/// The layer's weights as `encoding`, and what that changes; the graph stays as it is.
struct Trial {
  EncodedTensor weights;
  LayerChange change;
};
Trial try_encoding(const ir::Graph& graph, const WeightLayer& layer, const Encoding& encoding);

/// Puts the weights of a typed graph into the encodings that the rules say.
std::vector<LayerChange> encode_layers(ir::Graph& graph, std::span<const LayerRule> rules);

/// The change with the lowest SQNR; null if no weight changed.
const LayerChange* worst(std::span<const LayerChange> changes);

/// Sum of the squares of the elements.
double energy(const EncodedTensor& weights);
/// Signal to quantization noise ratio in decibels; infinite where both are the same.
double sqnr_db(const Tensor& original, const Tensor& decoded);

}  // namespace strata::compress
