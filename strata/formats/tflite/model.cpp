#include "strata/formats/tflite/model.hpp"

#include <tflite_schema.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "strata/base/checked.hpp"
#include "strata/formats/tflite/element_type.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::uint32_t deepest = 64;
constexpr std::uint32_t most_tables = 1'000'000;
constexpr std::uint32_t newest_version = 3;

std::string_view text(const flatbuffers::String* string) {
  return string ? std::string_view(string->c_str(), string->size()) : std::string_view();
}

template <class T>
std::span<const T> items(const flatbuffers::Vector<T>* vector) {
  static_assert(alignof(T) <= alignof(flatbuffers::uoffset_t));  // what the verifier vouches for
  return vector ? std::span<const T>(vector->data(), vector->size()) : std::span<const T>();
}

/// Of larger elements, which need not lie where their type asks for.
std::vector<std::int64_t> copied(const flatbuffers::Vector<std::int64_t>* vector) {
  std::vector<std::int64_t> elements(vector ? vector->size() : 0);
  if (!elements.empty()) std::memcpy(elements.data(), vector->Data(), 8 * elements.size());
  return elements;
}

template <class T>
std::size_t count(const flatbuffers::Vector<flatbuffers::Offset<T>>* vector) {
  return vector ? vector->size() : 0;
}

// The verifier reads words where they lie, so the bytes must lie as they would in memory.
MappedFile aligned(const MappedFile& file) {
  constexpr std::uintptr_t alignment = 16;
  if (reinterpret_cast<std::uintptr_t>(file.bytes().data()) % alignment == 0) return file;
  const auto size = std::int64_t(file.bytes().size());
  const auto copy =
      std::make_shared<Tensor>(Tensor::borrow(DType::u8, Shape{size}, file.bytes().data()).clone());
  return {copy, copy->bytes()};
}

std::int64_t elements_of(std::span<const std::int64_t> shape) {
  return Shape(shape).elements();  // which fails if there are too many
}

}  // namespace

std::string op_name(const OperatorInfo& info) {
  const auto code = static_cast<schema::BuiltinOperator>(info.code);
  if (code == schema::BuiltinOperator::CUSTOM) return std::string(info.custom);
  const std::string name = schema::EnumNameBuiltinOperator(code);
  return name.empty() ? fmt::format("operator code {}", info.code) : name;
}

Model::Model(const MappedFile& file) {
  const MappedFile place = aligned(file);
  owner_ = place.owner();
  bytes_ = place.bytes();
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes_.data());
  // Buffers of larger files lie behind the FlatBuffer.
  const std::size_t size = std::min(bytes_.size(), std::size_t(FLATBUFFERS_MAX_BUFFER_SIZE) - 1);
  flatbuffers::Verifier verifier(start, size, deepest, most_tables);
  if (!verifier.VerifyBuffer<schema::Model>(nullptr)) {
    fail(ErrorCode::model,
         "this is no valid TensorFlow Lite model: an offset or a length leads out of its {} bytes, "
         "or there are more than {} tables",
         bytes_.size(), most_tables);
  }
  model_ = flatbuffers::GetRoot<schema::Model>(start);
  if (model_->version() > newest_version) {
    fail(ErrorCode::unsupported, "schema version {}; accepted: 1 to {}", model_->version(),
         newest_version);
  }
  if (count(model_->subgraphs()) == 0) fail(ErrorCode::model, "it has no subgraphs");
  graph_ = model_->subgraphs()->Get(0);
}

std::int32_t Model::tensors() const { return std::int32_t(count(graph_->tensors())); }
std::span<const std::int32_t> Model::inputs() const { return items(graph_->inputs()); }
std::span<const std::int32_t> Model::outputs() const { return items(graph_->outputs()); }
std::string_view Model::name() const { return text(graph_->name()); }
std::string_view Model::description() const { return text(model_->description()); }

std::vector<std::pair<std::string_view, std::span<const std::byte>>> Model::metadata() const {
  std::vector<std::pair<std::string_view, std::span<const std::byte>>> entries;
  for (std::uint32_t i = 0; i < count(model_->metadata()); ++i) {
    const schema::Metadata& entry = *model_->metadata()->Get(i);
    entries.emplace_back(text(entry.name()), buffer(entry.buffer()));
  }
  return entries;
}

const schema::Tensor& Model::tensor_table(std::int32_t index) const {
  if (index < 0 || index >= tensors()) {
    fail(ErrorCode::model, "tensor {} is named; the subgraph has {}", index, tensors());
  }
  return *graph_->tensors()->Get(std::uint32_t(index));
}

