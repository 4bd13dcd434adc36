// What turns the outputs of a single-shot detector into boxes: TFLite_Detection_PostProcess.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

// boxes are [1, N, 4 or more] as offsets (y, x, h, w) from anchors [N, 4] (centre y, x, h, w),
// scores [1, N, classes], perhaps with background classes in front.
enum { boxes_at, scores_at, anchors_at };

std::int64_t positive(const Attributes& attributes, std::string_view name, std::int64_t fallback) {
  const std::int64_t value = attributes.integer(name, fallback);
  expect_between(name, value, 1, 1 << 16);
  return value;
}

void expect_scale(const Attributes& attributes, std::string_view name) {
  const float scale = attributes.real(name, 1);
  if (scale > 0 && std::isfinite(scale)) return;
  fail(ErrorCode::model, "{} is {}; accepted: positive and finite", name, scale);
}

void infer(InferContext& context) {
  const Attributes& attributes = context.attributes();
  const std::int64_t detections = positive(attributes, "max_detections", 10);
  const std::int64_t each = positive(attributes, "max_classes_per_detection", 1);
  const std::int64_t classes = positive(attributes, "num_classes", 1);
  positive(attributes, "detections_per_class", 100);
  for (const std::string_view name : {"h_scale", "w_scale", "x_scale", "y_scale"}) {
    expect_scale(attributes, name);
  }
  for (const int i : {int(boxes_at), int(scores_at), int(anchors_at)}) {
    expect_dtype(context, i,
                 i == boxes_at    ? "boxes"
                 : i == scores_at ? "scores"
                                  : "anchors",
                 DType::f32);
  }
  context.expect_rank(boxes_at, "boxes", 3);
  context.expect_rank(scores_at, "scores", 3);
  context.expect_rank(anchors_at, "anchors", 2);
  const SymbolicShape& boxes = context.input(boxes_at).shape;
  const SymbolicShape& scores = context.input(scores_at).shape;
  const SymbolicShape& anchors = context.input(anchors_at).shape;
  expect_extent("batch of boxes", boxes[0], 1);
  expect_extent("batch of scores", scores[0], 1);
  const std::int64_t count = expect_known("number of boxes", boxes[1]);
  expect_between("number of boxes", count, 1, 1 << 24);
  expect_between("numbers of a box", expect_known("numbers of a box", boxes[2]), 4, 1 << 16);
  expect_extent("number of scores", scores[1], count);
  expect_between("classes of scores", expect_known("classes of scores", scores[2]), classes,
                 1 << 16);
  expect_extent("number of anchors", anchors[0], count);
  expect_extent("numbers of an anchor", anchors[1], 4);
  const std::int64_t most = detections * each;
  context.set_output(0, {DType::f32, {1, most, 4}});
  context.set_output(1, {DType::f32, {1, most}});
  context.set_output(2, {DType::f32, {1, most}});
  context.set_output(3, {DType::f32, {1}});
}

struct Box {
  float top, left, bottom, right;
  float area() const { return (bottom - top) * (right - left); }
};

float overlap(const Box& a, const Box& b) {
  if (a.area() <= 0 || b.area() <= 0) return 0;
  const float height = std::max(std::min(a.bottom, b.bottom) - std::max(a.top, b.top), 0.0f);
  const float width = std::max(std::min(a.right, b.right) - std::max(a.left, b.left), 0.0f);
  const float common = height * width;
  return common / (a.area() + b.area() - common);
}

