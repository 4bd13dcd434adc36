#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "strata/base/byte_reader.hpp"
#include "strata/base/error.hpp"
#include "strata/formats/container/container.hpp"
#include "strata/formats/container/layout.hpp"
#include "strata/formats/container/packed.hpp"
#include "strata/ir/text.hpp"

namespace strata::formats::container {
namespace {

/// The text of a graph shrinks to a tenth or so; what shrinks to less is made to fill memory.
constexpr std::uint64_t most_expansion = 50;
constexpr std::uint64_t always_small = 1 << 20;
constexpr std::uint64_t largest_text = 64 << 20;

/// The checked beginning of a file, and where its pieces lie.
struct Head {
  Header header;
  std::span<const std::byte> table, info, text;
};

std::uint64_t size_of_head(const Header& header) {
  // Each was found to be within the file: the sum does not wrap.
  return magic.size() + sizeof(Header) + std::uint64_t(header.parts) * sizeof(PartRow) +
         header.info_size + header.text_stored;
}

void expect_checksum(const Header& header, std::span<const std::byte> head) {
  // Hashed with a checksum of zero.
  Header zeroed = header;
  zeroed.checksum = 0;
  std::string copy(reinterpret_cast<const char*>(head.data()), head.size());
  std::memcpy(copy.data() + magic.size(), &zeroed, sizeof zeroed);
  const std::uint64_t sum = XXH3_64bits(copy.data(), copy.size());
  if (sum != header.checksum) {
    fail(ErrorCode::model, "checksum {:016x}, the file says {:016x}: it is damaged", sum,
         header.checksum);
  }
}

Head read_head(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  reader.take(magic.size());
  Head head;
  head.header.version = reader.read<std::uint32_t>();
  if (head.header.version != newest_version) {
    fail(ErrorCode::unsupported, "a container of version {}, this Strata reads version {}",
         head.header.version, newest_version);
  }
  head.header.parts = reader.read<std::uint32_t>();
  head.header.file_size = reader.read<std::uint64_t>();
  head.header.info_size = reader.read<std::uint64_t>();
  head.header.text_stored = reader.read<std::uint64_t>();
  head.header.text_size = reader.read<std::uint64_t>();
  head.header.checksum = reader.read<std::uint64_t>();
  if (head.header.file_size != bytes.size()) {
    fail(ErrorCode::model, "{} bytes, the file says {}: it is {}", bytes.size(),
         head.header.file_size,
         bytes.size() < head.header.file_size ? "cut off" : "followed by something else");
  }
  head.table = reader.take(std::size_t(head.header.parts) * sizeof(PartRow));
  head.info = reader.take(std::size_t(head.header.info_size));
  head.text = reader.take(std::size_t(head.header.text_stored));
  expect_checksum(head.header, bytes.first(std::size_t(size_of_head(head.header))));
  return head;
}

/// In order, aligned, apart from each other, inside the file and its end.
std::vector<PartRow> read_table(const Head& head) {
  std::vector<PartRow> parts(head.header.parts);
  if (!parts.empty()) std::memcpy(parts.data(), head.table.data(), head.table.size());
  std::uint64_t end = size_of_head(head.header);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [offset, size, checksum] = parts[i];
    const std::uint64_t file_size = head.header.file_size;
    if (offset % alignment != 0 || offset < end || offset > file_size ||
        size > file_size - offset) {
      fail(ErrorCode::model,
           "part {} is {} bytes at {}, expected a multiple of {} from {} on, within {} bytes", i,
           size, offset, alignment, end, file_size);
    }
    end = offset + size;
  }
  return parts;
}

/// Reads every part.
void expect_sums(const MappedFile& file, std::span<const PartRow> parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [offset, size, checksum] = parts[i];
    const auto bytes = file.bytes().subspan(std::size_t(offset), std::size_t(size));
    const std::uint64_t sum = XXH3_64bits(bytes.data(), bytes.size());
    if (sum != checksum) {
      fail(ErrorCode::model,
           "part {} ({} bytes at {}): checksum {:016x}, the file says {:016x}: it is damaged", i,
           size, offset, sum, checksum);
    }
    if (size > always_verified) drop_pages(bytes);
  }
}

bool is_small(std::span<const PartRow> parts) {
  std::uint64_t bytes = 0;  // of parts within the file, apart from each other: it does not wrap
  for (const PartRow& part : parts) bytes += part.size;
  return bytes <= always_verified;
}

std::string read_text(const Head& head) {
  const Header& header = head.header;
  const std::uint64_t most =
      std::min(largest_text, std::max(always_small, most_expansion * header.text_stored));
  if (header.text_size > most) {
    fail(ErrorCode::model, "a text of {} bytes from {} stored ones, at most {} are accepted",
         header.text_size, header.text_stored, most);
  }
  std::string text(std::size_t(header.text_size), '\0');
  const std::size_t size =
      ZSTD_decompress(text.data(), text.size(), head.text.data(), head.text.size());
  if (ZSTD_isError(size)) {
    fail(ErrorCode::model, "the graph's text: {}", ZSTD_getErrorName(size));
  }
  if (size != text.size()) {
    fail(ErrorCode::model, "the graph's text has {} bytes, the file says {}", size, text.size());
  }
  return text;
}

