#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace strata::kernels {

/// How a planned activation buffer orders its elements; shapes stay logical, in ONNX axis order.
/// Axes are stored in `order`, outermost first; `blocked_axis` is then split into blocks of
/// `block`, which become the innermost axis: order (0,1,2,3) with axis 1 in blocks of 16 is
/// NCHW16c. The last block is padded; padding lanes are unspecified and never reach valid ones.
struct Layout {
  std::array<std::uint8_t, 8> order{};
  std::uint8_t rank = 0;  ///< 0: row-major in logical order, whatever the rank
  std::int8_t blocked_axis = -1;
  std::uint8_t block = 1;

  bool is_plain() const { return rank == 0; }
  bool operator==(const Layout&) const = default;
};

constexpr Layout plain_layout{};
/// Rank 4, (N,C,H,W) stored as N,H,W,C.
constexpr Layout channels_last_layout{{0, 2, 3, 1}, 4, -1, 1};
/// Rank 4, NCHW with channels in blocks: NCHW16c, NCHW8c.
constexpr Layout channel_blocked_layout(int block) {
  return {{0, 1, 2, 3}, 4, 1, std::uint8_t(block)};
}

/// Elements the buffer holds, padding lanes included, for logical extents `dims`.
std::int64_t stored_elements(const Layout& layout, std::span<const std::int64_t> dims);
/// "plain", "nhwc", "nchw16c", or the general spelling "(0,2,1,3)".
std::string to_string(const Layout& layout);

}  // namespace strata::kernels
