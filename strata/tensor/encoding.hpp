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
  /// Throws model unless the parts are those that the encoding's layout says: they may come from a
  /// file. Reads no element.
  void check() const;
  /// The elements, aligned; shares the bytes if dense and aligned, else computes them. Checks
  /// first.
  Tensor decode() const;
  /// Exactly what the parts occupy.
  std::int64_t size_bytes() const;
};

/// What a part of an encoded tensor has to be.
struct PartType {
  std::string_view name;
  DType dtype;
  Shape shape;
};

/// One way to store numbers. Rows of constant tables; see encodings/.
struct Encoding {
  std::string_view name;     ///< "dense", "f16", "i8_channel", "i4_group32", "q4_0"
  std::string_view summary;  ///< one line for --help and reports
  /// How lists name it together with its like: "iN_channel (N 2 to 8)". Empty: by its own name.
  std::string_view family = {};
  /// Whether searches try it unasked: one of each kind that differs in bytes or loss.
  bool searched = false;
  /// Codes of a tensor of floats (dense: of any type). `axis`: output channels.
  EncodedTensor (*encoder)(const Encoding& self, const Tensor& tensor, int axis);
  /// What parts a tensor of this type, shape and axis has; throws model where it can have none.
  std::vector<PartType> (*layout)(const EncodedTensor& encoded);
  /// Of checked, aligned parts.
  Tensor (*decoder)(const EncodedTensor& encoded);

  /// Throws unsupported with a reason where the elements have no code.
  EncodedTensor encode(const Tensor& tensor, int axis) const {
    return encoder(*this, tensor, axis);
  }
};

/// Every encoding, dense first. The only list (encodings/encodings.def).
std::span<const Encoding* const> all_encodings();
/// By name; throws usage listing the names and families.
const Encoding& find_encoding(std::string_view name);
/// "dense, f16, ..., iN_channel (N 2 to 8), ...": every name, those of a family once.
std::string encoding_names();

// dense_encoding, f16_encoding, ...; of families, affine_encodings() and so on.
#define STRATA_ENCODING(name) extern const Encoding name##_encoding;
#define STRATA_ENCODING_FAMILY(name) std::span<const Encoding* const> name##_encodings();
#include "strata/tensor/encodings/encodings.def"
#undef STRATA_ENCODING
#undef STRATA_ENCODING_FAMILY

}  // namespace strata
