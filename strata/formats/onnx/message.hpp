#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <protozero/pbf_reader.hpp>
#include <span>
#include <string_view>

#include "strata/base/error.hpp"

namespace strata::formats::onnx {

/// One protobuf message of an untrusted file, read field by field. Every error is of kind model
/// and names the byte offset in the file. Small; copies start where the original stands.
///
///     while (message.next()) switch (message.field()) { case 1: name = message.text(); ... }
///
/// A field that is not read is skipped.
class Message {
 public:
  explicit Message(std::span<const std::byte> file);

  /// Moves to the next field; false at the end.
  bool next();
  int field() const { return field_; }

  std::int64_t integer();
  std::int32_t integer32() { return std::int32_t(integer()); }
  float real();
  std::string_view bytes();
  /// UTF-8 without NUL, at most 64 KiB: names and the like.
  std::string_view text();
  Message message();

  /// Calls f(value) for each element of a repeated numeric field, packed or not.
  template <class F>
  void integers(F&& f);
  template <class T, class F>
  void fixed(F&& f);

  /// Bytes of this message that are not yet read.
  std::size_t size() const { return reader_.length(); }
  /// Of the next unread byte, from the start of the file.
  std::size_t offset() const { return std::size_t(reader_.data().data() - file_); }

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorCode::model, fmt::format("at byte {}: {}", offset(),
                                              fmt::format(format, std::forward<Args>(args)...)));
  }

 private:
  Message(std::string_view bytes, const char* file)
      : reader_(bytes.data(), bytes.size()), file_(file) {}
  void expect(protozero::pbf_wire_type type) const;
  void skip();
  template <class F>
  decltype(auto) guarded(F&& f) const;

  protozero::pbf_reader reader_;
  const char* file_;
  int field_ = 0;
  bool unread_ = false;
};

template <class F>
decltype(auto) Message::guarded(F&& f) const {
  try {
    return f();
  } catch (const protozero::end_of_buffer_exception&) {
    fail("the message ends within a field");
  } catch (const protozero::varint_too_long_exception&) {
    fail("an integer of more than 10 bytes");
  } catch (const protozero::invalid_length_exception&) {
    fail("a packed list whose length is no multiple of its element size");
  } catch (const protozero::exception&) {
    fail("no protobuf field starts here");
  }
}

template <class F>
void Message::integers(F&& f) {
  if (reader_.has_wire_type(protozero::pbf_wire_type::varint)) {
    f(integer());
    return;
  }
  const std::string_view packed = bytes();
  const char* p = packed.data();
  const char* end = p + packed.size();
  while (p != end) {
    f(std::int64_t(guarded([&] { return protozero::decode_varint(&p, end); })));
  }
}

template <class T, class F>
void Message::fixed(F&& f) {
  constexpr auto single =
      sizeof(T) == 4 ? protozero::pbf_wire_type::fixed32 : protozero::pbf_wire_type::fixed64;
  T value;
  if (reader_.has_wire_type(single)) {
    unread_ = false;
    guarded([&] {
      if constexpr (sizeof(T) == 4) {
        value = std::bit_cast<T>(reader_.get_fixed32());
      } else {
        value = std::bit_cast<T>(reader_.get_fixed64());
      }
    });
    f(value);
    return;
  }
  const std::string_view packed = bytes();
  if (packed.size() % sizeof(T) != 0) {
    fail("a packed list of {} bytes, expected a multiple of {}", packed.size(), sizeof(T));
  }
  for (std::size_t i = 0; i < packed.size(); i += sizeof(T)) {
    std::memcpy(&value, packed.data() + i, sizeof(T));
    f(value);
  }
}

}  // namespace strata::formats::onnx
