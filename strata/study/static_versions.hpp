#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.hpp"
#include "strata/compress/quantize/post_training.hpp"
#include "strata/data/dataset.hpp"
#include "strata/study/evaluator.hpp"

namespace strata::study {

/// A way to compute a layer on integers whose grids were chosen before the run.
struct StaticScheme {
  std::string_view name;
  std::string_view summary;
  int weight_bits;
  bool reconstruct;  ///< codes of weights chosen on data
};
/// The only list; a search space offers each to every layer that integers can compute.
std::span<const StaticScheme> static_schemes();
/// Null: a name of something else.
const StaticScheme* find_static_scheme(std::string_view name);

/// Versions of one float model whose layers are computed on integers, calibrated when the first
/// one is asked for.
class StaticVersions {
 public:
  using Stopped = Evaluator::Stopped;

  /// Calibrates on these items. The graph and the data set live longer.
  StaticVersions(const ir::Graph& model, const data::Dataset& dataset,
                 std::vector<std::int64_t> items, int threads);

  /// Whether the layer can be computed on integers at all.
  bool has(std::string_view layer) const { return layers_.contains(layer); }
  /// Layers by their scheme on integers, others with the weights of `model`, a copy of the graph
  /// with constants replaced. Other ops follow where all they read are integers. Throws
  /// unsupported naming a layer that integers cannot compute, usage where `stopped` ends the
  /// calibration early: the next call starts it again.
  ir::Graph version(const ir::Graph& model,
                    const std::map<std::string, const StaticScheme*>& layers,
                    const Stopped& stopped = {});

 private:
  const compress::PostTraining& of(const StaticScheme& scheme, const Stopped& stopped);
  compress::PostTraining make(const StaticScheme& scheme, const Stopped& stopped) const;

  const ir::Graph& model_;
  const data::Dataset& dataset_;
  std::vector<std::int64_t> items_;
  int threads_;
  std::set<std::string, std::less<>> layers_;                        // that integers can compute
  std::map<std::string, compress::PostTraining, std::less<>> made_;  // by scheme
  std::map<std::string, Error, std::less<>> failed_;                 // why a scheme cannot be made
};

}  // namespace strata::study