/// The places of the `count` largest values, in order; equal ones by place.
void largest_first(const float* values, std::int64_t size, std::int64_t count,
                   std::int32_t* places) {
  std::iota(places, places + size, 0);
  std::partial_sort(places, places + count, places + size, [&](std::int32_t a, std::int32_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
}

/// Sizes of a node and its memory, which begins at `scratch`.
struct Detector {
  std::int64_t boxes, all_classes, classes, offset, detections, places, each, per_class;
  float score_threshold, overlap_threshold;
  const float* scores;
  Box* decoded;             // (boxes)
  float* kept_scores;       // (boxes)
  float* of_class;          // (boxes)
  std::int32_t* kept;       // (boxes)
  std::int32_t* order;      // (boxes + detections)
  std::int32_t* selected;   // (boxes)
  std::int32_t* by_class;   // (all classes): classes of one box
  std::int64_t* found;      // (boxes + detections): box * classes + class
  float* found_scores;      // (boxes + detections)
  std::int64_t* was_found;  // (detections)
  float* was_found_scores;  // (detections)
  char* active;             // (boxes)

  explicit Detector(const EvalArgs& args) {
    const Attributes& a = args.attributes();
    boxes = args.inputs[boxes_at].shape()[1];
    all_classes = args.inputs[scores_at].shape()[2];
    classes = a.integer("num_classes", 1);
    offset = all_classes - classes;
    detections = a.integer("max_detections", 10);
    places = a.integer("max_classes_per_detection", 1);
    each = std::min(places, classes);
    per_class = a.integer("detections_per_class", 100);
    score_threshold = a.real("score_threshold", 0);
    overlap_threshold = a.real("iou_threshold", 0.5f);
    scores = args.inputs[scores_at].data<float>().data();
    std::byte* at = args.scratch;
    const auto take = [&]<class T>(T*& array, std::int64_t count) {
      array = reinterpret_cast<T*>(at);
      at += std::size_t(count) * sizeof(T);
    };
    take(found, boxes + detections);  // the widest elements first: all stay aligned
    take(was_found, detections);
    take(decoded, boxes);
    take(kept_scores, boxes);
    take(of_class, boxes);
    take(kept, boxes);
    take(order, boxes + detections);
    take(selected, boxes);
    take(by_class, all_classes);
    take(found_scores, boxes + detections);
    take(was_found_scores, detections);
    take(active, boxes);
    decode(args);
  }

  void decode(const EvalArgs& args) {
    const Attributes& a = args.attributes();
    const double y_scale = a.real("y_scale", 1), x_scale = a.real("x_scale", 1);
    const double h_scale = a.real("h_scale", 1), w_scale = a.real("w_scale", 1);
    const std::int64_t step = args.inputs[boxes_at].shape()[2];
    for (std::int64_t i = 0; i < boxes; ++i) {
      const float* box = args.inputs[boxes_at].data<float>().data() + i * step;
      const float* anchor = args.inputs[anchors_at].data<float>().data() + i * 4;
      const auto y = float(double(box[0]) / y_scale * anchor[2] + anchor[0]);
      const auto x = float(double(box[1]) / x_scale * anchor[3] + anchor[1]);
      const auto half_h = float(0.5 * std::exp(double(box[2]) / h_scale) * anchor[2]);
      const auto half_w = float(0.5 * std::exp(double(box[3]) / w_scale) * anchor[3]);
      decoded[i] = {y - half_h, x - half_w, y + half_h, x + half_w};
    }
  }

  /// Boxes by falling score that overlap no better one by much, into `selected`; returns how many.
  std::int64_t suppress(const float* values, std::int64_t most) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < boxes; ++i) {
      if (!(values[i] >= score_threshold)) continue;
      kept_scores[count] = values[i];
      kept[count++] = std::int32_t(i);
    }
    if (count == 0) return 0;
    largest_first(kept_scores, count, count, order);
    std::fill_n(active, count, 1);
    std::int64_t chosen = 0;
    for (std::int64_t i = 0; i < count && chosen < std::min(count, most); ++i) {
      if (!active[i]) continue;
      const std::int32_t box = kept[order[i]];
      selected[chosen++] = box;
      for (std::int64_t j = i + 1; j < count; ++j) {
        if (active[j] && overlap(decoded[box], decoded[kept[order[j]]]) > overlap_threshold) {
          active[j] = 0;
        }
      }
    }
    return chosen;
  }

  /// Boxes of all classes at once, by their best class.
  std::int64_t detect_fast(const EvalArgs& args) {
    for (std::int64_t i = 0; i < boxes; ++i) {
      const float* row = scores + i * all_classes + offset;
      of_class[i] = *std::max_element(row, row + classes);
    }
    const std::int64_t count = suppress(of_class, detections);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = scores + selected[i] * all_classes + offset;
      largest_first(row, classes, each, by_class);
      for (std::int64_t k = 0; k < each; ++k) {
        put(args, i * places + k, selected[i], by_class[k], row[by_class[k]]);
      }
    }
    return count;
  }

  /// Boxes of each class on their own; the best of all classes remain.
  std::int64_t detect_regular(const EvalArgs& args) {
    std::int64_t total = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      for (std::int64_t i = 0; i < boxes; ++i) of_class[i] = scores[i * all_classes + c + offset];
      const std::int64_t count = suppress(of_class, per_class);
      if (count == 0) continue;
      for (std::int64_t i = 0; i < count; ++i) {
        found[total] = selected[i] * classes + c;
        found_scores[total++] = of_class[selected[i]];
      }
      const std::int64_t remaining = std::min(total, detections);
      largest_first(found_scores, total, remaining, order);
      for (std::int64_t i = 0; i < remaining; ++i) {
        was_found[i] = found[order[i]];
        was_found_scores[i] = found_scores[order[i]];
      }
      std::copy_n(was_found, remaining, found);
      std::copy_n(was_found_scores, remaining, found_scores);
      total = remaining;
    }
    for (std::int64_t i = 0; i < total; ++i) {
      put(args, i, found[i] / classes, found[i] % classes, found_scores[i]);
    }
    return total;
  }

  void put(const EvalArgs& args, std::int64_t at, std::int64_t box, std::int64_t c, float score) {
    const auto write = [&](std::size_t output, std::int64_t i, float value) {
      if (output >= args.outputs.size() || !args.outputs[output].present()) return;
      args.outputs[output].mutable_data<float>()[std::size_t(i)] = value;
    };
    const Box& b = decoded[box];
    write(0, at * 4, b.top);
    write(0, at * 4 + 1, b.left);
    write(0, at * 4 + 2, b.bottom);
    write(0, at * 4 + 3, b.right);
    write(1, at, float(c));
    write(2, at, score);
  }
};

