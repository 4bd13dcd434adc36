#include "strata/formats/tflite/window.hpp"

#include <algorithm>

#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {

void Window::check() const {
  for (std::size_t i = 0; i < 2; ++i) {
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1) {
      fail(ErrorCode::model,
           "a window of {} by {} with strides {}, {} and dilations {}, {}; accepted: above 0",
           kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1]);
    }
  }
}

void Window::pad(schema::Padding padding, std::array<std::int64_t, 2> extent) {
  if (padding == schema::Padding::VALID) return;
  if (padding != schema::Padding::SAME) {
    fail(ErrorCode::model, "padding {}; accepted: 0 (SAME), 1 (VALID)", int(padding));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t steps = (extent[i] + stride[i] - 1) / stride[i];
    const std::int64_t reach = (steps - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(0, reach - extent[i]);
    before[i] = total / 2;
    after[i] = total - total / 2;
  }
}

ir::Attributes Window::attributes(bool with_dilations, bool with_kernel) const {
  using Integers = std::vector<std::int64_t>;
  ir::Attributes result{{"strides", Integers(stride.begin(), stride.end())},
                        {"pads", Integers{before[0], before[1], after[0], after[1]}}};
  if (with_dilations) result.set("dilations", Integers(dilation.begin(), dilation.end()));
  if (with_kernel) result.set("kernel_shape", Integers(kernel.begin(), kernel.end()));
  return result;
}

}  // namespace strata::formats::tflite
