#pragma once

#include <optional>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// A convolution or matrix product seen as y[n, c, ...] = sum(weight * x) + bias[c], c along
/// axis 1.
struct Linear {
  std::int64_t channels = 0;
  std::vector<double> bias;       ///< [channels], times Gemm's beta; zeros if there is none
  bool dense_weight = false;      ///< a constant float tensor that may be scaled per channel
  std::int64_t inner = 1;         ///< elements of the weight from one channel to the next
  std::int64_t group_size = 0;    ///< channels of one group: `channels`, but for ConvTranspose
  std::int64_t group_stride = 1;  ///< elements of the weight that one group has
  /// Channel of an element of the weight, by its row-major index.
  std::size_t channel_of(std::int64_t element) const {
    return std::size_t(element / group_stride * group_size + element / inner % group_size);
  }
};
/// Nothing for other ops, non-constant or encoded biases, and biases that are not per channel.
std::optional<Linear> read_linear(const Graph& graph, const Node& node);

/// Elements of a dense float constant that broadcasts along all axes but `axis` of a value of
/// this rank, one for each channel; nothing for anything else.
std::optional<std::vector<double>> channel_constant(const Graph& graph, ValueId id, int rank,
                                                    int axis, std::int64_t channels);

/// element = f(index, element) for all elements of a float tensor, in double precision.
template <class F>
void for_float_elements(Tensor& tensor, F&& f) {
  const auto each = [&]<class T>(std::span<T> elements) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double result = f(i, double(elements[i]));
      if constexpr (std::is_floating_point_v<T>) {
        elements[i] = T(result);
      } else {
        elements[i] = T(float(result));
      }
    }
  };
  switch (tensor.dtype()) {
    case DType::f64:
      return each(tensor.mutable_data<double>());
    case DType::f32:
      return each(tensor.mutable_data<float>());
    case DType::f16:
      return each(tensor.mutable_data<Half>());
    case DType::bf16:
      return each(tensor.mutable_data<BFloat16>());
    default:
      STRATA_ASSERT(is_float(tensor.dtype()));
  }
}

}  // namespace strata::ir