/// Codes of fewer bits, and bools, lie one in a byte: nothing may be in its other bits.
void expect_codes(DType type, std::span<const std::byte> bytes) {
  const int bits = type == DType::boolean ? 1 : bits_of(type);
  if (bits >= 8) return;
  const auto wrong = std::ranges::find_if(
      bytes, [bits](std::byte code) { return std::to_integer<int>(code) >> bits != 0; });
  if (wrong == bytes.end()) return;
  fail(ErrorCode::model, "byte {} is {}, no code of type {}", wrong - bytes.begin(),
       std::to_integer<int>(*wrong), to_string(type));
}

class Parts {
 public:
  Parts(const MappedFile& file, std::vector<PartRow> parts)
      : file_(file), parts_(std::move(parts)) {}

  Tensor read(std::size_t number, DType type, const Shape& shape) const {
    const auto bytes = bytes_of(number);
    const std::size_t size = bytes.size();
    // Divided, so that nothing wraps.
    if (size % size_of(type) != 0 || shape.elements() != std::int64_t(size / size_of(type))) {
      fail(ErrorCode::model, "part {} has {} bytes, {}{} does not", number, size, to_string(type),
           to_string(shape));
    }
    expect_codes(type, bytes);
    return Tensor::borrow(type, shape, static_cast<const void*>(bytes.data()), file_.owner());
  }

  Tensor read_bytes(std::size_t number) const {
    const auto bytes = bytes_of(number);
    return Tensor::borrow(DType::u8, Shape{std::int64_t(bytes.size())},
                          static_cast<const void*>(bytes.data()), file_.owner());
  }

 private:
  std::span<const std::byte> bytes_of(std::size_t number) const {
    if (number >= parts_.size()) {
      fail(ErrorCode::model, "part {}, the file has {}", number, parts_.size());
    }
    const auto [offset, size, checksum] = parts_[number];
    return file_.bytes().subspan(std::size_t(offset), std::size_t(size));
  }

  const MappedFile& file_;
  std::vector<PartRow> parts_;
};

std::string_view read_info_text(ByteReader& reader) {
  const auto size = reader.read<std::uint32_t>();
  const auto bytes = reader.take(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Calls `body` with the key and the value of each entry of the info.
template <class Body>
void for_each_entry(const Head& head, Body&& body) {
  ByteReader reader(head.info);
  while (reader.remaining() > 0) {
    const std::string_view key = read_info_text(reader);
    body(key, read_info_text(reader));
  }
}

}  // namespace

bool is_container(std::span<const std::byte> bytes) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

ir::Graph import_model(const MappedFile& file, const LoadOptions& options) {
  const Head head = read_head(file.bytes());
  std::vector<PartRow> rows = read_table(head);
  if (options.verify || is_small(rows)) expect_sums(file, rows);
  const Parts parts(file, std::move(rows));
  return ir::parse_text(read_text(head), [&](std::size_t number, DType type, const Shape& shape) {
    return parts.read(number, type, shape);
  });
}

ModelInfo read_info(std::span<const std::byte> bytes) {
  ModelInfo info;
  const std::pair<std::string_view, std::string*> known[] = {
      {":producer", &info.producer},
      {":producer_version", &info.producer_version},
      {":domain", &info.domain},
      {":description", &info.description},
      {":graph_description", &info.graph_description}};
  for_each_entry(read_head(bytes), [&](std::string_view key, std::string_view value) {
    const auto* field =
        std::ranges::find(known, key, &std::pair<std::string_view, std::string*>::first);
    if (field != std::end(known)) {
      *field->second = value;
    } else if (key == ":version") {
      std::from_chars(value.data(), value.data() + value.size(), info.version);
    } else if (key != packed_key) {
      info.metadata.emplace_back(key.starts_with("::") ? key.substr(1) : key, value);
    }
  });
  return info;
}

ir::PackedSet read_packed(const MappedFile& file) {
  const Head head = read_head(file.bytes());
  ir::PackedSet packed;
  bool found = false;
  for_each_entry(head, [&](std::string_view key, std::string_view value) {
    if (key != packed_key) return;
    if (found) fail(ErrorCode::model, "it holds packed weights twice; accepted: once");
    found = true;
    const Parts parts(file, read_table(head));
    packed = with_context(
        [] { return std::string("packed weights"); },
        [&] {
          return parse_packed(value, [&](std::size_t number) { return parts.read_bytes(number); });
        });
  });
  return packed;
}

}  // namespace strata::formats::container
