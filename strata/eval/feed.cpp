#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/ir/grids.hpp"

namespace strata::eval {
namespace {

std::string list_inputs(const ir::Graph& graph) {
  std::string text;
  for (const ir::ValueId id : graph.inputs) {
    const ir::Value& value = graph.value(id);
    text += (text.empty() ? "" : ", ") + value.name + " " + to_string(value.type);
  }
  return text;
}

/// Position of the input of this name; of the only one if the name is empty.
std::size_t find_input(const ir::Graph& graph, const std::string& name) {
  if (name.empty() && graph.inputs.size() == 1) return 0;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    if (graph.value(graph.inputs[i]).name == name) return i;
  }
  if (name.empty()) {
    fail(ErrorCode::usage, "the model has {} inputs, say which one the data are for: {}",
         graph.inputs.size(), list_inputs(graph));
  }
  fail(ErrorCode::usage, "the data are for input {}, the model has {}", name, list_inputs(graph));
}

/// Whether extents of a type admit those of items, axis by axis from `first` on.
bool admits(const SymbolicShape& type, std::size_t first, const Shape& item) {
  if (type.size() - first != std::size_t(item.rank())) return false;
  for (std::size_t i = first; i < type.size(); ++i) {
    const auto extent = type[i].as_constant();
    if (extent && *extent != item[int(i - first)]) return false;
  }
  return true;
}

}  // namespace

Feed make_feed(const ir::Graph& graph, const data::Dataset& dataset, std::int64_t batch) {
  Feed feed;
  feed.input = find_input(graph, dataset.input_name());
  if (graph.inputs.size() != 1) {
    fail(ErrorCode::unsupported, "the model has {} inputs ({}); data can feed models with one",
         graph.inputs.size(), list_inputs(graph));
  }
  const ir::TensorType& type = graph.value(graph.inputs[feed.input]).type;
  const Shape& item = dataset.item_shape();
  const bool batched = !type.shape.empty() && admits(type.shape, 1, item);
  if (type.dtype != dataset.dtype() || (!batched && !admits(type.shape, 0, item))) {
    fail(ErrorCode::usage, "items are {}{}, the model takes {}", to_string(dataset.dtype()),
         to_string(item), list_inputs(graph));
  }
  feed.has_batch_axis = batched;
  if (!batched) return feed;
  const auto fixed = type.shape[0].as_constant();
  feed.batch = fixed ? *fixed : std::max<std::int64_t>(1, batch);
  if (feed.batch < 1) fail(ErrorCode::usage, "the model takes no items: {}", list_inputs(graph));
  return feed;
}

data::DatasetOptions dataset_options(const ir::Graph& graph, const std::string& input) {
  const ir::TensorType& type = graph.value(graph.inputs[find_input(graph, input)]).type;
  data::DatasetOptions options;
  options.dtype = type.dtype;
  options.grid = ir::grid_by_uses(graph, graph.inputs[find_input(graph, input)]);
  if (type.shape.empty()) return options;
  const SymbolicShape item(type.shape.begin() + 1, type.shape.end());
  options.item_shape = as_constant(item);
  return options;
}

std::vector<std::int64_t> all_items(const data::Dataset& dataset) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.size()));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = std::int64_t(i);
  return indices;
}

}  // namespace strata::eval
