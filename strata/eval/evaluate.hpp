#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/data/metrics.hpp"
#include "strata/runtime/session.hpp"

namespace strata::eval {

struct EvalOptions {
  int threads = 0;  ///< workers that each take whole batches; 0: all this process may use
  /// Items that run together; 0: one, or as many as the model fixes. Ignored where it does.
  std::int64_t batch = 0;
  /// Most bytes the arena of a worker may have; see runtime::BindOptions.
  std::optional<std::size_t> memory_budget;
  std::string output;   ///< the graph output that is judged; empty: the first
  std::size_t top = 5;  ///< also counts labels among this many best scores
  /// Called with the number of items just finished, from any worker.
  std::function<void(std::int64_t items)> progress;
  /// Set by someone else to stop early; what is done until then is reported.
  const std::atomic<bool>* cancel = nullptr;
};

/// What a program says about items of a data set, in the order of the indices asked for.
struct Evaluation {
  std::vector<std::int32_t> predictions;  ///< index of the largest score
  std::vector<std::uint8_t> correct;      ///< 1 where the prediction is the label
  std::vector<std::uint8_t> in_top;       ///< 1 where the label is among the `top` best
  std::int64_t classes = 0;               ///< scores for each item
  bool complete = true;  ///< false: stopped early, and only the items before the stop are listed

  data::Accuracy accuracy() const { return data::accuracy(correct); }
  data::Accuracy top_accuracy() const { return data::accuracy(in_top); }
};

/// Runs the program over the items; workers share the program and take batches in order, each with
/// its own one-thread context. Results do not depend on threads or batch. The data set has labels
/// or `correct` and `in_top` stay empty. Throws usage where model and data do not fit.
Evaluation evaluate(const std::shared_ptr<const runtime::Program>& program,
                    const data::Dataset& dataset, std::span<const std::int64_t> indices,
                    const EvalOptions& options = {});

/// The same for a session, which may run in segments; see ItemRun.
Evaluation evaluate(const runtime::Session& session, const data::Dataset& dataset,
                    std::span<const std::int64_t> indices, const EvalOptions& options = {});

/// 0, 1, ... size - 1.
std::vector<std::int64_t> all_items(const data::Dataset& dataset);

/// How items become the model's input: which input, and its shape for a batch of them.
struct Feed {
  std::size_t input = 0;       ///< position among the graph's inputs
  std::int64_t batch = 1;      ///< items that run together
  bool has_batch_axis = true;  ///< false: the model takes one item as it is
};
/// Throws usage unless the model has that one input and its type takes the items.
Feed make_feed(const ir::Graph& graph, const data::Dataset& dataset, std::int64_t batch);
/// What data must be for a model's input: options for data::open_dataset. `input`: by name, empty
/// for the only one. The item shape is left open where the model leaves it open.
data::DatasetOptions dataset_options(const ir::Graph& graph, const std::string& input = "");

}  // namespace strata::eval
