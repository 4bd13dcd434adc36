#include <algorithm>
#include <cstring>

#include "strata/kernels/integer/constants.hpp"
#include "strata/kernels/integer/plan.hpp"

namespace strata::kernels {
namespace {

/// The tap (channel of the group, row, column of the window) that an element of the reduction
/// stands for, or -1: elements fill up words.
std::int64_t tap_at(const IntegerPlan& plan, const IntegerConvProblem& p, int row, int column,
                    std::int64_t element) {
  const std::int64_t channels = p.channels / p.groups;
  if (plan.shape.columns == 1) {  // taps of a row one after the other
    if (element >= plan.group_elements * p.kernel_w) return -1;
    column = int(element / plan.group_elements);
    element %= plan.group_elements;
  }
  if (element >= channels) return -1;
  return (element * p.kernel_h + row) * p.kernel_w + column;
}

/// One output channel's weights into its lane of a panel, element by element of the reduction;
/// returns what is to be added to its sums. All of it is arithmetic modulo 2^32, as the sums are:
///   sum (x - x0)(w - w0) = sum x w - w0 sum x - x0 sum w + n x0 w0.
/// Elements beyond the channels hold w0, so that they drop out of the first two terms together.
std::uint32_t pack_lane(const IntegerPlan& plan, const IntegerConvProblem& p,
                        const IntegerConstants& constants, std::int64_t o, int panel_lanes,
                        std::byte* lane) {
  const bool bytes = plan.word_elements == 4;
  const std::int32_t shift = bytes && !p.w_signed ? 128 : 0;  // u8 weights become i8
  const std::int32_t zero = constants.weight_zero(o) - shift;
  const std::int32_t x_zero = p.x_zero + (p.x_signed ? 128 : 0);
  std::uint32_t sum = 0, taps = 0;
  std::byte* to = lane;
  const IntegerTileShape& s = plan.shape;
  for (int row = 0; row < s.rows; ++row) {
    for (int column = 0; column < s.columns; ++column) {
      for (int element = 0; element < s.words * plan.word_elements; ++element) {
        const std::int64_t tap = tap_at(plan, p, row, column, element);
        const std::int32_t w = tap < 0 ? zero : constants.weight(o, tap) - shift;
        if (tap >= 0) sum += std::uint32_t(w), ++taps;
        const int within = element % plan.word_elements;
        if (bytes) {
          to[within] = std::byte(w);
        } else {
          const auto difference = std::int16_t(w - zero);
          std::memcpy(to + 2 * within, &difference, sizeof difference);
        }
        if (within + 1 == plan.word_elements) to += std::ptrdiff_t(panel_lanes) * 4;
      }
    }
  }
  if (!bytes) return 0;
  return taps * std::uint32_t(x_zero) * std::uint32_t(zero) - std::uint32_t(x_zero) * sum;
}

/// Where the numbers per lane lie: behind the weights, where those are constants.
std::size_t lanes_at(const IntegerPlan& plan) {
  return plan.packs ? 0 : integer_weight_bytes(plan);
}

/// A panel of columns of a matrix (C, O).
struct MatrixPanel {
  const IntegerPlan& plan;
  const IntegerConvProblem& p;
  const std::uint8_t* w;      // at the panel's first column
  const std::int32_t* zeros;  // of the lanes, as bytes i8 have them
  int valid;

  std::int32_t weight(std::int64_t row, int lane) const {
    const std::uint8_t byte = w[row * p.out_channels + lane];
    return p.w_signed ? std::int32_t(std::int8_t(byte)) : std::int32_t(byte) - 128;
  }

