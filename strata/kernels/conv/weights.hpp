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

  /// Calls f(read), where read(index) is weight `index` of the row-major (O, C/G, KH, KW); outside
  /// of loops, so that they need not look at the type.
  template <class F>
  void with_values(F&& f) const {
    switch (type_) {
      case WeightType::f32:
        return f([this](std::int64_t i) { return at<float>(codes_, i); });
      case WeightType::f16:
        return f([this](std::int64_t i) { return float(at<Half>(codes_, i)); });
      case WeightType::bf16:
        return f([this](std::int64_t i) { return float(at<BFloat16>(codes_, i)); });
      case WeightType::i8_tensor:
      case WeightType::i8_channel:
        break;
    }
    f([this](std::int64_t i) {
      return float(at<std::int8_t>(codes_, i)) * scale(i / per_channel_);
    });
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
