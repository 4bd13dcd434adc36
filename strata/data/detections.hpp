#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace strata::data {

/// How four numbers say where a box is; x to the right, y down.
enum class BoxForm { yxyx, xyxy, xywh, cxcywh };

/// The `[detections]` section of docs/data.md: what a detector's outputs mean.
struct DetectionSpec {
  std::optional<std::string> boxes, scores, classes, count;  ///< names of outputs
  BoxForm form = BoxForm::yxyx;
  bool pixels = false;  ///< boxes in pixels of the model's input, else as fractions of it
  std::optional<std::int64_t> background;  ///< a class that is none, in scores for each class
  double score = 0;                        ///< boxes below are left out
  std::optional<double> overlap;  ///< of boxes of a class that overlap more, the best one stays
};

}  // namespace strata::data
