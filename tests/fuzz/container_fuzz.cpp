// Any bytes give a verified graph or one Error, the checksums made right so that the rest is read;
// what is accepted survives being written and read. A file that begins with 'T' instead is a text
// to be put into a container: compression would hide it from mutations.
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "strata/formats/container/container.hpp"
#include "strata/formats/container/layout.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"

namespace {

using namespace strata;
using formats::container::Header;
using formats::container::magic;
using formats::container::PartRow;

/// Of the parts that lie within the file.
void mend_parts(std::string& bytes, std::uint32_t parts) {
  for (std::uint32_t i = 0; i < parts; ++i) {
    char* const entry = bytes.data() + magic.size() + sizeof(Header) + sizeof(PartRow) * i;
    PartRow row;
    std::memcpy(&row, entry, sizeof row);
    if (row.offset > bytes.size() || row.size > bytes.size() - row.offset) return;
    row.checksum = XXH3_64bits(bytes.data() + row.offset, std::size_t(row.size));
    std::memcpy(entry, &row, sizeof row);
  }
}

void mend_checksum(std::string& bytes) {
  Header header;
  if (bytes.size() < magic.size() + sizeof header) return;
  std::memcpy(&header, bytes.data() + magic.size(), sizeof header);
  const std::uint64_t left = bytes.size() - magic.size() - sizeof header;
  if (header.parts > left / sizeof(PartRow) || header.info_size > left || header.text_stored > left)
    return;
  const std::uint64_t rest = header.parts * sizeof(PartRow) + header.info_size + header.text_stored;
  if (rest > left) return;
  mend_parts(bytes, header.parts);
  header.checksum = 0;
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
  header.checksum = XXH3_64bits(bytes.data(), std::size_t(magic.size() + sizeof header + rest));
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
}

/// A container of this text and two parts of 64 bytes.
std::string with_text(std::string_view text) {
  std::string stored(ZSTD_compressBound(text.size()), '\0');
  stored.resize(ZSTD_compress(stored.data(), stored.size(), text.data(), text.size(), 1));
  const std::uint64_t head = magic.size() + sizeof(Header) + 2 * sizeof(PartRow) + stored.size();
  const std::uint64_t first = (head + 63) / 64 * 64;
  const PartRow table[] = {{first, 64, 0}, {first + 64, 64, 0}};
  const Header header{
      formats::container::newest_version, 2, first + 128, 0, stored.size(), text.size(), 0};
  std::string bytes(magic);
  bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(table), sizeof table);
  bytes += stored;
  bytes.resize(std::size_t(first + 128), '\1');
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view given(reinterpret_cast<const char*>(data), size);
  std::string bytes = given.starts_with('T') ? with_text(given.substr(1)) : std::string(given);
  mend_checksum(bytes);
  if (!formats::container::is_container(std::as_bytes(std::span(bytes)))) return 0;
  ir::Graph graph;
  try {
    formats::Model model = formats::load_model(std::as_bytes(std::span(bytes)));
    graph = std::move(model.graph);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return 0;
  }
  ir::verify(graph);
  const std::string again = formats::container_bytes(graph);
  STRATA_ASSERT(ir::identical(formats::load(std::as_bytes(std::span(again))), graph));
  return 0;
}
