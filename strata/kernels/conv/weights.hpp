#pragma once

#include <cstring>

#include "strata/kernels/conv/conv.hpp"
#include "strata/tensor/dtype.hpp"

namespace strata::kernels {

/// Reads constant weights of any type as f32. Constants need no alignment.
class WeightReader {
 public:
  WeightReader(const ConvProblem& p, const Constants& constants)
      : type_(p.weights),
        codes_(static_cast<const std::byte*>(constants.data[0])),
        scales_(static_cast<const std::byte*>(constants.data[1])),
        per_channel_(p.channels / p.groups * p.kernel_h * p.kernel_w) {}

  /// Weight `index` of the row-major (O, C/G, KH, KW).
  float operator[](std::int64_t index) const {
    switch (type_) {
      case WeightType::f32:
        return at<float>(codes_, index);
      case WeightType::f16:
        return at<Half>(codes_, index);
      case WeightType::bf16:
        return at<BFloat16>(codes_, index);
      case WeightType::i8_tensor:
      case WeightType::i8_channel:
        break;
    }
    return float(at<std::int8_t>(codes_, index)) * scale(index / per_channel_);
  }

  /// Of output channel `o`; 1 for float weights.
  float scale(std::int64_t o) const {
    if (type_ == WeightType::i8_tensor) return at<float>(scales_, 0);
    return type_ == WeightType::i8_channel ? at<float>(scales_, o) : 1.0f;
  }

  template <class T>
  static T at(const void* data, std::int64_t index) {
    T value;
    std::memcpy(&value, static_cast<const std::byte*>(data) + index * std::int64_t(sizeof(T)),
                sizeof(T));
    return value;
  }

 private:
  WeightType type_;
  const std::byte* codes_;
  const std::byte* scales_;
  std::int64_t per_channel_;
};

}  // namespace strata::kernels
