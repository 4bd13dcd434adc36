#include "strata/eval/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"

namespace strata::eval {
namespace {

// Outputs of the reference are kept for as many items as fit.
constexpr std::size_t most_kept_bytes = std::size_t(256) << 20;
constexpr std::size_t first_part = 16;

std::vector<float> values_of(const ItemResult& result, const Side& side) {
  const Tensor tensor = result.output(side.output);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  load_values(tensor.dtype(), tensor.raw(), side.grid, values);
  return values;
}

/// What one item says; added up in the order of the items.
struct Difference {
  double squared = 0, reference_squared = 0;
  double largest = 0, largest_value = 0;
  std::int32_t predicted[2] = {-1, -1};
};

Difference difference(std::span<const float> reference, std::span<const float> model) {
  if (reference.size() != model.size()) {
    fail(ErrorCode::usage, "the reference gives {} numbers for each item, the model {}",
         reference.size(), model.size());
  }
  Difference result;
  for (std::size_t i = 0; i < model.size(); ++i) {
    const bool same =
        model[i] == reference[i] || (std::isnan(model[i]) && std::isnan(reference[i]));
    double d = same ? 0 : double(model[i]) - double(reference[i]);
    // A number beside none, or beside an infinity, is as far off as can be.
    if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
    result.squared += d * d;
    result.largest = std::max(result.largest, std::abs(d));
    if (!std::isfinite(reference[i])) continue;
    result.reference_squared += double(reference[i]) * double(reference[i]);
    result.largest_value = std::max(result.largest_value, std::abs(double(reference[i])));
  }
  result.predicted[0] = data::argmax(reference);
  result.predicted[1] = data::argmax(model);
  return result;
}

class Comparison {
 public:
  Comparison(const Side& reference, const Side& model) : reference_(reference), model_(model) {}

  /// False if it was stopped.
  bool add(std::span<const std::int64_t> indices) {
    std::vector<std::vector<float>> kept(indices.size());
    std::vector<Difference> differences(indices.size());
    std::size_t finished = reference_.run.run(indices, [&](const ItemResult& item) {
      kept[item.position] = values_of(item, reference_);
    });
    item_bytes_ = kept.front().size() * sizeof(float);
    finished = model_.run.run(indices.first(finished), [&](const ItemResult& item) {
      differences[item.position] = difference(kept[item.position], values_of(item, model_));
    });
    for (std::size_t i = 0; i < finished; ++i) count(differences[i], indices[i]);
    return finished == indices.size();
  }
  std::size_t items_at_a_time() const {
    return std::max<std::size_t>(first_part,
                                 most_kept_bytes / std::max<std::size_t>(1, item_bytes_));
  }

  Agreement result() const {
    Agreement result;
    result.predictions = predictions_;
    result.relative_error = sum_.reference_squared > 0
                                ? std::sqrt(sum_.squared / sum_.reference_squared)
                            : sum_.squared > 0 ? std::numeric_limits<double>::infinity()
                                               : 0;
    result.largest_difference = sum_.largest;
    result.largest_value = sum_.largest_value;
    if (!reference_.run.dataset().labelled()) return result;
    result.reference = data::accuracy(right_[0]);
    result.model = data::accuracy(right_[1]);
    result.drop = data::paired_drop(right_[0], right_[1]);
    return result;
  }

 private:
  void count(const Difference& item, std::int64_t index) {
    sum_.squared += item.squared;
    sum_.reference_squared += item.reference_squared;
    sum_.largest = std::max(sum_.largest, item.largest);
    sum_.largest_value = std::max(sum_.largest_value, item.largest_value);
    ++predictions_.count;
    predictions_.correct += item.predicted[0] == item.predicted[1];
    const auto label = reference_.run.dataset().label(index);
    if (!label) return;
    for (int side = 0; side < 2; ++side) right_[side].push_back(item.predicted[side] == *label);
  }

  const Side& reference_;
  const Side& model_;
  Difference sum_;
  data::Accuracy predictions_;
  std::vector<std::uint8_t> right_[2];
  std::size_t item_bytes_ = 0;
};

}  // namespace

double Agreement::sqnr_db() const {
  return relative_error > 0 ? -20 * std::log10(relative_error)
                            : std::numeric_limits<double>::infinity();
}

Agreement compare_outputs(const Side& reference, const Side& model,
                          std::span<const std::int64_t> indices) {
  if (reference.run.dataset().size() != model.run.dataset().size()) {
    fail(ErrorCode::usage, "{} items for the reference, {} for the model",
         reference.run.dataset().size(), model.run.dataset().size());
  }
  Comparison comparison(reference, model);
  bool complete = true;
  for (std::size_t at = 0; at < indices.size() && complete;) {
    const std::size_t wanted = at == 0 ? first_part : comparison.items_at_a_time();
    const std::size_t count = std::min(wanted, indices.size() - at);
    complete = comparison.add(indices.subspan(at, count));
    at += count;
  }
  Agreement result = comparison.result();
  result.complete = complete;
  return result;
}

}  // namespace strata::eval
