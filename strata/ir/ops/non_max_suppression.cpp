#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { boxes, scores, most, overlap, threshold };

using Selected = std::array<std::int64_t, 3>;  // batch, class, box

/// Corners in ascending order.
struct Box {
  double y0, x0, y1, x1;
  double area() const { return (y1 - y0) * (x1 - x0); }
};

Box box_at(const Tensor& tensor, std::int64_t i, bool centered) {
  double v[4];
  load(tensor, i * 4, 1, 4, v);
  if (centered) {
    return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  }
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

double intersection_over_union(const Box& a, const Box& b) {
  const double height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  const double width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  if (!(height > 0) || !(width > 0)) return 0;
  const double common = height * width;
  const double all = a.area() + b.area() - common;
  return all > 0 ? common / all : 0;
}

/// Greedy, by falling score; of equal scores the earlier box first.
class Selection {
 public:
  Selection(const Attributes& attributes, std::span<const Tensor> inputs)
      : inputs_(inputs), centered_(attributes.integer("center_point_box", 0) != 0) {
    most_ = given(most) ? index_at(inputs[most], 0) : 0;
    if (given(overlap)) overlap_ = load_one<double>(inputs[overlap], 0);
    if (given(threshold)) threshold_ = load_one<double>(inputs[threshold], 0);
  }

  std::vector<Selected> select() const {
    const Shape& shape = inputs_[scores].shape();
    std::vector<Selected> selected;
    for (std::int64_t batch = 0; batch < shape[0]; ++batch) {
      for (std::int64_t cls = 0; cls < shape[1]; ++cls) select(batch, cls, selected);
    }
    return selected;
  }

 private:
  bool given(std::size_t i) const {
    return i < inputs_.size() && inputs_[i].present() && inputs_[i].elements() > 0;
  }

  void select(std::int64_t batch, std::int64_t cls, std::vector<Selected>& selected) const {
    const Shape& shape = inputs_[scores].shape();
    const std::int64_t count = shape[2];
    std::vector<std::pair<double, std::int64_t>> candidates;
    for (std::int64_t i = 0; i < count; ++i) {
      const double score = load_one<double>(inputs_[scores], (batch * shape[1] + cls) * count + i);
      if (score > threshold_ || (!given(threshold) && score == threshold_)) {
        candidates.emplace_back(-score, i);
      }
    }
    std::ranges::sort(candidates);
    std::vector<Box> kept;
    for (const auto& [score, i] : candidates) {
      if (std::int64_t(kept.size()) >= most_) return;
      const Box box = box_at(inputs_[boxes], batch * count + i, centered_);
      const bool suppressed = std::ranges::any_of(
          kept, [&](const Box& other) { return intersection_over_union(box, other) > overlap_; });
      if (suppressed) continue;
      kept.push_back(box);
      selected.push_back({batch, cls, i});
    }
  }

  std::span<const Tensor> inputs_;
  bool centered_;
  std::int64_t most_ = 0;
  double overlap_ = 0;
  double threshold_ = -std::numeric_limits<double>::infinity();
};

void infer(InferContext& context) {
  expect_float(context, boxes, "boxes");
  expect_float(context, scores, "scores");
  context.expect_rank(boxes, "boxes", 3);
  context.expect_rank(scores, "scores", 3);
  const SymbolicShape& b = context.input(boxes).shape;
  const SymbolicShape& s = context.input(scores).shape;
  expect_extent("last extent of boxes", b[2], 4);
  expect_extent("batches of scores", s[0], b[0]);
  expect_extent("boxes of scores", s[2], b[1]);
  constexpr std::string_view names[] = {"", "", "max_output_boxes_per_class", "iou_threshold",
                                        "score_threshold"};
  for (int i = most; i <= threshold; ++i) {
    if (!context.has_input(i)) continue;
    if (i == most) {
      expect_index(context, i, names[i]);
    } else {
      expect_float(context, i, names[i]);
    }
    if (rank_of(context, i) > 1) context.expect_rank(i, names[i], 0);
  }
  Dim count = 0;
  if (context.running()) {
    std::vector<Tensor> operands;
    for (int i = 0; i < context.inputs(); ++i) {
      operands.push_back(context.has_input(i) ? *context.constant(i) : Tensor());
    }
    count = std::int64_t(Selection(context.attributes(), operands).select().size());
  } else {
    count = context.open_extent(0, 0);
  }
  context.set_output(0, {DType::i64, {count, 3}});
}

// Allocates: its sizes are known only when its work is done.
Status reference(const EvalArgs& args) {
  const auto y = args.outputs[0].mutable_data<std::int64_t>();
  auto to = y.begin();
  for (const Selected& selected : Selection(args.attributes(), args.inputs).select()) {
    if (y.end() - to < 3) break;
    to = std::ranges::copy(selected, to).out;
  }
  return {};
}

Cost cost(const CostArgs& args) {
  return {.flops = args.inputs[scores].elements() * args.inputs[boxes][1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  const OpCase::Input six =
      values<float>({1, 6, 4}, {0, 0,  1, 1,  0, 0.1f,  1, 1.1f,  0, -0.1f, 1, 0.9f,
                                0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100,   1, 101});
  const OpCase::Input marks = values<float>({1, 1, 6}, {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f});
  return {{"three", {six, marks, i64({3}), scalar(0.5f), scalar(0.0f)}},
          {"threshold", {six, marks, i64({3}), scalar(0.5f), scalar(0.4f)}},
          {"no_limit_means_none", {six, marks}},
          {"open", {f32({2, 5, 4}), f32({2, 3, 5}), i64({2}), scalar(0.3f)}}};
}

constexpr AttributeDef attributes[] = {{"center_point_box", AttributeKind::integer}};

}  // namespace

extern const OpDef non_max_suppression_op;
constinit const OpDef non_max_suppression_op = {.name = "NonMaxSuppression",
                                                .inputs = {2, 5},
                                                .attributes = attributes,
                                                .infer = infer,
                                                .reference = reference,
                                                .cost = cost,
                                                .cases = cases};

}  // namespace strata::ir
