#include "strata/eval/warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace strata::eval {
namespace {

/// How far the drop may reach that n records can show at best: those on which two versions agree
/// differ by less than the interval of none in n.
double most_hidden_drop(std::int64_t records) { return data::wilson(0, records).high; }

}  // namespace

std::vector<Warning> data_warnings(const data::Dataset& dataset) {
  if (!dataset.bare_pixels()) return {};
  return {
      {"no_preprocessing",
       "nothing says how pixels become numbers, so they go in as 0 to 255; most networks expect "
       "them scaled. Give --divide, --mean and --std (--divide 1 where 0 to 255 is right), or an "
       "[image] section in a preprocess.toml beside the model, see docs/data.md"}};
}

std::optional<Warning> chance_warning(const data::Accuracy& accuracy, std::int64_t classes) {
  if (classes < 2 || accuracy.count == 0) return std::nullopt;
  const double chance = 1 / double(classes);
  const data::Interval interval = accuracy.interval();
  if (interval.low > chance) return std::nullopt;
  return Warning{
      "near_chance",
      fmt::format("the model as given is right on {} of {} records, which is not clearly "
                  "more than guessing among {} classes ({:.2f} %); check the labels, "
                  "their order and the preprocessing",
                  accuracy.correct, accuracy.count, classes, 100 * chance)};
}

std::vector<std::size_t> item_prints(const data::Dataset& dataset,
                                     std::span<const std::int64_t> items) {
  std::vector<std::size_t> prints;
  std::string item(dataset.item_bytes(), '\0');
  for (const std::int64_t index : items) {
    dataset.read(index, item.data());
    prints.push_back(std::hash<std::string>()(item));
  }
  return prints;
}

std::optional<Warning> overlap_warning(std::span<const std::size_t> calibrated,
                                       std::span<const std::size_t> tested) {
  const std::unordered_set<std::size_t> seen(calibrated.begin(), calibrated.end());
  const auto both =
      std::ranges::count_if(tested, [&](std::size_t print) { return seen.contains(print); });
  if (both == 0) return std::nullopt;
  return Warning{
      "calibrated_with_test_items",
      fmt::format("{} of the {} items that the result is judged by were calibrated with, "
                  "so that its accuracy may be too good; judge by others",
                  both, tested.size())};
}

std::optional<Warning> calibration_warning(std::int64_t items) {
  constexpr std::int64_t enough = 32;
  if (items >= enough) return std::nullopt;
  return Warning{"few_items",
                 fmt::format("calibrated on {} item{}, which may not show how large activations "
                             "become on others; give {} or more",
                             items, items == 1 ? "" : "s", enough)};
}

std::optional<Warning> count_warning(std::int64_t records, double max_drop) {
  if (records < 1 || max_drop <= 0 || most_hidden_drop(records) <= max_drop) return std::nullopt;
  std::int64_t enough = records;
  while (most_hidden_drop(enough) > max_drop) enough += (enough + 15) / 16;
  return Warning{
      "few_records",
      fmt::format("{} records are few for a limit of {:.2f} points: even if no prediction "
                  "changed, a loss of {:.2f} points would remain possible (95 %); about {} "
                  "would do",
                  records, 100 * max_drop, 100 * most_hidden_drop(records), enough)};
}

}  // namespace strata::eval
