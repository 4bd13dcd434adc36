#include "strata/eval/detections.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"

namespace strata::eval {
namespace {

/// Floats count exactly up to here.
constexpr float largest_class = 1 << 24;

using data::Box;
using data::BoxForm;
using data::FoundBox;

// Scores and boxes of a detector before its non-maximum suppression; beyond, nothing is kept.
constexpr std::size_t most_found = 10'000;

std::optional<std::size_t> output_like(const ItemRun& run, std::string_view part) {
  const auto& names = run.output_names();
  const auto found = std::ranges::find_if(names, [&](std::string name) {
    std::ranges::transform(name, name.begin(), [](char c) {
      return char(std::tolower(static_cast<unsigned char>(c)));
    });
    return name.find(part) != std::string::npos;
  });
  if (found == names.end()) return std::nullopt;
  return std::size_t(found - names.begin());
}

Box box_of(const float* at, const data::DetectionSpec& spec) {
  const double a = at[0], b = at[1], c = at[2], d = at[3];
  switch (spec.form) {
    case BoxForm::yxyx:
      return {b, a, d, c};
    case BoxForm::xyxy:
      return {a, b, c, d};
    case BoxForm::xywh:
      return {a, b, a + c, b + d};
    case BoxForm::cxcywh:
      break;
  }
  return {a - c / 2, b - d / 2, a + c / 2, b + d / 2};
}

/// Height and width of the model's input, for boxes in pixels.
std::pair<double, double> extent_of(const data::Dataset& dataset) {
  const Shape& shape = dataset.item_shape();
  if (shape.rank() != 3) {
    fail(ErrorCode::usage, "[detections] units: boxes in pixels of items {}", to_string(shape));
  }
  const bool planes = dataset.layout() == data::ImageLayout::nchw;
  return {double(shape[planes ? 1 : 0]), double(shape[planes ? 2 : 1])};
}

/// Of boxes of one class that overlap more than allowed, only the best.
void suppress(std::vector<FoundBox>& found, double allowed) {
  std::ranges::stable_sort(found, std::ranges::greater(), &FoundBox::score);
  std::vector<FoundBox> kept;
  for (const FoundBox& box : found) {
    const bool hidden = std::ranges::any_of(kept, [&](const FoundBox& better) {
      return better.label == box.label && data::overlap(better.box, box.box) > allowed;
    });
    if (!hidden) kept.push_back(box);
  }
  found = std::move(kept);
}

std::vector<float> values_of(const ItemResult& result, std::size_t output,
                             const std::vector<std::optional<Grid>>& grids) {
  const Tensor tensor = result.output(output);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  load_values(tensor.dtype(), tensor.raw(), grids[output], values);
  return values;
}

[[noreturn]] void complain(std::size_t boxes, std::size_t scores) {
  fail(ErrorCode::usage,
       "{} numbers of boxes and {} scores: [n,4] and [n], or [n,4] and [n,classes], expected; "
       "[detections] in a sidecar says which outputs they are",
       boxes, scores);
}

}  // namespace

DetectionOutputs find_detection_outputs(const ItemRun& run) {
  DetectionOutputs outputs;
  outputs.spec = run.dataset().detections().value_or(data::DetectionSpec{});
  const data::DetectionSpec& spec = outputs.spec;
  const bool four = run.output_names().size() == 4 && !spec.boxes && !spec.scores;
  if (four) {  // what DetectionPostProcess gives
    outputs.boxes = 0;
    outputs.classes = 1;
    outputs.scores = 2;
    outputs.count = 3;
  } else {
    const auto boxes = spec.boxes ? run.find_output(*spec.boxes) : output_like(run, "box");
    const auto scores = spec.scores ? run.find_output(*spec.scores) : output_like(run, "score");
    if (!boxes || !scores) {
      fail(ErrorCode::usage,
           "which outputs are boxes and scores? Name them in [detections] of a sidecar; the model "
           "has {}",
           fmt::join(run.output_names(), ", "));
    }
    outputs.boxes = *boxes;
    outputs.scores = *scores;
    outputs.classes = output_like(run, "class");
  }
  if (spec.classes) outputs.classes = run.find_output(*spec.classes);
  if (spec.count) outputs.count = run.find_output(*spec.count);
  return outputs;
}

std::vector<FoundBox> read_detections(const ItemResult& result, const DetectionOutputs& outputs,
                                      const data::Dataset& dataset,
                                      const std::vector<std::optional<Grid>>& grids) {
  const data::DetectionSpec& spec = outputs.spec;
  const std::vector<float> boxes = values_of(result, outputs.boxes, grids);
  const std::vector<float> scores = values_of(result, outputs.scores, grids);
  std::size_t count = boxes.size() / 4;
  if (boxes.size() % 4 != 0 || count == 0 || scores.size() % count != 0 || scores.empty()) {
    complain(boxes.size(), scores.size());
  }
  const std::size_t each = scores.size() / count;  // scores of a box
  std::vector<float> classes;
  if (outputs.classes) classes = values_of(result, *outputs.classes, grids);
  if (outputs.classes && (classes.size() != count || each != 1)) {
    complain(boxes.size(), scores.size());
  }
  if (outputs.count) {
    const float given = values_of(result, *outputs.count, grids)[0];
    // A NaN counts as none.
    count = given > 0 ? std::size_t(std::min(double(given), double(count))) : 0;
  }
  std::pair<double, double> extent{1, 1};
  if (spec.pixels) extent = extent_of(dataset);
  std::vector<FoundBox> found;
  for (std::size_t i = 0; i < count; ++i) {
    Box box = box_of(boxes.data() + 4 * i, spec);
    box = {box.left / extent.second, box.top / extent.first, box.right / extent.second,
           box.bottom / extent.first};
    for (std::size_t c = 0; c < each; ++c) {
      const float score = scores[i * each + c];
      // What is no class number is no detection.
      if (!classes.empty() && !(std::abs(classes[i]) <= largest_class)) continue;
      const auto label = classes.empty() ? std::int32_t(c) : std::int32_t(std::lround(classes[i]));
      if (!(score >= float(spec.score)) || label == spec.background) continue;
      found.push_back({box, label, score});
    }
  }
  std::ranges::stable_sort(found, std::ranges::greater(), &FoundBox::score);
  if (found.size() > most_found) found.resize(most_found);
  if (spec.overlap) suppress(found, *spec.overlap);
  return found;
}

}  // namespace strata::eval
