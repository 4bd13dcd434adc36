#pragma once

#include <cstring>

#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/kernels/integer/tile.hpp"

namespace strata::kernels {

/// Reads the constants of an integer convolution. They need no alignment.
class IntegerConstants {
 public:
  IntegerConstants(const IntegerConvProblem& p, const Constants& constants)
      : p_(p), data_(constants.data), reduction_(p.channels / p.groups * p.kernel_h * p.kernel_w) {}

  /// Weight `tap` (channel of the group, row, column) of output channel o, as stored.
  std::int32_t weight(std::int64_t o, std::int64_t tap) const {
    return byte(0, p_.transposed_weights ? tap * p_.out_channels + o : o * reduction_ + tap);
  }
  std::int32_t weight_zero(std::int64_t o) const {
    return data_[1] ? byte(1, p_.w_zero_per_channel ? o : 0) : 0;
  }
  std::int32_t bias(std::int64_t o) const { return data_[3] ? at<std::int32_t>(3, o) : 0; }
  /// What becomes of an output channel's sums; not for i32 results.
  Rescale rescale(std::int64_t o) const {
    const bool is_signed = p_.output == IntegerConvProblem::Output::i8;
    return rescale_of({.arithmetic = p_.arithmetic,
                       .sum = p_.sum,
                       .type = is_signed ? DType::i8 : DType::u8,
                       .wide = false,
                       .x_scale = at<float>(4, 0),
                       .w_scale = at<float>(2, p_.w_scale_per_channel ? o : 0),
                       .y = {at<float>(5, 0), p_.y_zero},
                       .in_block_of_8 = o < p_.out_channels / 8 * 8});
  }

 private:
  template <class T>
  T at(int constant, std::int64_t i) const {
    T value;
    std::memcpy(&value,
                static_cast<const std::byte*>(data_[constant]) + i * std::int64_t(sizeof(T)),
                sizeof value);
    return value;
  }
  std::int32_t byte(int constant, std::int64_t i) const {
    return p_.w_signed ? std::int32_t(at<std::int8_t>(constant, i))
                       : std::int32_t(at<std::uint8_t>(constant, i));
  }

  const IntegerConvProblem& p_;
  const void* const* data_;
  std::int64_t reduction_;
};

/// The rule of a rescaling, and its words.
struct IntegerRuleOf {
  IntegerRule rule;
  std::int32_t first, second;
};
/// Null rule `sums` for one that kernels do not know.
IntegerRuleOf integer_rule(const Rescale& rescale);

}  // namespace strata::kernels
