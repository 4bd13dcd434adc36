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

}  // namespace

std::size_t integer_weight_bytes(const IntegerPlan& plan) {
  return (std::size_t(plan.lane_count) * std::size_t(plan.reduction) * 4 + 63) / 64 * 64;
}

std::size_t integer_packed_bytes(const IntegerPlan& plan) {
  return integer_weight_bytes(plan) + 4 * std::size_t(plan.lane_count) * 4;
}

void pack_integer(const IntegerPlan& plan, const IntegerConvProblem& p, const Constants& constants,
                  std::byte* packed) {
  const IntegerConstants reader(p, constants);
  std::memset(packed, 0, integer_packed_bytes(plan));
  std::byte* panel = packed;
  auto* bias = reinterpret_cast<std::uint32_t*>(packed + integer_weight_bytes(plan));
  auto* first_word = reinterpret_cast<std::int32_t*>(bias + plan.lane_count);
  auto* second_word = first_word + plan.lane_count;
  auto* zero = second_word + plan.lane_count;
  const bool rescaled = p.output != IntegerConvProblem::Output::i32;
  const std::int32_t shift = p.w_signed ? 0 : 128;
  const std::int64_t channels = p.out_channels / p.groups;
  for (std::int64_t i = 0; i < p.groups * plan.panels; ++i) {
    const std::int64_t first = i % plan.panels * 2 * plan.lanes;
    const int vectors = i % plan.panels + 1 < plan.panels ? 2 : plan.last_vectors;
    const int lanes = vectors * plan.lanes;
    for (std::int64_t lane = 0; lane < std::min<std::int64_t>(lanes, channels - first); ++lane) {
      const std::int64_t o = i / plan.panels * channels + first + lane;
      bias[lane] =
          pack_lane(plan, p, reader, o, lanes, panel + lane * 4) + std::uint32_t(reader.bias(o));
      if (rescaled) {
        const IntegerRuleOf rule = integer_rule(reader.rescale(o));
        first_word[lane] = rule.first;
        second_word[lane] = rule.second;
      }
      zero[lane] = reader.weight_zero(o) - shift;
    }
    panel += std::size_t(lanes) * std::size_t(plan.reduction) * 4;
    bias += lanes;
    first_word += lanes;
    second_word += lanes;
    zero += lanes;
  }
}

}  // namespace strata::kernels
