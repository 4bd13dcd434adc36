#pragma once

#include <optional>

#include "strata/tensor/encoding.hpp"

namespace strata::formats::onnx {

/// How ONNX stores an f32 constant in fewer bits: `codes` decoded by a Cast (no scales), or by a
/// DequantizeLinear.
struct Stored {
  int opset = 13;      ///< the first that has it
  Tensor codes;        ///< shape of the constant, or the matrix that has its blocks along an axis
  Tensor scales;       ///< f32; absent: Cast
  Tensor zero_points;  ///< of the codes' type; absent: zero
  std::int64_t axis = 1;
  std::int64_t block = 0;  ///< of `block` codes along `axis`; 0: none
  bool per_tensor() const { return block == 0 && scales.shape().rank() == 0; }
};

/// Puts an axis of extent 1 before the others, so that a Reshape has to take it away.
void add_leading_axis(Stored& form);

/// Nothing where ONNX cannot say it: the constant is written decoded.
std::optional<Stored> stored(const EncodedTensor& constant);
/// The first opset that has it, without making it.
std::optional<int> stored_opset(const EncodedTensor& constant);

}  // namespace strata::formats::onnx
