// Ops that take parts of a tensor, by bounds or by indices.
#include <algorithm>
#include <limits>

#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::int64_t to_the_end = std::numeric_limits<std::int32_t>::max();

/// What STRIDED_SLICE says, entry by entry, told to a Slice and a Reshape.
class StridedSlice {
 public:
  explicit StridedSlice(OperatorContext& context)
      : context_(context),
        options_(context.options<schema::StridedSliceOptions>()),
        shape_(context.shape(0)),
        begin_(context.integers(1, "begin")),
        end_(context.integers(2, "end")),
        stride_(context.integers(3, "strides")) {
    if (end_.size() != begin_.size() || stride_.size() != begin_.size() ||
        begin_.size() > 2 * std::size_t(max_rank)) {
      fail(ErrorCode::model, "begin, end and strides have {}, {} and {} entries", begin_.size(),
           end_.size(), stride_.size());
    }
  }

  void emit() {
    for (std::size_t i = 0; i < begin_.size(); ++i) add(i);
    while (axis_ < shape_.size()) result_.push_back(shape_[axis_++]);
    const ir::ValueId x = context_.input(0);
    const ir::ValueId part =
        axes_.empty()
            ? x
            : context_.node("Slice", {x, context_.integer_list(from_), context_.integer_list(to_),
                                      context_.integer_list(axes_), context_.integer_list(step_)});
    context_.emit("Reshape", {part, context_.integer_list(result_)},
                  {{"allowzero", std::int64_t(1)}});
  }

 private:
  static bool bit(std::int32_t mask, std::size_t i) { return (mask >> i & 1) != 0; }

  void add(std::size_t i) {
    if (bit(options_.ellipsis_mask(), i)) return skip(i);
    if (bit(options_.new_axis_mask(), i)) return result_.push_back(1);
    if (axis_ >= shape_.size()) {
      fail(ErrorCode::model, "it has {} entries for {} dimensions", begin_.size(), shape_.size());
    }
    const std::int64_t extent = shape_[axis_];
    const std::int64_t step = stride_[i];
    if (step == 0) fail(ErrorCode::model, "a stride is 0");
    std::int64_t from = begin_[i];
    std::int64_t to = options_.offset() ? from + end_[i] : end_[i];
    if (bit(options_.shrink_axis_mask(), i)) {
      if (from < -extent || from >= extent) {
        fail(ErrorCode::model, "entry {} of an axis of {}", from, extent);
      }
      if (from < 0) from += extent;
      take(from, from + 1, 1);
      return;
    }
    if (bit(options_.begin_mask(), i)) from = step > 0 ? 0 : to_the_end;
    if (bit(options_.end_mask(), i)) to = step > 0 ? to_the_end : -to_the_end;
    take(from, to, step);
    result_.push_back(count(extent, from, to, step));
  }

  /// The ellipsis stands for as many axes as the other entries leave.
  void skip(std::size_t at) {
    std::size_t others = 0;
    for (std::size_t i = at + 1; i < begin_.size(); ++i) {
      others += bit(options_.new_axis_mask(), i) ? 0 : 1;
    }
    while (axis_ + others < shape_.size()) result_.push_back(shape_[axis_++]);
  }

  void take(std::int64_t from, std::int64_t to, std::int64_t step) {
    axes_.push_back(std::int64_t(axis_++));
    from_.push_back(from);
    to_.push_back(to);
    step_.push_back(step);
  }

  static std::int64_t count(std::int64_t extent, std::int64_t from, std::int64_t to,
                            std::int64_t step) {
    const std::int64_t low = step > 0 ? 0 : -1;
    const std::int64_t high = step > 0 ? extent : extent - 1;
    if (from < 0) from += extent;
    if (to < 0) to += extent;
    from = std::clamp(from, low, std::max(low, high));
    to = std::clamp(to, low, std::max(low, high));
    const std::int64_t distance = step > 0 ? to - from : from - to;
    const std::int64_t pace = step > 0 ? step : -step;
    return distance <= 0 ? 0 : (distance - 1) / pace + 1;
  }

  OperatorContext& context_;
  const schema::StridedSliceOptions& options_;
  std::vector<std::int64_t> shape_, begin_, end_, stride_;
  std::size_t axis_ = 0;
  std::vector<std::int64_t> axes_, from_, to_, step_, result_;
};

}  // namespace

void convert_strided_slice(OperatorContext& context) { StridedSlice(context).emit(); }

void convert_slice(OperatorContext& context) {
  const auto shape = context.shape(0);
  const auto from = context.integers(1, "begin");
  const auto size = context.integers(2, "size");
  if (from.size() != shape.size() || size.size() != shape.size()) {
    fail(ErrorCode::model, "begin and size have {} and {} entries for {} dimensions", from.size(),
         size.size(), shape.size());
  }
  std::vector<std::int64_t> to, axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (from[i] < 0 || from[i] > shape[i] || size[i] < -1 || size[i] > shape[i] - from[i]) {
      fail(ErrorCode::model, "{} entries from {} of an axis of {}", size[i], from[i], shape[i]);
    }
    to.push_back(size[i] == -1 ? shape[i] : from[i] + size[i]);
    axes.push_back(std::int64_t(i));
  }
  context.emit("Slice",
               {context.input(0), context.integer_list(from), context.integer_list(std::move(to)),
                context.integer_list(std::move(axes))});
}

void convert_gather(OperatorContext& context) {
  const auto& options = context.options<schema::GatherOptions>();
  if (options.batch_dims() != 0) {
    fail(ErrorCode::unsupported, "batch_dims {}; accepted: 0", options.batch_dims());
  }
  const std::int64_t axis = context.axis_in(Layout::plain, options.axis(), context.rank(0));
  context.emit("Gather", {context.input(0), context.input(1)}, {{"axis", axis}});
}

void convert_gather_nd(OperatorContext& context) {
  context.emit("GatherND", {context.input(0), context.index_input(1)});
}

void convert_embedding_lookup(OperatorContext& context) {
  context.emit("Gather", {context.input(1), context.input(0)}, {{"axis", std::int64_t(0)}});
}

void convert_top_k(OperatorContext& context) {
  const auto count = context.integers(1, "k");
  if (count.size() != 1) fail(ErrorCode::model, "k has {} elements, expected 1", count.size());
  const auto results = context.builder().multi(
      "TopK", {context.input(0), context.integer_list(count)}, 2, {{"axis", std::int64_t(-1)}});
  if (context.wants_output(0)) context.emit_value(results[0]);
  if (context.wants_output(1)) {
    context.emit("Cast", {results[1]}, {{"to", context.output_type(1)}}, Layout::plain, 1);
  }
}

void convert_one_hot(OperatorContext& context) {
  const ir::ValueId off = context.reshaped(context.input(3), {1});
  const ir::ValueId on = context.reshaped(context.input(2), {1});
  const ir::ValueId values = context.node("Concat", {off, on}, {{"axis", std::int64_t(0)}});
  context.emit("OneHot", {context.input(0), context.reshaped(context.input(1), {}), values},
               {{"axis", std::int64_t(context.options<schema::OneHotOptions>().axis())}});
}

}  // namespace strata::formats::tflite
