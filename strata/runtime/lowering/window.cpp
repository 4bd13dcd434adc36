#include "strata/runtime/lowering/window.hpp"

#include <algorithm>

namespace strata::runtime {

WindowAxis window_axis(const ir::Attributes& attributes, int axis, int spatial_rank,
                       std::int64_t extent, std::int64_t kernel, std::int64_t out_extent) {
  const auto at = [&](std::string_view name, int i, std::int64_t fallback) {
    const auto values = attributes.integers(name);
    return values.empty() ? fallback : values[std::size_t(i)];
  };
  WindowAxis window;
  window.stride = at("strides", axis, 1);
  window.dilation = at("dilations", axis, 1);
  const std::string auto_pad = attributes.string("auto_pad", "NOTSET");
  if (auto_pad == "NOTSET") {
    window.pad_begin = at("pads", axis, 0);
    window.pad_end = at("pads", axis + spatial_rank, 0);
  } else if (auto_pad != "VALID") {
    const std::int64_t reach = (kernel - 1) * window.dilation + 1;
    const std::int64_t total =
        std::max<std::int64_t>(0, (out_extent - 1) * window.stride + reach - extent);
    window.pad_begin = auto_pad == "SAME_UPPER" ? total / 2 : (total + 1) / 2;
    window.pad_end = total - window.pad_begin;
  }
  return window;
}

}  // namespace strata::runtime
