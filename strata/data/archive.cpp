#include "strata/data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

// Deflate expands at most 1032-fold.
constexpr std::size_t most_expansion = 1100;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

std::string_view reason(archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "damaged";
}

Reader open_reader(std::span<const std::byte> bytes, ArchiveKind kind) {
  Reader reader(archive_read_new(), archive_read_free);
  if (!reader) fail(ErrorCode::io, "no memory to read an archive");
  archive_read_support_format_zip(reader.get());
  if (kind == ArchiveKind::any) {
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_zstd(reader.get());
  }
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    fail(ErrorCode::model, "{} archive: {}", kind == ArchiveKind::zip ? "zip" : "tar or zip",
         reason(reader.get()));
  }
  return reader;
}

struct Compression {
  std::string_view suffix;
  std::string_view magic;
  int (*support)(archive*);
};
constexpr Compression compressions[] = {
    {".gz", "\x1f\x8b", archive_read_support_filter_gzip},
    {".zst", "\x28\xb5\x2f\xfd", archive_read_support_filter_zstd},
};

const Compression* find_compression(std::string_view name) {
  const auto found = std::ranges::find_if(
      compressions, [&](const Compression& c) { return name.ends_with(c.suffix); });
  return found == std::end(compressions) ? nullptr : found;
}

/// Reads the content of the entry the reader stands at.
class ContentReader {
 public:
  ContentReader(archive* reader, const MappedFile& whole, std::size_t& budget)
      : reader_(reader), whole_(whole), budget_(budget) {}

  MappedFile read() {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int status;
    while ((status = archive_read_data_block(reader_, &data, &size, &offset)) == ARCHIVE_OK) {
      if (std::size_t(offset) != total_) fail(ErrorCode::model, "sparse entries are not supported");
      if (size > 0) add({static_cast<const std::byte*>(data), size});
    }
    if (status != ARCHIVE_EOF) fail(ErrorCode::model, "{}", reason(reader_));
    if (copy_) return {copy_, std::as_bytes(std::span(*copy_))};
    return {whole_.owner(), stored_};
  }

 private:
  bool in_archive(std::span<const std::byte> block) const {
    const auto bytes = whole_.bytes();
    return block.data() >= bytes.data() &&
           block.data() + block.size() <= bytes.data() + bytes.size();
  }

  void add(std::span<const std::byte> block) {
    // An uncompressed tar hands out pieces of the mapping itself, one after the other.
    const bool joins = total_ == 0 || block.data() == stored_.data() + stored_.size();
    if (!copy_ && joins && in_archive(block)) {
      stored_ = total_ == 0 ? block : std::span(stored_.data(), total_ + block.size());
    } else {
      if (!copy_) {
        copy_ = std::make_shared<std::vector<std::byte>>(stored_.begin(), stored_.end());
        spend(stored_.size());
      }
      spend(block.size());
      copy_->insert(copy_->end(), block.begin(), block.end());
    }
    total_ += block.size();
  }

  void spend(std::size_t bytes) {
    if (bytes > budget_) {
      fail(ErrorCode::model, "unpacks to more bytes than are accepted for an archive of this size");
    }
    budget_ -= bytes;
  }

  archive* reader_;
  const MappedFile& whole_;
  std::size_t& budget_;
  std::size_t total_ = 0;
  std::span<const std::byte> stored_;
  std::shared_ptr<std::vector<std::byte>> copy_;
};

bool is_plain_file(archive_entry* entry) {
  return archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) &&
         !archive_entry_is_encrypted(entry);
}

}  // namespace

std::string_view without_compression(std::string_view name) {
  const Compression* compression = find_compression(name);
  if (compression) name.remove_suffix(compression->suffix.size());
  return name;
}

MappedFile unpacked(const MappedFile& file, std::string_view name, const ArchiveLimits& limits) {
  const Compression* compression = find_compression(name);
  if (!compression) return file;
  const auto bytes = file.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(compression->magic)) {
    fail(ErrorCode::model, "the content is not compressed as the name ending in {} says",
         compression->suffix);
  }
  const Reader reader(archive_read_new(), archive_read_free);
  if (!reader) fail(ErrorCode::io, "no memory to decompress");
  archive_read_support_format_raw(reader.get());
  compression->support(reader.get());
  archive_entry* entry = nullptr;
  int status = archive_read_open_memory(reader.get(), bytes.data(), bytes.size());
  if (status == ARCHIVE_OK) status = archive_read_next_header(reader.get(), &entry);
  if (status == ARCHIVE_EOF) return {std::make_shared<int>(), {}};  // of no bytes
  if (status < ARCHIVE_WARN) {
    fail(ErrorCode::model, "decompressing: {}", reason(reader.get()));
  }
  std::size_t budget = std::min(limits.unpacked_bytes, bytes.size() * most_expansion);
  return with_context([] { return "decompressing"; },
                      [&] { return ContentReader(reader.get(), file, budget).read(); });
}

std::vector<ArchiveEntry> read_archive(const MappedFile& file, ArchiveKind kind,
                                       bool (*wanted)(std::string_view name),
                                       const ArchiveLimits& limits) {
  const Reader reader = open_reader(file.bytes(), kind);
  std::size_t budget = std::min(limits.unpacked_bytes, file.bytes().size() * most_expansion);
  std::vector<ArchiveEntry> entries;
  archive_entry* entry = nullptr;
  int status;
  while ((status = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK ||
         status == ARCHIVE_WARN) {
    const char* name = archive_entry_pathname(entry);
    if (!name || !is_plain_file(entry) || !wanted(name)) continue;
    if (entries.size() == limits.entries) {
      fail(ErrorCode::model, "more than {} files in the archive", limits.entries);
    }
    std::string kept = name;
    with_context([&] { return "entry " + kept; },
                 [&] {
                   MappedFile content = ContentReader(reader.get(), file, budget).read();
                   entries.push_back({kept, std::move(content)});
                 });
  }
  if (status != ARCHIVE_EOF) {
    fail(ErrorCode::model, "archive: after {} files: {}", entries.size(), reason(reader.get()));
  }
  return entries;
}

}  // namespace strata::data
