#pragma once

#include <optional>
#include <vector>

#include "strata/data/boxes.hpp"
#include "strata/data/detections.hpp"
#include "strata/eval/item_run.hpp"
#include "strata/tensor/grid.hpp"

namespace strata::eval {

/// Which outputs of a detector say what.
struct DetectionOutputs {
  std::size_t boxes = 0, scores = 0;
  std::optional<std::size_t> classes, count;
  data::DetectionSpec spec;
};

/// As the data set's [detections] names them; without names, four outputs are boxes, classes,
/// scores and count, and of others the names tell. Throws usage where they do not.
DetectionOutputs find_detection_outputs(const ItemRun& run);

/// The boxes of one item, as fractions of it: [n,4] with a score and a class each, or with scores
/// [n,classes] for each. Throws usage for outputs of other shapes.
std::vector<data::FoundBox> read_detections(const ItemResult& result,
                                            const DetectionOutputs& outputs,
                                            const data::Dataset& dataset,
                                            const std::vector<std::optional<Grid>>& grids);

}  // namespace strata::eval
