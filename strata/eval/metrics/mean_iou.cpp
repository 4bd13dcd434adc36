#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/data/bootstrap.hpp"
#include "strata/data/masks.hpp"
#include "strata/eval/metric.hpp"

namespace strata::eval {
namespace {

constexpr int resamples = 1000;
constexpr std::size_t most_classes = 256;

/// Pixels of a class in one item.
struct ClassPixels {
  std::size_t label = 0;
  std::int64_t both = 0;    // in the mask and in the prediction
  std::int64_t either = 0;  // in one of them
};

struct ItemPixels {
  std::vector<ClassPixels> classes;  // that occur
  std::int64_t right = 0, counted = 0;
};

/// A class for each pixel.
struct ClassMap {
  std::int64_t height = 0, width = 0;
  std::vector<std::int32_t> labels;
};

/// A class as a float; -1 for what is none.
std::int32_t nearest_class(float value) {
  return value >= -0.5f && value < float(most_classes) ? std::int32_t(std::lround(value)) : -1;
}

/// From [height,width] of classes, or scores with an axis of classes where the items have their
/// channels; an axis of one is classes already.
ClassMap class_map(const Tensor& output, std::span<const float> values, data::ImageLayout layout) {
  const Shape& shape = output.shape();
  const bool bare = shape.rank() == 2;
  if (!bare && shape.rank() != 3) {
    fail(ErrorCode::usage,
         "the output is {} for each item; a class for each pixel, or scores of classes for each "
         "pixel, expected",
         to_string(shape));
  }
  const bool planes = layout == data::ImageLayout::nchw;
  const std::int64_t classes = bare ? 1 : shape[planes ? 0 : 2];
  ClassMap map{shape[planes && !bare ? 1 : 0], shape[planes && !bare ? 2 : 1], {}};
  const std::int64_t area = map.height * map.width;
  std::vector<float> scores(static_cast<std::size_t>(classes));
  for (std::int64_t i = 0; i < area; ++i) {
    for (std::int64_t c = 0; c < classes; ++c) {
      scores[std::size_t(c)] = values[std::size_t(planes ? c * area + i : i * classes + c)];
    }
    map.labels.push_back(classes == 1 ? nearest_class(scores[0]) : data::argmax(scores));
  }
  return map;
}

ItemPixels compare(const ClassMap& map, const data::Image& mask) {
  std::array<std::int64_t, most_classes> both{}, either{};
  ItemPixels item;
  std::size_t at = 0;
  for (std::int64_t y = 0; y < mask.height; ++y) {
    // The pixel of the map whose centre is nearest, where it is smaller or larger.
    const std::int64_t row = (2 * y + 1) * map.height / (2 * mask.height);
    for (std::int64_t x = 0; x < mask.width; ++x) {
      const std::size_t truth = mask.pixels[at++];
      if (truth == data::ignored_pixel) continue;
      const std::int64_t column = (2 * x + 1) * map.width / (2 * mask.width);
      const std::int32_t said = map.labels[std::size_t(row * map.width + column)];
      ++item.counted;
      ++either[truth];
      if (said == std::int32_t(truth)) {
        ++both[truth];
        ++item.right;
      } else if (said >= 0 && std::size_t(said) < most_classes) {
        ++either[std::size_t(said)];
      }
    }
  }
  for (std::size_t c = 0; c < most_classes; ++c) {
    if (either[c]) item.classes.push_back({c, both[c], either[c]});
  }
  return item;
}

class MeanIou final : public Metric {
 public:
  explicit MeanIou(const MetricInputs& inputs)
      : inputs_(inputs),
        masks_(data::Masks::open(inputs.run.dataset(), inputs.truth)),
        items_(inputs.indices.size()) {}

  void judge(const ItemResult& result) override {
    const ClassMap map = class_map(result.output(inputs_.output), result.values(inputs_.output),
                                   inputs_.run.dataset().layout());
    items_[result.position] = compare(map, masks_.read(result.item));
  }

  std::vector<Figure> figures(std::size_t finished) const override {
    const std::vector<std::uint32_t> once(finished, 1);
    std::int64_t classes = 0, right = 0, counted = 0;
    const double mean = mean_iou(once, &classes);
    for (std::size_t i = 0; i < finished; ++i) {
      right += items_[i].right;
      counted += items_[i].counted;
    }
    std::optional<data::Interval> interval;
    if (finished > 1) {
      interval = data::bootstrap(finished, resamples,
                                 [&](auto times) { return mean_iou(times, nullptr); });
    }
    return {{.key = "miou",
             .label = "mean IoU",
             .value = mean,
             .interval = interval,
             .basis = fmt::format("{} pictures, {} classes", finished, classes),
             .counted = {}},
            {.key = "pixels",
             .label = "pixels right",
             .value = counted ? double(right) / double(counted) : 0,
             .interval = {},
             .basis = fmt::format("{} of {}", right, counted),
             .counted = {}}};
  }

 private:
  double mean_iou(std::span<const std::uint32_t> times, std::int64_t* classes) const {
    std::array<double, most_classes> both{}, either{};
    for (std::size_t i = 0; i < times.size(); ++i) {
      for (const ClassPixels& pixels : items_[i].classes) {
        both[pixels.label] += double(times[i]) * double(pixels.both);
        either[pixels.label] += double(times[i]) * double(pixels.either);
      }
    }
    double sum = 0;
    std::int64_t occur = 0;
    for (std::size_t c = 0; c < most_classes; ++c) {
      if (either[c] == 0) continue;
      ++occur;
      sum += both[c] / either[c];
    }
    if (classes) *classes = occur;
    return occur ? sum / double(occur) : 0;
  }

  const MetricInputs& inputs_;
  data::Masks masks_;
  std::vector<ItemPixels> items_;
};

std::unique_ptr<Metric> make(const MetricInputs& inputs) {
  return std::make_unique<MeanIou>(inputs);
}

}  // namespace

extern const MetricDef mean_iou_metric;
constinit const MetricDef mean_iou_metric = {
    "miou",
    "segmentation: pixels of a class in mask and prediction over those in either, averaged over "
    "the classes that occur",
    make};

}  // namespace strata::eval
