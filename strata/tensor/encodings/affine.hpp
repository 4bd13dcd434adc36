#pragma once

#include <span>

#include "strata/tensor/encoding.hpp"

namespace strata {

/// How an affine encoding stores its elements: element = (code - zero point) * scale.
struct AffineFormat {
  int bits = 8;
  /// Codes of two's complement in [-(2^(bits-1) - 1), 2^(bits-1) - 1] and no zero points; else
  /// codes from 0 on with a zero point beside each scale.
  bool symmetric = true;
  /// Which elements share a scale: all, those of a channel, or `group` neighbours in a channel (the
  /// last group of a channel may be shorter; of a vector, neighbours).
  enum class Sharing { tensor, channel, group } sharing = Sharing::tensor;
  int group = 0;
};

/// Null for encodings of another family.
const AffineFormat* affine_format(const Encoding& encoding);
/// The encoding of that format; null if there is none.
const Encoding* find_affine(const AffineFormat& format);
/// Of the scales, and of the zero points: [], [channels] or [channels, groups].
Shape affine_scale_shape(const AffineFormat& format, const Shape& shape, int axis);

/// The codes of an affine tensor in its shape, one in a byte: i8, u8, i4, u4, i2 or u2 where the
/// bits are as many, else i8 or u8.
Tensor affine_codes(const EncodedTensor& encoded);

/// Puts together what affine_codes and the other parts say; codes of i8 or u8 are cut to the bits
/// of the encoding. `zero_points` (u8) only if asymmetric. Elements are f32.
EncodedTensor make_affine(const Encoding& encoding, int axis, const Tensor& codes,
                          const Tensor& scales, const Tensor& zero_points = {});

/// The columns of a matrix as rows: files keep scales [groups, channels] too.
Tensor transposed(const Tensor& matrix);

}  // namespace strata
