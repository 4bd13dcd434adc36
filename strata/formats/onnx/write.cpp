#include "strata/formats/onnx/write.hpp"

#include <bit>
#include <protozero/types.hpp>
#include <protozero/varint.hpp>

namespace strata::formats::onnx {
namespace {

constexpr int varint_type = int(protozero::pbf_wire_type::varint);
constexpr int bytes_type = int(protozero::pbf_wire_type::length_delimited);
constexpr int fixed32_type = int(protozero::pbf_wire_type::fixed32);

static_assert(std::endian::native == std::endian::little);

}  // namespace

void MessageWriter::append(std::string_view bytes) {
  if (pieces_.empty() || pieces_.back().data.present()) pieces_.emplace_back();
  pieces_.back().head.append(bytes);
  size_ += std::int64_t(bytes.size());
}

void MessageWriter::varint(std::uint64_t value) {
  char bytes[protozero::max_varint_length];
  append({bytes, std::size_t(protozero::add_varint_to_buffer(bytes, value))});
}

void MessageWriter::header(int field, int wire_type) {
  varint(std::uint64_t(field) << 3 | std::uint64_t(wire_type));
}

void MessageWriter::integer(int field, std::int64_t value) {
  header(field, varint_type);
  varint(std::uint64_t(value));
}

void MessageWriter::real(int field, float value) {
  header(field, fixed32_type);
  append({reinterpret_cast<const char*>(&value), sizeof value});
}

void MessageWriter::text(int field, std::string_view value) {
  header(field, bytes_type);
  varint(value.size());
  append(value);
}

void MessageWriter::integers(int field, std::span<const std::int64_t> values) {
  std::size_t size = 0;
  for (const std::int64_t value : values) {
    size += std::size_t(protozero::length_of_varint(std::uint64_t(value)));
  }
  header(field, bytes_type);
  varint(size);
  for (const std::int64_t value : values) varint(std::uint64_t(value));
}

void MessageWriter::reals(int field, std::span<const float> values) {
  text(field, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

void MessageWriter::message(int field, MessageWriter&& content) {
  header(field, bytes_type);
  varint(std::uint64_t(content.size()));
  for (Piece& piece : content.pieces_) {
    append(piece.head);
    size_ += std::int64_t(piece.data.size_bytes());
    pieces_.back().data = std::move(piece.data);
  }
}

void MessageWriter::raw(int field, Tensor tensor) {
  header(field, bytes_type);
  varint(tensor.size_bytes());
  size_ += std::int64_t(tensor.size_bytes());
  pieces_.back().data = std::move(tensor);
}

std::vector<Piece> MessageWriter::take() && { return std::move(pieces_); }

}  // namespace strata::formats::onnx
