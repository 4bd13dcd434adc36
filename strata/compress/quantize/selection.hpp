#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/compress/quantize/noise.hpp"

namespace strata::compress {

/// A choice of layers that stay float, and what comes of it.
struct SelectionPoint {
  std::vector<std::size_t> kept;  ///< units of the plan, the most sensitive first
  double integer_macs = 0;        ///< share of the multiply-accumulates done on integers
  std::int64_t weight_bytes = 0;  ///< codes at their bits, scales, and floats of what is kept
  double decibels = 0;            ///< of the outputs
  /// Items with the right label; without labels, with the same prediction as the original.
  std::int64_t right = 0;
  std::int64_t count = 0;
  /// No other point has as many integer_macs and as many right, and more of one of them.
  bool front = false;
};

struct Selection {
  std::vector<SelectionPoint> points;  ///< ever more layers kept
  bool labelled = false;
  std::int64_t original_right = 0;  ///< of the original, as `right`
  bool complete = true;
};

/// Leaves float the most sensitive layers, then some more, and so on, and judges each on the items
/// of the batches; see sensitivity.
Selection explore_selection(const ir::Graph& original, const StaticPlan& plan,
                            const std::vector<LayerNoise>& sensitivity, const Batches& batches,
                            int weight_bits, const NoiseOptions& options = {});

/// The point with the most work on integers that loses at most this share of the items that the
/// original has right; the one that loses least if none does.
const SelectionPoint& select(const Selection& selection, double most_drop);

}  // namespace strata::compress
