#include "strata/compress/quantize/encode_layers.hpp"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/base/similar.hpp"

namespace strata::compress {
namespace {

bool matches(const LayerRule& rule, const std::string& name) {
  return fnmatch(rule.pattern.c_str(), name.c_str(), 0) == 0;
}

/// All names, or of many their count and the first.
std::string names_of(std::span<const WeightLayer> layers) {
  constexpr std::size_t most = 5;
  std::vector<std::string_view> names;
  for (const WeightLayer& layer : layers.first(std::min(layers.size(), most))) {
    names.push_back(layer.name);
  }
  const std::string text = fmt::format("{}", fmt::join(names, ", "));
  return layers.size() > most ? fmt::format("{}, among them {}", layers.size(), text) : text;
}

}  // namespace

std::vector<LayerRule> layer_rules(std::string_view weights, std::span<const std::string> layers) {
  std::vector<LayerRule> own, rules;
  bool names_layers = false;
  for (const std::string& text : layers) {
    const std::size_t at = text.rfind('=');
    if (at != std::string::npos) {
      own.push_back({text.substr(0, at), &find_encoding(text.substr(at + 1))});
      continue;
    }
    if (weights.empty()) {
      fail(ErrorCode::usage, "--layers {}: say their encoding by --weights, or {}=ENCODING", text,
           text);
    }
    names_layers = true;
    own.push_back({text, &find_encoding(weights)});
  }
  if (!weights.empty() && !names_layers) rules.push_back({"*", &find_encoding(weights)});
  rules.insert(rules.end(), own.begin(), own.end());
  if (rules.empty()) {
    fail(ErrorCode::usage, "--weights ENCODING, or --layers PATTERN=ENCODING, is missing");
  }
  return rules;
}

std::vector<const Encoding*> choose_encodings(std::span<const WeightLayer> layers,
                                              std::span<const LayerRule> rules) {
  if (layers.empty()) {
    fail(ErrorCode::unsupported, "the model has no Conv, Gemm or MatMul with constant f32 weights");
  }
  std::vector<const Encoding*> chosen(layers.size());
  for (const LayerRule& rule : rules) {
    bool used = false;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!matches(rule, layers[i].name)) continue;
      chosen[i] = rule.encoding;
      used = true;
    }
    if (!used) {
      std::vector<std::string> names;
      for (const WeightLayer& layer : layers) names.push_back(layer.name);
      fail(ErrorCode::usage, "no layer with weights is named {}; there are {}{}", rule.pattern,
           names_of(layers), suggestion(rule.pattern, names));
    }
  }
  return chosen;
}

Trial try_encoding(const ir::Graph& graph, const WeightLayer& layer, const Encoding& encoding) {
  const EncodedTensor& own = *graph.value(layer.weight).constant;
  Trial trial{encoded_weights(graph, layer, encoding), {layer, own.encoding, &encoding}};
  trial.change.bytes = trial.weights.size_bytes();
  trial.change.sqnr_db = sqnr_db(own.decode(), trial.weights.decode());
  return trial;
}

std::vector<LayerChange> encode_layers(ir::Graph& graph, std::span<const LayerRule> rules) {
  const std::vector<WeightLayer> layers = weight_layers(graph);
  const std::vector<const Encoding*> chosen = choose_encodings(layers, rules);
  std::vector<LayerChange> changes;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!chosen[i]) continue;
    Trial trial = try_encoding(graph, layers[i], *chosen[i]);
    graph.value(layers[i].weight).constant = std::move(trial.weights);
    changes.push_back(std::move(trial.change));
  }
  return changes;
}

const LayerChange* worst(std::span<const LayerChange> changes) {
  const auto found = std::ranges::min_element(changes, {}, &LayerChange::sqnr_db);
  return found == changes.end() || std::isinf(found->sqnr_db) ? nullptr : &*found;
}

double energy(const EncodedTensor& weights) {
  double sum = 0;
  for (const float x : weights.decode().to_float()) sum += double(x) * double(x);
  return sum;
}

double sqnr_db(const Tensor& original, const Tensor& decoded) {
  const std::vector<float> x = original.to_float(), y = decoded.to_float();
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = double(x[i]) - double(y[i]);
    signal += double(x[i]) * double(x[i]);
    noise += e * e;
  }
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

}  // namespace strata::compress