std::span<const std::byte> Model::buffer(std::uint32_t index) const {
  if (index >= count(model_->buffers())) {
    fail(ErrorCode::model, "buffer {} is named; the file has {}", index, count(model_->buffers()));
  }
  const schema::Buffer& table = *model_->buffers()->Get(index);
  if (table.offset() <= 1) return std::as_bytes(items(table.data()));
  if (table.offset() > bytes_.size() || table.size() > bytes_.size() - table.offset()) {
    fail(ErrorCode::model, "buffer {} lies at {} with {} bytes; the file has {}", index,
         table.offset(), table.size(), bytes_.size());
  }
  return bytes_.subspan(table.offset(), table.size());
}

std::string_view Model::tensor_name(std::int32_t index) const {
  return text(tensor_table(index).name());
}

TensorInfo Model::tensor(std::int32_t index) const {
  const schema::Tensor& table = tensor_table(index);
  TensorInfo info{.name = text(table.name())};
  info.dtype = element_type(table.type());
  info.packed = table.type() == schema::TensorType::INT4;
  const auto shape = items(table.shape());
  if (shape.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "it has {} dimensions; accepted: up to {}", shape.size(),
         max_rank);
  }
  info.shape.assign(shape.begin(), shape.end());
  for (const std::int64_t extent : info.shape) {
    if (extent < -1) fail(ErrorCode::model, "its shape has {}; accepted: 0 or more", extent);
  }
  info.is_variable = table.is_variable();
  info.bytes = buffer(table.buffer());
  info.is_constant = !info.bytes.empty();
  if (!info.is_constant) return info;
  if (table.sparsity()) fail(ErrorCode::unsupported, "its elements are stored sparsely");
  const std::int64_t elements = elements_of(info.shape);
  const auto expected = info.packed ? std::optional(elements / 2 + elements % 2)
                                    : checked_mul(elements, std::int64_t(size_of(info.dtype)));
  if (expected != std::int64_t(info.bytes.size())) {
    fail(ErrorCode::model, "it has {} bytes, which are not those of {}{}", info.bytes.size(),
         schema::EnumNameTensorType(table.type()), to_string(Shape(info.shape)));
  }
  return info;
}

Quantization Model::quantization(std::int32_t index) const {
  const schema::Tensor& table = tensor_table(index);
  Quantization result;
  const schema::QuantizationParameters* found = table.quantization();
  if (!found) return result;
  if (found->details_type() != 0) {
    fail(ErrorCode::unsupported, "its quantization is neither per tensor nor per channel");
  }
  const auto scale = items(found->scale());
  const std::vector<std::int64_t> zero = copied(found->zero_point());
  result.axis = found->quantized_dimension();
  const auto shape = items(table.shape());
  const bool fits = scale.size() <= 1 || std::ranges::any_of(shape, [&](std::int32_t extent) {
                      return extent >= 0 && std::size_t(extent) == scale.size();
                    });
  if (!fits) {
    fail(ErrorCode::model, "it has {} scales; accepted: 1, or one for each entry of axis {}",
         scale.size(), result.axis);
  }
  if (!zero.empty() && zero.size() != scale.size() && zero.size() != 1) {
    fail(ErrorCode::model, "it has {} zero points for {} scales", zero.size(), scale.size());
  }
  for (const float s : scale) {
    if (!(s > 0) || !std::isfinite(s)) {
      fail(ErrorCode::model, "it has scale {}; accepted: positive numbers", s);
    }
  }
  const auto range = quantized_range(element_type(table.type()));
  for (const std::int64_t z : zero) {
    if (range ? z < range->low || z > range->high : z != 0) {
      fail(ErrorCode::model, "it has zero point {}, which its element type does not hold", z);
    }
  }
  result.scale.assign(scale.begin(), scale.end());
  if (!scale.empty()) result.zero_point.assign(zero.begin(), zero.end());
  return result;
}

std::vector<OperatorInfo> Model::operators() const {
  std::vector<OperatorInfo> result;
  const auto* operators = graph_->operators();
  for (std::uint32_t i = 0; i < count(operators); ++i) {
    const schema::Operator& table = *operators->Get(i);
    if (table.opcode_index() >= count(model_->operator_codes())) {
      fail(ErrorCode::model, "operator {}: operator code {} is named; the file has {}", i,
           table.opcode_index(), count(model_->operator_codes()));
    }
    const schema::OperatorCode& code = *model_->operator_codes()->Get(table.opcode_index());
    OperatorInfo info{.table = &table};
    // Files from before there were more than 127 builtin ops have the old field only.
    info.code =
        std::max(std::int32_t(code.builtin_code()), std::int32_t(code.deprecated_builtin_code()));
    info.custom = text(code.custom_code());
    info.inputs = items(table.inputs());
    info.outputs = items(table.outputs());
    info.intermediates = items(table.intermediates());
    result.push_back(info);
  }
  return result;
}

}  // namespace strata::formats::tflite
