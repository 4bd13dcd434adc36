#include "strata/compress/quantize/batches.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::compress {

Batches::Batches(const ir::Graph& graph, const data::Dataset& dataset,
                 std::vector<std::int64_t> items, std::int64_t batch)
    : dataset_(dataset), items_(std::move(items)), feed_(eval::make_feed(graph, dataset, batch)) {
  const ir::TensorType& type = graph.value(graph.inputs[feed_.input]).type;
  const bool fixed = !feed_.has_batch_axis || type.shape[0].is_constant();
  if (fixed) items_.resize(items_.size() / std::size_t(feed_.batch) * std::size_t(feed_.batch));
  if (items_.empty()) {
    fail(ErrorCode::usage, "no items to calibrate with: the model takes {} at a time", feed_.batch);
  }
}

std::size_t Batches::size() const {
  const auto batch = std::size_t(feed_.batch);
  return (items_.size() + batch - 1) / batch;
}

std::int64_t Batches::items() const { return std::int64_t(items_.size()); }

std::int64_t Batches::items(std::size_t batch) const {
  return std::min(items() - std::int64_t(batch) * feed_.batch, feed_.batch);
}

Tensor Batches::read(std::size_t batch) const {
  const std::size_t first = batch * std::size_t(feed_.batch);
  const auto count = std::size_t(items(batch));
  const Shape& item = dataset_.item_shape();
  std::vector<std::int64_t> extents(item.begin(), item.end());
  if (feed_.has_batch_axis) extents.insert(extents.begin(), std::int64_t(count));
  Tensor tensor = Tensor::zeros(dataset_.dtype(), Shape(extents));
  auto* to = static_cast<std::byte*>(tensor.mutable_raw());
  for (std::size_t i = 0; i < count; ++i) {
    dataset_.read(items_[first + i], to + i * dataset_.item_bytes());
  }
  return tensor;
}

}  // namespace strata::compress
