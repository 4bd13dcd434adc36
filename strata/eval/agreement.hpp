#pragma once

#include <optional>

#include "strata/data/metrics.hpp"
#include "strata/eval/item_run.hpp"
#include "strata/tensor/grid.hpp"

namespace strata::eval {

/// How near a model's output is to that of the model it came from, item by item.
struct Agreement {
  data::Accuracy predictions;  ///< items on which the largest score is the same
  double relative_error = 0;   ///< root of squared differences over squared reference values
  double largest_difference = 0;
  double largest_value = 0;  ///< of the reference
  /// Where there are labels: both judged by them.
  std::optional<data::Accuracy> reference, model;
  data::PairedDrop drop;
  bool complete = true;

  /// Of the reference to the difference; infinite where they are equal.
  double sqnr_db() const;
};

/// One side of a comparison. Integers on a grid are compared as the values they stand for.
struct Side {
  const ItemRun& run;
  std::size_t output = 0;
  std::optional<Grid> grid;
};

/// Runs both over the same items, each fed by its own data set. Results do not depend on threads.
/// Throws usage unless data sets and outputs have the same sizes.
Agreement compare_outputs(const Side& reference, const Side& model,
                          std::span<const std::int64_t> indices);

}  // namespace strata::eval
