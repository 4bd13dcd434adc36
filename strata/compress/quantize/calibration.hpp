#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "strata/compress/quantize/batches.hpp"
#include "strata/compress/quantize/histogram.hpp"
#include "strata/ir/graph.hpp"

namespace strata::compress {

struct CalibrationOptions {
  int threads = 1;  ///< 0: all this process may use
  /// Where the state is kept between runs; empty: nowhere. A state of the same model and items,
  /// preprocessed alike, is continued, another refused.
  std::filesystem::path state;
  /// Called with the number of items just done.
  std::function<void(std::int64_t items)> progress;
  /// Set by someone else to stop early.
  const std::atomic<bool>* cancel = nullptr;
};

/// What values of a graph held while it ran.
struct Calibration {
  std::map<std::string, Histogram> values;  ///< by name
  bool complete = false;                    ///< false: stopped early
};

/// Runs the graph over the batches and looks at these values, which are f32. Memory does not grow
/// with the number of items. Throws model naming the value and the batch for what is not finite,
/// usage for a state of something else.
Calibration calibrate(const ir::Graph& graph, std::span<const ir::ValueId> values,
                      const Batches& batches, const CalibrationOptions& options = {});

}  // namespace strata::compress
