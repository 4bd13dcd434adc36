#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace strata::formats::container {

static_assert(std::endian::native == std::endian::little, "containers are little-endian");

/// The first bytes of every version; not text, and changed by transfers that rewrite line ends.
constexpr std::string_view magic = "\x89STRATA\n";

/// Parts begin at multiples of it.
constexpr std::uint64_t alignment = 64;

/// After the magic. Then come the table (a row for every part), the info (pairs of texts, each a
/// u32 length and its bytes) and the graph's text as stored.
struct Header {
  std::uint32_t version;
  std::uint32_t parts;
  std::uint64_t file_size;
  std::uint64_t info_size;
  std::uint64_t text_stored;  ///< bytes of the text in the file: a zstd frame
  std::uint64_t text_size;    ///< bytes of the text itself
  /// XXH3 64 of everything before the parts, itself taken as zero.
  std::uint64_t checksum;
};
static_assert(sizeof(Header) == 48);

/// Where a part lies.
struct PartRow {
  std::uint64_t offset;
  std::uint64_t size;
  std::uint64_t checksum;  ///< XXH3 64 of its bytes
};
static_assert(sizeof(PartRow) == 24);

}  // namespace strata::formats::container
