#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace strata {

/// A whole regular file, memory-mapped read-only. Copies share the mapping.
/// The file must not be truncated while mapped: that is the operating system's SIGBUS.
class MappedFile {
 public:
  MappedFile() = default;
  /// Bytes that live as long as `owner`.
  MappedFile(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  /// Throws io: not found, not a regular file, not readable.
  static MappedFile open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Keeps the mapping alive for tensors that borrow from it.
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// Opens `relative` below `folder` and refuses whatever leads out of it: "..", absolute paths,
/// symbolic links out of the folder (all links, where the kernel cannot tell): throws model.
/// Throws io if it is missing, unreadable or not a regular file. An empty folder is the current
/// one.
MappedFile open_beneath(const std::filesystem::path& folder, std::string_view relative);

/// Reads a whole regular file of at most `limit` bytes. Throws io.
std::string read_file(const std::filesystem::path& path, std::size_t limit);

/// Writes beside the target, syncs, then renames: the target is either old or complete.
/// An exception from `write` removes the temporary file. `write` receives a sink for bytes.
/// A symbolic link is followed; a target that exists and is no regular file throws io.
using ByteSink = std::function<void(std::span<const std::byte>)>;
void write_file(const std::filesystem::path& path,
                const std::function<void(const ByteSink& sink)>& write);
void write_file(const std::filesystem::path& path, std::string_view content);

/// A file to be written, and what writes it.
struct FileContent {
  std::filesystem::path path;
  std::function<void(const ByteSink& sink)> write;
};
/// The same for files that belong together: no target changes before all are written and synced.
void write_files(std::span<const FileContent> files);

/// Says that the bytes will not be read soon. Pages of mapped files that hold them leave memory, to
/// be read from the file again if need be; other memory stays as it is.
void drop_pages(std::span<const std::byte> bytes);

namespace detail {
/// open_beneath, by openat2 or else component by component, refusing every symbolic link.
MappedFile open_beneath(const std::filesystem::path& folder, std::string_view relative,
                        bool by_kernel);
}  // namespace detail

}  // namespace strata
