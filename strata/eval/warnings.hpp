#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/data/metrics.hpp"

namespace strata::eval {

/// Something that makes figures doubtful though nothing failed.
struct Warning {
  std::string kind;  ///< a word for programs: "near_chance"
  std::string text;  ///< a sentence for people
};

/// "no_preprocessing": pictures that go in as bare pixels, as no sidecar says otherwise.
std::vector<Warning> data_warnings(const data::Dataset& dataset);

/// "near_chance": the interval of the accuracy does not lie above that of guessing among classes.
std::optional<Warning> chance_warning(const data::Accuracy& accuracy, std::int64_t classes);

/// A number for each of these items, by what goes into the model; equal items have equal numbers.
std::vector<std::size_t> item_prints(const data::Dataset& dataset,
                                     std::span<const std::int64_t> items);
/// "calibrated_with_test_items": some of what judges a result also went into it.
std::optional<Warning> overlap_warning(std::span<const std::size_t> calibrated,
                                       std::span<const std::size_t> tested);

/// "few_items": ranges of activations come from so few items that others may well go beyond.
std::optional<Warning> calibration_warning(std::int64_t items);

/// "few_records": even versions that agree on each of these records would leave it open whether the
/// accuracy falls by more than `max_drop`.
std::optional<Warning> count_warning(std::int64_t records, double max_drop);

}  // namespace strata::eval
