#pragma once

#include <string>
#include <unordered_map>

#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/onnx/wire.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::formats::onnx {

/// Makes tensors of the TensorProtos of one model file. Bytes stay in the mapped file (or the
/// external one) unless they are bools, packed or written as lists of numbers.
class TensorReader {
 public:
  TensorReader(MappedFile file, const LoadOptions& options)
      : file_(std::move(file)), options_(options) {}

  /// Throws model where type, dimensions and data disagree; unsupported for foreign types and
  /// beyond the byte limit.
  Tensor read(const TensorProto& proto);

 private:
  Tensor in_place(DType type, const Shape& shape, std::span<const std::byte> bytes,
                  const std::shared_ptr<const void>& owner);
  Tensor external(DType type, const TensorProto& proto);
  Tensor unpacked(DType type, const Shape& shape, std::span<const std::byte> bytes);
  Tensor typed(DType type, const TensorProto& proto);
  Tensor typed_narrow(DType type, const TensorProto& proto);
  void account(std::int64_t bytes);
  const MappedFile& open(std::string_view location);

  MappedFile file_;
  LoadOptions options_;
  std::int64_t allocated_ = 0;
  std::unordered_map<std::string, MappedFile> opened_;
};

}  // namespace strata::formats::onnx
