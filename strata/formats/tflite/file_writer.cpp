#include "strata/formats/tflite/file_writer.hpp"

#include <algorithm>
#include <limits>

#include "strata/base/error.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::uint32_t schema_version = 3;
/// Weights lie at multiples of this in the file, as readers that map it expect.
constexpr std::size_t buffer_alignment = 16;
constexpr std::int64_t largest_file = std::numeric_limits<std::int32_t>::max();
/// Operators above this number are named by the wider field only.
constexpr std::int32_t last_narrow_code = 127;

}  // namespace

schema::TensorType tensor_type(DType type) {
  using schema::TensorType;
  switch (type) {
    case DType::f32:
      return TensorType::FLOAT32;
    case DType::f16:
      return TensorType::FLOAT16;
    case DType::f64:
      return TensorType::FLOAT64;
    case DType::i64:
      return TensorType::INT64;
    case DType::i32:
      return TensorType::INT32;
    case DType::i16:
      return TensorType::INT16;
    case DType::i8:
      return TensorType::INT8;
    case DType::u8:
      return TensorType::UINT8;
    case DType::boolean:
      return TensorType::BOOL;
    default:
      fail(ErrorCode::unsupported,
           "element type {}; TensorFlow Lite holds f16, f32, f64, i8, i16, i32, i64, u8, bool",
           to_string(type));
  }
}

std::string FileWriter::unique(std::string_view name) {
  int& used = names_[std::string(name)];
  if (used++ == 0) return std::string(name);
  return unique(fmt::format("{}_{}", name, used));
}

std::int32_t FileWriter::add_tensor(std::string_view name, DType type,
                                    std::span<const std::int64_t> shape, const Grid* grid,
                                    int channel_axis) {
  TensorRow row{unique(name), tensor_type(type), {}, 0, {}, channel_axis};
  for (const std::int64_t extent : shape) {
    if (extent > std::numeric_limits<std::int32_t>::max()) {
      fail(ErrorCode::unsupported, "extent {} of {}; TensorFlow Lite's are of 32 bits", extent,
           name);
    }
    row.shape.push_back(std::int32_t(extent));
  }
  if (grid) row.grid = *grid;
  tensors_.push_back(std::move(row));
  return std::int32_t(tensors_.size()) - 1;
}

std::int32_t FileWriter::add_constant(std::string_view name, const Tensor& elements,
                                      const Grid* grid, int channel_axis) {
  const std::int32_t tensor =
      add_tensor(name, elements.dtype(),
                 std::vector<std::int64_t>(elements.shape().begin(), elements.shape().end()), grid,
                 channel_axis);
  buffers_.push_back(elements);
  tensors_.back().buffer = std::uint32_t(buffers_.size());
  return tensor;
}

void FileWriter::rename(std::int32_t tensor, std::string_view name) {
  std::string& own = tensors_[std::size_t(tensor)].name;
  if (own != name) own = unique(name);
}

void FileWriter::swap_names(std::int32_t a, std::int32_t b) {
  std::swap(tensors_[std::size_t(a)].name, tensors_[std::size_t(b)].name);
}

void FileWriter::add_operator(schema::BuiltinOperator op, std::vector<std::int32_t> inputs,
                              std::vector<std::int32_t> outputs, OptionsRow options,
                              OperatorExtras extras) {
  const auto code = codes_.emplace(std::pair(op, extras.custom), codes_.size()).first->second;
  operators_.push_back(
      {std::uint32_t(code), std::move(inputs), std::move(outputs), options, std::move(extras)});
}

std::string FileWriter::finish(std::string_view name, std::span<const std::int32_t> inputs,
                               std::span<const std::int32_t> outputs) {
  std::int64_t bytes = builder_.GetSize();
  for (const Tensor& buffer : buffers_) bytes += std::int64_t(buffer.size_bytes()) + 64;
  if (bytes > largest_file) {
    fail(ErrorCode::unsupported, "{} bytes of weights; a TensorFlow Lite file holds at most {}",
         bytes, largest_file);
  }
  std::vector<flatbuffers::Offset<schema::Buffer>> buffers{schema::CreateBuffer(builder_)};
  for (const Tensor& buffer : buffers_) {
    const auto data = buffer.bytes();
    builder_.ForceVectorAlignment(data.size(), 1, buffer_alignment);
    const auto vector =
        builder_.CreateVector(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
    buffers.push_back(schema::CreateBuffer(builder_, vector));
  }
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
  for (const TensorRow& row : tensors_) {
    flatbuffers::Offset<schema::QuantizationParameters> quantization;
    if (!row.grid.scale.empty()) {
      const auto scale = builder_.CreateVector(row.grid.scale);
      const auto zero_point = builder_.CreateVector(row.grid.zero_point);
      const int axis = row.grid.scale.size() > 1 ? row.channel_axis : 0;
      quantization = schema::CreateQuantizationParameters(builder_, scale, zero_point, 0, axis);
    }
    const auto shape = builder_.CreateVector(row.shape);
    const auto text = builder_.CreateString(row.name);
    tensors.push_back(schema::CreateTensor(builder_, shape, row.type, row.buffer, text,
                                           quantization, row.is_variable));
  }
  std::vector<flatbuffers::Offset<schema::Operator>> operators;
  for (const OperatorRow& row : operators_) {
    const auto in = builder_.CreateVector(row.inputs);
    const auto out = builder_.CreateVector(row.outputs);
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> custom;
    flatbuffers::Offset<flatbuffers::Vector<std::int32_t>> intermediates;
    const OperatorExtras& extras = row.extras;
    if (!extras.custom_options.empty()) custom = builder_.CreateVector(extras.custom_options);
    if (!extras.intermediates.empty()) intermediates = builder_.CreateVector(extras.intermediates);
    operators.push_back(schema::CreateOperator(builder_, row.code, in, out, row.options.type,
                                               row.options.table, custom, intermediates));
  }
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes(codes_.size());
  for (const auto& [key, index] : codes_) {
    const auto& [op, custom] = key;
    const auto text = custom.empty() ? 0 : builder_.CreateString(custom);
    const auto narrow = std::int8_t(std::min(std::int32_t(op), last_narrow_code));
    codes[index] = schema::CreateOperatorCode(builder_, narrow, text, 1, op);
  }
  const auto all_tensors = builder_.CreateVector(tensors);
  const auto in = builder_.CreateVector(inputs.data(), inputs.size());
  const auto out = builder_.CreateVector(outputs.data(), outputs.size());
  const auto all_operators = builder_.CreateVector(operators);
  const auto graph = schema::CreateSubGraph(builder_, all_tensors, in, out, all_operators,
                                            builder_.CreateString(std::string(name)));
  const auto all_codes = builder_.CreateVector(codes);
  const auto graphs = builder_.CreateVector(&graph, 1);
  const auto description = builder_.CreateString("Strata");
  const auto all_buffers = builder_.CreateVector(buffers);
  builder_.Finish(
      schema::CreateModel(builder_, schema_version, all_codes, graphs, description, all_buffers),
      schema::ModelIdentifier());
  return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
}

}  // namespace strata::formats::tflite
