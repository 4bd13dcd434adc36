#include "strata/formats/onnx/message.hpp"

#include <bit>

namespace strata::formats::onnx {
namespace {

constexpr std::size_t longest_text = 64 << 10;

// Length of the UTF-8 sequence at the start of `text`; 0 if it is none (RFC 3629).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  // Overlong forms, surrogates, beyond U+10FFFF.
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

bool is_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0 || text[0] == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

Message::Message(std::span<const std::byte> file)
    : reader_(reinterpret_cast<const char*>(file.data()), file.size()),
      file_(reinterpret_cast<const char*>(file.data())) {}

bool Message::next() {
  return guarded([&] {
    if (unread_) skip();
    unread_ = reader_.next();
    if (unread_) field_ = int(reader_.tag());
    return unread_;
  });
}

void Message::skip() {
  if (reader_.has_wire_type(protozero::pbf_wire_type::length_delimited)) {
    bytes();
  } else {
    reader_.skip();
  }
}

void Message::expect(protozero::pbf_wire_type type) const {
  if (!reader_.has_wire_type(type)) {
    fail("field {} has wire type {}, expected {}", field(), int(reader_.wire_type()), int(type));
  }
}

std::int64_t Message::integer() {
  expect(protozero::pbf_wire_type::varint);
  unread_ = false;
  return guarded([&] { return reader_.get_int64(); });
}

float Message::real() {
  expect(protozero::pbf_wire_type::fixed32);
  unread_ = false;
  return guarded([&] { return reader_.get_float(); });
}

std::string_view Message::bytes() {
  expect(protozero::pbf_wire_type::length_delimited);
  unread_ = false;
  return guarded([&] {
    // Not by the reader, whose lengths have 32 bits.
    const char* begin = reader_.data().data();
    const char* const end = begin + reader_.length();
    const std::uint64_t length = protozero::decode_varint(&begin, end);
    reader_ = protozero::pbf_reader(begin, std::size_t(end - begin));
    if (length > reader_.length()) throw protozero::end_of_buffer_exception();
    const auto size = std::size_t(length);
    reader_ = protozero::pbf_reader(begin + size, std::size_t(end - begin) - size);
    return std::string_view(begin, size);
  });
}

std::string_view Message::text() {
  const std::string_view text = bytes();
  if (text.size() > longest_text) {
    fail("a name of {} bytes, at most {} are accepted", text.size(), longest_text);
  }
  if (!is_text(text)) fail("a name that is not UTF-8 text");
  return text;
}

Message Message::message() { return Message(bytes(), file_); }

}  // namespace strata::formats::onnx
