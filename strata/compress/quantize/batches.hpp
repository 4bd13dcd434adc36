#pragma once

#include <cstdint>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/ir/graph.hpp"

namespace strata::compress {

/// Items of a data set as the input of a model, some at a time. Items that do not fill the last
/// batch of a model with a fixed batch are left out.
class Batches {
 public:
  /// `batch`: items at a time where the model leaves that open. Throws usage where data and model
  /// do not fit, or there is not one batch.
  Batches(const ir::Graph& graph, const data::Dataset& dataset, std::vector<std::int64_t> items,
          std::int64_t batch = 16);

  std::size_t size() const;
  /// Items in the batches together.
  std::int64_t items() const;
  /// Items in one batch: the last may have fewer.
  std::int64_t items(std::size_t batch) const;
  Tensor read(std::size_t batch) const;
  const data::Dataset& dataset() const { return dataset_; }
  const std::vector<std::int64_t>& indices() const { return items_; }

 private:
  const data::Dataset& dataset_;
  std::vector<std::int64_t> items_;
  eval::Feed feed_;
};

}  // namespace strata::compress
