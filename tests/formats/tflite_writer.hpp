#pragma once

#include <tflite_schema.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/tensor/tensor.hpp"

/// Small TensorFlow Lite files, table by table, so that anything in them can be wrong.
namespace strata::formats::tflite::test {

struct Grid {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  std::int32_t axis = 0;
};

class Writer {
 public:
  Writer() { buffers_.push_back(schema::CreateBuffer(builder_)); }

  flatbuffers::FlatBufferBuilder& builder() { return builder_; }

  /// What a run computes or is given.
  std::int32_t tensor(std::string_view name, schema::TensorType type,
                      std::vector<std::int32_t> shape, Grid grid = {}, bool is_variable = false) {
    return add(name, type, std::move(shape), 0, std::move(grid), is_variable);
  }
  template <class T>
  std::int32_t constant(std::string_view name, schema::TensorType type,
                        std::vector<std::int32_t> shape, const std::vector<T>& elements,
                        Grid grid = {}) {
    builder_.ForceVectorAlignment(elements.size() * sizeof(T), 1, 16);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(elements.data());
    buffers_.push_back(
        schema::CreateBuffer(builder_, builder_.CreateVector(bytes, elements.size() * sizeof(T))));
    return add(name, type, std::move(shape), std::uint32_t(buffers_.size() - 1), std::move(grid),
               false);
  }
  std::int32_t integers(std::string_view name, const std::vector<std::int32_t>& values) {
    return constant(name, schema::TensorType::INT32, {std::int32_t(values.size())}, values);
  }
  /// A tensor that refers to a buffer of another one, or to one that is not there.
  std::int32_t add(std::string_view name, schema::TensorType type, std::vector<std::int32_t> shape,
                   std::uint32_t buffer, Grid grid, bool is_variable) {
    flatbuffers::Offset<schema::QuantizationParameters> quantization;
    if (!grid.scale.empty()) {
      quantization = schema::CreateQuantizationParameters(
          builder_, builder_.CreateVector(grid.scale), builder_.CreateVector(grid.zero_point), 0,
          grid.axis);
    }
    const auto label = builder_.CreateString(name.data(), name.size());
    const auto extents = builder_.CreateVector(shape);
    tensors_.push_back(
        schema::CreateTensor(builder_, extents, type, buffer, label, quantization, is_variable));
    return std::int32_t(tensors_.size() - 1);
  }

  void op(schema::BuiltinOperator code, std::vector<std::int32_t> inputs,
          std::vector<std::int32_t> outputs,
          schema::BuiltinOptions kind = schema::BuiltinOptions::NONE,
          flatbuffers::Offset<void> options = {}, std::vector<std::int32_t> intermediates = {}) {
    codes_.push_back(schema::CreateOperatorCode(builder_, 0, 0, 1, code));
    operators_.push_back(schema::CreateOperator(
        builder_, std::uint32_t(codes_.size() - 1), builder_.CreateVector(inputs),
        builder_.CreateVector(outputs), kind, options, 0, builder_.CreateVector(intermediates)));
  }
  void custom(std::string_view name, std::vector<std::int32_t> inputs,
              std::vector<std::int32_t> outputs, const std::vector<std::uint8_t>& options = {}) {
    const auto label = builder_.CreateString(name.data(), name.size());
    codes_.push_back(
        schema::CreateOperatorCode(builder_, 32, label, 1, schema::BuiltinOperator::CUSTOM));
    operators_.push_back(
        schema::CreateOperator(builder_, std::uint32_t(codes_.size() - 1),
                               builder_.CreateVector(inputs), builder_.CreateVector(outputs),
                               schema::BuiltinOptions::NONE, 0, builder_.CreateVector(options)));
  }
  /// As files from before there were more than 127 builtin operators have it.
  void old_op(std::int8_t code, std::vector<std::int32_t> inputs,
              std::vector<std::int32_t> outputs) {
    codes_.push_back(schema::CreateOperatorCode(builder_, code));
    operators_.push_back(schema::CreateOperator(builder_, std::uint32_t(codes_.size() - 1),
                                                builder_.CreateVector(inputs),
                                                builder_.CreateVector(outputs)));
  }

  std::string bytes(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    const auto graph =
        schema::CreateSubGraph(builder_, builder_.CreateVector(tensors_),
                               builder_.CreateVector(inputs), builder_.CreateVector(outputs),
                               builder_.CreateVector(operators_), builder_.CreateString("main"));
    const auto description = builder_.CreateString("made by a test");
    const auto codes = builder_.CreateVector(codes_);
    const auto graphs = builder_.CreateVector(&graph, 1);
    const auto buffers = builder_.CreateVector(buffers_);
    schema::FinishModelBuffer(
        builder_, schema::CreateModel(builder_, 3, codes, graphs, description, buffers));
    return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
  }

 private:
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<flatbuffers::Offset<schema::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors_;
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes_;
  std::vector<flatbuffers::Offset<schema::Operator>> operators_;
};

}  // namespace strata::formats::tflite::test
