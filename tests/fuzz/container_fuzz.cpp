// Any bytes give a verified graph or one Error, the checksum made right so that the rest is read;
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

void mend_checksum(std::string& bytes) {
  Header header;
  if (bytes.size() < magic.size() + sizeof header) return;
  std::memcpy(&header, bytes.data() + magic.size(), sizeof header);
  const std::uint64_t left = bytes.size() - magic.size() - sizeof header;
  if (header.parts > left / 16 || header.info_size > left || header.text_stored > left) return;
  const std::uint64_t rest =
      std::uint64_t(header.parts) * 16 + header.info_size + header.text_stored;
  if (rest > left) return;
  header.checksum = 0;
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
  header.checksum = XXH3_64bits(bytes.data(), std::size_t(magic.size() + sizeof header + rest));
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
}

/// A container of this text and two parts of 64 bytes.
std::string with_text(std::string_view text) {
  std::string stored(ZSTD_compressBound(text.size()), '\0');
  stored.resize(ZSTD_compress(stored.data(), stored.size(), text.data(), text.size(), 1));
  const std::uint64_t head = magic.size() + sizeof(Header) + 32 + stored.size();
  const std::uint64_t first = (head + 63) / 64 * 64;
  const std::uint64_t table[] = {first, 64, first + 64, 64};
  const Header header{1, 2, first + 128, 0, stored.size(), text.size(), 0};
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
    formats::model_info(std::as_bytes(std::span(bytes)));
    graph = formats::load(std::as_bytes(std::span(bytes)));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return 0;
  }
  ir::verify(graph);
  const std::string again = formats::container_bytes(graph);
  STRATA_ASSERT(ir::identical(formats::load(std::as_bytes(std::span(again))), graph));
  return 0;
}
