#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/file.hpp"

namespace strata::data {

/// A regular file inside an archive. Its bytes lie in the mapped archive where it stores them as
/// they are, else in memory; `content` keeps them alive.
struct ArchiveEntry {
  std::string name;  ///< as the archive spells it; never used as a path
  MappedFile content;
};

enum class ArchiveKind {
  zip,  ///< zip only
  any,  ///< zip, or tar: plain, gzip or zstd
};

struct ArchiveLimits {
  std::size_t entries = 10'000'000;
  /// Bytes that decompressing may produce in all; at most 1100 times the archive's own size too.
  std::size_t unpacked_bytes = std::size_t(4) << 30;
};

/// All regular files of an archive whose name `wanted` accepts, in archive order; nothing is
/// extracted to disk, links are skipped. Throws model for damaged archives, sparse entries and
/// whatever exceeds the limits.
std::vector<ArchiveEntry> read_archive(const MappedFile& archive, ArchiveKind kind,
                                       bool (*wanted)(std::string_view name),
                                       const ArchiveLimits& limits = {});

/// The content of a file that a name ending in .gz or .zst says is compressed; of others the file
/// itself. Throws model for damage, what is not so compressed, and beyond the limits.
MappedFile unpacked(const MappedFile& file, std::string_view name,
                    const ArchiveLimits& limits = {});
/// "x.idx" of "x.idx.gz".
std::string_view without_compression(std::string_view name);

}  // namespace strata::data
