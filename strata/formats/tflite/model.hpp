#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/base/file.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::formats::tflite {

namespace schema {
struct Model;
struct Operator;
struct SubGraph;
struct Tensor;
}  // namespace schema

/// How the numbers of a tensor stand for real ones, as the file has it: (q - zero_point) * scale.
struct Quantization {
  std::vector<float> scale;              ///< one, or one for each entry of the axis; empty: none
  std::vector<std::int64_t> zero_point;  ///< as many as scales, or none
  std::int64_t axis = 0;
};

/// One tensor of the file.
struct TensorInfo {
  std::string_view name;
  DType dtype = DType::f32;          ///< in memory; INT4 is kept as i8
  std::vector<std::int64_t> shape;   ///< in the file's axis order; -1: unknown
  std::span<const std::byte> bytes;  ///< of a constant
  bool is_constant = false;
  bool is_variable = false;
  bool packed = false;  ///< INT4: two elements a byte
};

/// One operator of the file.
struct OperatorInfo {
  std::int32_t code = 0;    ///< BuiltinOperator
  std::string_view custom;  ///< the name of a custom op
  std::span<const std::int32_t> inputs, outputs, intermediates;
  const schema::Operator* table = nullptr;
};

/// "CONV_2D", or the name of a custom op.
std::string op_name(const OperatorInfo& info);

/// A file whose FlatBuffer was verified. Every index that it holds is checked where it is followed:
/// throws model.
class Model {
 public:
  /// Throws model if any offset or length leads out of the file.
  explicit Model(const MappedFile& file);

  std::int32_t tensors() const;
  TensorInfo tensor(std::int32_t index) const;
  std::string_view tensor_name(std::int32_t index) const;
  /// Throws model for scales that are not positive numbers, and zero points outside the type.
  Quantization quantization(std::int32_t index) const;
  std::span<const std::int32_t> inputs() const;
  std::span<const std::int32_t> outputs() const;
  std::vector<OperatorInfo> operators() const;
  std::string_view name() const;
  std::string_view description() const;
  /// Names and contents of what was added to the network.
  std::vector<std::pair<std::string_view, std::span<const std::byte>>> metadata() const;

  std::int64_t size() const { return std::int64_t(bytes_.size()); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  const schema::Tensor& tensor_table(std::int32_t index) const;
  std::span<const std::byte> buffer(std::uint32_t index) const;

  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  const schema::Model* model_ = nullptr;
  const schema::SubGraph* graph_ = nullptr;
};

}  // namespace strata::formats::tflite
