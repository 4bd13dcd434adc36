#include "strata/ir/ops/window.hpp"

#include <algorithm>
#include <limits>

#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

struct AxisAttributes {
  std::int64_t kernel, stride, dilation, pad_begin, pad_end;
  std::int64_t reach() const { return (kernel - 1) * dilation + 1; }
};

AxisAttributes axis_attributes(const Attributes& attributes, std::span<const std::int64_t> kernel,
                               std::size_t axis) {
  const auto pads = integers_view(attributes, "pads");
  const bool padded = text_view(attributes, "auto_pad", "NOTSET") == "NOTSET";
  return {kernel[axis], entry(integers_view(attributes, "strides"), axis, 1),
          entry(integers_view(attributes, "dilations"), axis, 1), padded ? entry(pads, axis, 0) : 0,
          padded ? entry(pads, axis + kernel.size(), 0) : 0};
}

Dim output_extent(const Dim& input, const AxisAttributes& a, std::string_view auto_pad,
                  bool ceil_mode) {
  if (auto_pad.starts_with("SAME")) return Dim::floor_div(input + (a.stride - 1), a.stride);
  const Dim room = input + (a.pad_begin + a.pad_end - a.reach());
  if (room.is_constant() && room.constant() < 0) {
    fail(ErrorCode::model,
         "a window of {} (kernel {}, dilation {}) does not fit extent {} with pads {} and {}",
         a.reach(), a.kernel, a.dilation, input.constant(), a.pad_begin, a.pad_end);
  }
  if (!ceil_mode) return Dim::floor_div(room, a.stride) + 1;
  const Dim rounded_up = Dim::floor_div(room + (a.stride - 1), a.stride) + 1;
  const Dim starting_inside = Dim::floor_div(input + (a.pad_begin - 1), a.stride) + 1;
  return Dim::min(rounded_up, starting_inside);
}

}  // namespace

void expect_spatial_list(const Attributes& attributes, std::string_view name, std::size_t count,
                         std::int64_t low) {
  if (!attributes.has(name)) return;
  const auto list = integers_view(attributes, name);
  expect_count(name, list.size(), count);
  for (const std::int64_t value : list) {
    expect_between(name, value, low, std::numeric_limits<std::int32_t>::max());
  }
}

int expect_image(const InferContext& context, int i, std::string_view what) {
  const int rank = rank_of(context, i);
  if (rank < 3 || rank > 2 + max_spatial) {
    fail(ErrorCode::model, "{} has rank {}; accepted: 3 to {} (N, C and spatial axes)", what, rank,
         2 + max_spatial);
  }
  return rank - 2;
}

std::vector<Dim> infer_window(const InferContext& context, std::span<const std::int64_t> kernel,
                              bool ceil_mode) {
  const Attributes& attributes = context.attributes();
  const std::size_t spatial = context.input(0).shape.size() - 2;
  expect_count("kernel", kernel.size(), spatial);
  for (const std::int64_t k : kernel) {
    expect_between("kernel extent", k, 1, std::numeric_limits<std::int32_t>::max());
  }
  expect_spatial_list(attributes, "strides", spatial, 1);
  expect_spatial_list(attributes, "dilations", spatial, 1);
  expect_spatial_list(attributes, "pads", 2 * spatial, 0);
  expect_word(attributes, "auto_pad", "NOTSET", auto_pads);
  const std::string_view auto_pad = text_view(attributes, "auto_pad", "NOTSET");
  std::vector<Dim> extents;
  for (std::size_t i = 0; i < spatial; ++i) {
    extents.push_back(output_extent(context.input(0).shape[i + 2],
                                    axis_attributes(attributes, kernel, i), auto_pad, ceil_mode));
  }
  return extents;
}

Window resolve_window(const Attributes& attributes, const Shape& input, const Shape& output,
                      std::span<const std::int64_t> kernel) {
  const std::string_view auto_pad = text_view(attributes, "auto_pad", "NOTSET");
  Window window;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const AxisAttributes a = axis_attributes(attributes, kernel, i);
    WindowAxis& axis = window[std::size_t(max_spatial) - kernel.size() + i];
    axis = {input[int(i) + 2], output[int(i) + 2], a.kernel, a.stride,
            a.dilation,        a.pad_begin,        a.pad_end};
    if (auto_pad.starts_with("SAME")) {
      const std::int64_t total =
          std::max<std::int64_t>(0, (axis.output - 1) * axis.stride + a.reach() - axis.input);
      axis.pad_begin = auto_pad == "SAME_LOWER" ? total - total / 2 : total / 2;
      axis.pad_end = total - axis.pad_begin;
    }
  }
  return window;
}

}  // namespace strata::ir
