#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/runtime/session.hpp"

namespace strata::eval {

class ItemRun;
class ItemWorker;

/// What a model made of one item; valid while the judge looks at it.
class ItemResult {
 public:
  std::size_t position = 0;  ///< among the indices asked for
  std::int64_t item = 0;     ///< in the data set
  Tensor input;              ///< as it went in, without the batch axis

  /// The part of an output that is this item's. Throws usage for outputs that are not per item.
  Tensor output(std::size_t index) const;
  /// Its elements as floats, codes of quantized ones as they are.
  std::vector<float> values(std::size_t index) const;

 private:
  friend class ItemWorker;
  const ItemRun* run_ = nullptr;
  std::span<const Tensor> outputs_;  // of the batch
  std::int64_t in_batch_ = 0;
};

/// A model bound to run over the items of a data set.
class ItemRun {
 public:
  /// Called from any worker, each position once.
  using Judge = std::function<void(const ItemResult&)>;

  /// Keeps references to data set and options. Throws usage where model and data do not fit.
  ItemRun(const std::shared_ptr<const runtime::Program>& program, const data::Dataset& dataset,
          const EvalOptions& options);
  /// The same for any session. One that runs in segments is referred to, and shared by workers with
  /// memory of their own.
  ItemRun(const runtime::Session& session, const data::Dataset& dataset,
          const EvalOptions& options);

  const data::Dataset& dataset() const { return dataset_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  /// Position of an output; of the first for an empty name. Throws usage.
  std::size_t find_output(const std::string& name) const;
  /// Of an output's part for one item, where that is known before it runs. Throws usage for outputs
  /// that are not per item.
  std::optional<Shape> item_shape(std::size_t output) const;

  /// Runs over the items; workers take batches in order, one thread for each. Returns how many of
  /// the first indices were judged: fewer than all if stopped early.
  std::size_t run(std::span<const std::int64_t> indices, const Judge& judge) const;

 private:
  friend class ItemWorker;
  friend class ItemResult;
  ItemRun(const ir::Graph& graph, const data::Dataset& dataset, const EvalOptions& options);
  void bind(const std::shared_ptr<const runtime::Program>& program);
  /// What of an output's shape is one item's; throws usage if nothing is.
  Shape part_of_item(std::size_t output, const Shape& shape) const;

  const data::Dataset& dataset_;
  const EvalOptions& options_;
  Feed feed_;
  Shape input_shape_;  // of a batch
  std::vector<std::string> output_names_;
  std::shared_ptr<const runtime::Binding> binding_;  // or
  const runtime::Session* session_ = nullptr;
};

}  // namespace strata::eval
