#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/tensor/tensor.hpp"

namespace strata {

struct Encoding;

/// A constant as it lies in memory: logical type and shape, and the encoding with its parts
/// (codes, scales, ...; what each part is, the encoding's file says). Parts of files may be
/// misaligned.
struct EncodedTensor {
  const Encoding* encoding = nullptr;
  DType dtype = DType::f32;  // of the decoded elements
  Shape shape;               // of the decoded tensor
  int axis = 0;              // channel axis, for encodings that have one
  std::vector<Tensor> parts;

  EncodedTensor() = default;
  /// Dense storage of `tensor` as it is; shares its bytes.
  EncodedTensor(Tensor tensor);  // NOLINT: every tensor is its own dense encoding

  bool is_dense() const;
  /// The elements, aligned; shares the bytes if dense and aligned, else computes them.
  Tensor decode() const;
  /// Exactly what the parts occupy.
  std::int64_t size_bytes() const;
};

/// One way to store numbers. Rows of a constant table; see encodings/.
struct Encoding {
  std::string_view name;     ///< "dense", "f16", "i8_tensor", "i8_channel"
  std::string_view summary;  ///< one line for --help and reports
  /// Float tensors only, unless dense. `axis`: output channels. Throws unsupported with a reason.
  EncodedTensor (*encode)(const Tensor& tensor, int axis);
  Tensor (*decode)(const EncodedTensor& encoded);
};

/// Every encoding, dense first. The only list (encodings/encodings.def).
std::span<const Encoding* const> all_encodings();
/// By name; throws usage listing the names.
const Encoding& find_encoding(std::string_view name);

// dense_encoding, f16_encoding, ...; the list says what their parts are.
#define STRATA_ENCODING(name) extern const Encoding name##_encoding;
#include "strata/tensor/encodings/encodings.def"
#undef STRATA_ENCODING

}  // namespace strata
