#include "strata/kernels/layout.hpp"

#include <fmt/core.h>

namespace strata::kernels {

std::int64_t stored_elements(const Layout& layout, std::span<const std::int64_t> dims) {
  std::int64_t elements = 1;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const bool blocked = !layout.is_plain() && int(axis) == layout.blocked_axis;
    const std::int64_t unit = blocked ? layout.block : 1;
    elements *= (dims[axis] + unit - 1) / unit * unit;
  }
  return elements;
}

std::string to_string(const Layout& layout) {
  if (layout.is_plain()) return "plain";
  if (layout == channels_last_layout) return "nhwc";
  if (layout == channel_blocked_layout(layout.block)) return fmt::format("nchw{}c", layout.block);
  std::string text = "(";
  for (int i = 0; i < layout.rank; ++i) {
    text += fmt::format("{}{}", i > 0 ? "," : "", layout.order[std::size_t(i)]);
  }
  text += ")";
  if (layout.blocked_axis >= 0) {
    text += fmt::format(" axis {} in blocks of {}", layout.blocked_axis, layout.block);
  }
  return text;
}

}  // namespace strata::kernels