  /// The rows from this one on that make a word, for all lanes; adds them to the lanes' sums. Rows
  /// beyond the last hold the zero points.
  void pack(std::int64_t row, std::uint8_t* to, std::uint32_t* sums) const {
    for (int i = 0; i < plan.word_elements; ++i) {
      const bool exists = row + i < p.channels;
      for (int lane = 0; lane < valid; ++lane) {
        const std::int32_t code = exists ? weight(row + i, lane) : zeros[lane];
        if (exists) sums[lane] += std::uint32_t(code);
        if (plan.word_elements == 4) {
          to[4 * lane + i] = std::uint8_t(code);
        } else {
          const auto difference = std::int16_t(code - zeros[lane]);
          std::memcpy(to + 4 * lane + 2 * i, &difference, sizeof difference);
        }
      }
    }
  }
};

}  // namespace

void pack_integer_panels(const IntegerPlan& plan, const IntegerConvProblem& p,
                         const std::uint8_t* w, const std::byte* packed, std::byte* to,
                         std::int64_t begin, std::int64_t end) noexcept {
  constexpr int most_lanes = 32;
  const auto* of_lanes = reinterpret_cast<const std::int32_t*>(packed);
  const std::uint32_t x_zero = std::uint32_t(p.x_zero + (p.x_signed ? 128 : 0));
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t matrix = u / plan.panels, panel = u % plan.panels;
    const std::int64_t first = panel * 2 * plan.lanes;
    const int lanes = (panel + 1 < plan.panels ? 2 : plan.last_vectors) * plan.lanes;
    const std::int32_t* zeros = of_lanes + 3 * plan.lane_count + first;
    const MatrixPanel source{plan, p, w + matrix * p.channels * p.out_channels + first, zeros,
                             int(std::min<std::int64_t>(lanes, p.out_channels - first))};
    auto* weights = reinterpret_cast<std::uint8_t*>(to + std::size_t(matrix) * plan.matrix_bytes);
    auto* bias = reinterpret_cast<std::uint32_t*>(weights + integer_weight_bytes(plan)) + first;
    std::uint32_t sums[most_lanes] = {};
    std::uint8_t* at = weights + first * plan.reduction * 4;
    std::memset(at, 0, std::size_t(lanes) * std::size_t(plan.reduction) * 4);
    for (int word = 0; word < plan.reduction; ++word, at += 4 * lanes) {
      source.pack(std::int64_t(word) * plan.word_elements, at, sums);
    }
    for (int lane = 0; lane < lanes; ++lane) {
      bias[lane] = std::uint32_t(of_lanes[first + lane]);
      if (plan.word_elements != 4) continue;
      bias[lane] += std::uint32_t(p.channels) * x_zero * std::uint32_t(zeros[lane]);
      bias[lane] -= x_zero * sums[lane];
    }
  }
}

std::size_t integer_weight_bytes(const IntegerPlan& plan) {
  return (std::size_t(plan.lane_count) * std::size_t(plan.reduction) * 4 + 63) / 64 * 64;
}

std::size_t integer_packed_bytes(const IntegerPlan& plan) {
  return lanes_at(plan) + 4 * std::size_t(plan.lane_count) * 4;
}

void pack_integer(const IntegerPlan& plan, const IntegerConvProblem& p, const Constants& constants,
                  std::byte* packed) {
  const IntegerConstants reader(p, constants);
  std::memset(packed, 0, integer_packed_bytes(plan));
  std::byte* panel = packed;
  auto* bias = reinterpret_cast<std::uint32_t*>(packed + lanes_at(plan));
  auto* first_word = reinterpret_cast<std::int32_t*>(bias + plan.lane_count);
  auto* second_word = first_word + plan.lane_count;
  auto* zero = second_word + plan.lane_count;
  const bool rescaled = p.output != IntegerConvProblem::Output::i32;
  const std::int32_t shift = p.w_signed ? 0 : 128;
  const std::int64_t channels = p.out_channels / plan.groups;
  for (std::int64_t i = 0; i < plan.groups * plan.panels; ++i) {
    const std::int64_t first = i % plan.panels * 2 * plan.lanes;
    const int vectors = i % plan.panels + 1 < plan.panels ? 2 : plan.last_vectors;
    const int lanes = vectors * plan.lanes;
    for (std::int64_t lane = 0; lane < std::min<std::int64_t>(lanes, channels - first); ++lane) {
      const std::int64_t o = i / plan.panels * channels + first + lane;
      if (p.constant_weights) {
        bias[lane] = pack_lane(plan, p, reader, o, lanes, panel + lane * 4);
      }
      bias[lane] += std::uint32_t(reader.bias(o));
      if (rescaled) {
        const IntegerRuleOf rule = integer_rule(reader.rescale(o));
        first_word[lane] = rule.first;
        second_word[lane] = rule.second;
      }
      zero[lane] = reader.weight_zero(o) - shift;
    }
    if (p.constant_weights) panel += std::size_t(lanes) * std::size_t(plan.reduction) * 4;
    bias += lanes;
    first_word += lanes;
    second_word += lanes;
    zero += lanes;
  }
}

}  // namespace strata::kernels