Status reference(const EvalArgs& args) {
  Detector detector(args);
  for (Tensor& output : args.outputs) {
    if (output.present()) std::ranges::fill(output.mutable_data<float>(), 0.0f);
  }
  const bool regular = args.attributes().integer("use_regular_nms", 0) != 0;
  const std::int64_t count = regular ? detector.detect_regular(args) : detector.detect_fast(args);
  if (args.outputs.size() > 3 && args.outputs[3].present()) {
    args.outputs[3].mutable_data<float>()[0] = float(count);
  }
  return {};
}

std::size_t scratch(const CostArgs& args) {
  const auto boxes = std::size_t(args.inputs[boxes_at][1]);
  const auto classes = std::size_t(args.inputs[scores_at][2]);
  const auto detections = std::size_t(args.node.attributes.integer("max_detections", 10));
  return boxes * (sizeof(Box) + 8 + 6 * 4 + 1) + classes * 4 + detections * (2 * 8 + 3 * 4);
}

Cost cost(const CostArgs& args) {
  return {.flops = args.inputs[scores_at].elements() + 20 * args.inputs[boxes_at][1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto make = [](std::string_view name, Attributes attributes) {
    attributes.set("num_classes", std::int64_t(3));
    attributes.set("max_detections", std::int64_t(5));
    attributes.set("score_threshold", 0.2f);
    attributes.set("iou_threshold", 0.4f);
    return OpCase{name, {f32({1, 12, 4}), f32({1, 12, 4}), f32({12, 4})}, std::move(attributes), 4};
  };
  return {make("fast", {{"y_scale", 10.0f}, {"h_scale", 5.0f}}),
          make("two_classes", {{"max_classes_per_detection", std::int64_t(2)}}),
          make("regular", {{"use_regular_nms", std::int64_t(1)}})};
}

constexpr AttributeDef attributes[] = {{"detections_per_class", AttributeKind::integer},
                                       {"h_scale", AttributeKind::real},
                                       {"iou_threshold", AttributeKind::real},
                                       {"max_classes_per_detection", AttributeKind::integer},
                                       {"max_detections", AttributeKind::integer},
                                       {"num_classes", AttributeKind::integer, true},
                                       {"score_threshold", AttributeKind::real},
                                       {"use_regular_nms", AttributeKind::integer},
                                       {"w_scale", AttributeKind::real},
                                       {"x_scale", AttributeKind::real},
                                       {"y_scale", AttributeKind::real}};

}  // namespace

extern const OpDef detection_post_process_op;
constinit const OpDef detection_post_process_op = {.name = "DetectionPostProcess",
                                                   .domain = "strata",
                                                   .inputs = {3, 3},
                                                   .outputs = {1, 4},
                                                   .attributes = attributes,
                                                   .infer = infer,
                                                   .reference = reference,
                                                   .scratch_bytes = scratch,
                                                   .cost = cost,
                                                   .cases = cases};

}  // namespace strata::ir
