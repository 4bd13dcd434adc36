#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/study/optimizer.hpp"

namespace strata::study::testing {

/// A network that exists only as numbers: what each layer costs in each encoding and by each
/// kernel. Accuracy in thousandths, so that sums are exact.
struct TableEvaluator final : Evaluator {
  struct Layer {
    std::string name;
    std::int64_t elements = 0;
    double seconds = 0;
    int fragility = 0;  ///< records lost in int8; a tenth of it in 16 bits
  };
  std::vector<Layer> layers;
  std::vector<std::string> rows;  ///< the first is what the runtime takes
  std::vector<double> row_speed;  ///< time by it over time by the first
  double noise = 0;               ///< half the width of intervals, relative
  double unfused_speed = 1.2;
  double bf16_speed = 0;  ///< 0: not offered
  int measured = 0;
  std::vector<std::string> failing;  ///< kernels that cannot run
  std::int64_t peak_bytes = 1024;    ///< with the first row everywhere
  std::int64_t row_saves = 0;        ///< bytes of it, for each layer run by another row
  std::int64_t budget = 0;           ///< 0: none

  std::int64_t bytes_of(const Layer& layer, const std::string& encoding) const {
    if (encoding == "i8_tensor") return layer.elements + 4;
    if (encoding == "i8_channel") return layer.elements + 64;
    return layer.elements * (encoding == "dense" ? 4 : 2);
  }
  int lost_by(const Layer& layer, const std::string& encoding) const {
    if (encoding == "dense") return 0;
    if (encoding == "i8_tensor") return layer.fragility;
    if (encoding == "i8_channel") return layer.fragility - layer.fragility / 4;
    return layer.fragility / (encoding == "f16" ? 20 : 10);
  }

  Measured result(const Configuration& configuration) const {
    constexpr std::int64_t count = 1000, correct = 900;
    Measured m;
    m.peak_bytes = peak_bytes - row_saves * std::int64_t(configuration.kernels.size());
    if (budget && m.peak_bytes > budget) {
      m.over_budget = "needs " + std::to_string(m.peak_bytes) + " bytes";
      if (configuration != Configuration()) m.failure = m.over_budget;
    }
    m.count = count;
    double seconds = 0, default_seconds = 0;
    for (const Layer& layer : layers) {
      const auto encoding = configuration.encodings.find(layer.name);
      const std::string stored =
          encoding == configuration.encodings.end() ? "dense" : encoding->second;
      m.lost += lost_by(layer, stored);
      m.file_bytes += bytes_of(layer, stored);
      double speed = 1;
      const auto kernel = configuration.kernels.find(layer.name);
      if (kernel != configuration.kernels.end()) {
        if (std::ranges::count(failing, kernel->second)) {
          m.failure = "cannot run with kernel " + kernel->second;
          return m;
        }
        speed = row_speed[std::size_t(std::ranges::find(rows, kernel->second) - rows.begin())];
      }
      seconds += layer.seconds * speed;
      default_seconds += layer.seconds;
    }
    if (configuration.execution.contains("fuse")) seconds *= unfused_speed;
    if (configuration.execution.contains("precision")) seconds *= bf16_speed;
    m.correct = correct - m.lost;
    const double ratio = seconds / default_seconds;
    m.ratio = {ratio, ratio * (1 - noise), ratio * (1 + noise), 100};
    m.latency = {seconds, seconds * (1 - noise), seconds * (1 + noise), 100};
    return m;
  }

  std::optional<Measured> measure(const Configuration& configuration, double,
                                  const Stopped& stopped) override {
    if (stopped && stopped()) return std::nullopt;
    ++measured;
    return result(configuration);
  }

  std::vector<tune::NodeRows> kernels(const Configuration&) override {
    std::vector<tune::NodeRows> nodes;
    if (rows.size() < 2) return nodes;
    for (const Layer& layer : layers) {
      tune::NodeRows node{layer.name, rows.front(), {}};
      for (const std::string& row : rows) node.options.push_back({row, layer.seconds});
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  SearchSpace space() const {
    SearchSpace space;
    for (const Layer& layer : layers) space.layers.push_back({layer.name, "dense"});
    space.encodings = {"dense", "f16", "bf16", "i8_tensor", "i8_channel"};
    space.execution = {{"fuse", {"on", "off"}}};
    if (bf16_speed > 0) space.execution.push_back({"precision", {"f32", "bf16"}});
    return space;
  }
};

}  // namespace strata::study::testing
