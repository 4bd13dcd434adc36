#include "strata/base/file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "strata/base/error.hpp"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Non-blocking, because opening a FIFO would otherwise wait for its writer.
constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// An open file, closed at the end of the scope; below zero if opening failed.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string reason(int error) { return std::generic_category().message(error); }

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Throws unless `file` is a regular file; its size in bytes.
std::size_t regular_size(const Descriptor& file, std::string_view name) {
  struct stat status;
  if (fstat(file.get(), &status) != 0) fail(ErrorCode::io, "{}: {}", name, reason(errno));
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, "{}: not a regular file", name);
  return std::size_t(status.st_size);
}

Descriptor open_regular(const fs::path& path) {
  if (path.native().find('\0') != std::string::npos) {
    fail(ErrorCode::io, "a file name contains a zero byte after '{}'", path.c_str());
  }
  Descriptor file(::open(path.c_str(), read_flags));
  if (!file) fail(ErrorCode::io, "{}: {}", path.native(), reason(errno));
  return file;
}

/// Where files are mapped in this process: only such pages may be dropped.
class Mappings {
 public:
  static Mappings& all() {
    static Mappings mappings;
    return mappings;
  }

  void add(std::uintptr_t begin, std::size_t size) {
    const std::lock_guard lock(mutex_);
    ends_[begin] = begin + size;
  }

  void unmap(void* address, std::size_t size) {
    const std::lock_guard lock(mutex_);
    ends_.erase(reinterpret_cast<std::uintptr_t>(address));
    munmap(address, size);
  }

  void drop(std::uintptr_t begin, std::uintptr_t end) {
    const auto page = std::uintptr_t(sysconf(_SC_PAGESIZE));
    const std::lock_guard lock(mutex_);
    const auto after = ends_.upper_bound(begin);
    if (after == ends_.begin() || end > std::prev(after)->second) return;
    begin = begin / page * page;  // neighbours on the same page are read again when needed
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }

 private:
  std::mutex mutex_;
  std::map<std::uintptr_t, std::uintptr_t> ends_;  // by begin
};

MappedFile map(const Descriptor& file, std::string_view name) {
  const std::size_t size = regular_size(file, name);
  if (size == 0) return {std::make_shared<const char>(), {}};  // mmap refuses an empty range
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    fail(ErrorCode::io, "{}: cannot map {} bytes: {}", name, size, reason(errno));
  }
  Mappings::all().add(reinterpret_cast<std::uintptr_t>(address), size);
  const auto unmap = [size](const void* mapped) {
    Mappings::all().unmap(const_cast<void*>(mapped), size);
  };
  return {std::shared_ptr<const void>(address, unmap),
          {static_cast<const std::byte*>(address), size}};
}

/// The components of a relative path that stays below its folder; throws model for any other.
std::vector<std::string> safe_components(std::string_view relative) {
  std::vector<std::string> components(1);
  for (const char c : relative) {
    if (c == '/') {
      components.emplace_back();
    } else {
      components.back() += c;
    }
  }
  const bool safe = std::ranges::all_of(components, [](const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('\0') == std::string::npos;
  });
  if (!safe) {
    fail(ErrorCode::model,
         "file name '{}': expected a relative path with no empty, '.' or '..' part",
         relative.substr(0, relative.find('\0')));
  }
  return components;
}

/// Below zero with errno if refused; ENOSYS or EPERM where the kernel or a sandbox lacks openat2.
Descriptor open_by_kernel(const Descriptor& folder, const std::string& relative) {
  open_how how{};
  how.flags = read_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return Descriptor(int(syscall(SYS_openat2, folder.get(), relative.c_str(), &how, sizeof how)));
}

/// The same without openat2, by refusing every symbolic link.
Descriptor open_by_component(const Descriptor& folder, const std::vector<std::string>& components) {
  Descriptor below(fcntl(folder.get(), F_DUPFD_CLOEXEC, 0));
  for (std::size_t i = 0; below && i < components.size(); ++i) {
    const bool last = i + 1 == components.size();
    const int flags = O_NOFOLLOW | (last ? read_flags : O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    below = Descriptor(openat(below.get(), components[i].c_str(), flags));
  }
  return below;
}

/// A new file beside `target` that takes its place on commit and is removed otherwise.
class Replacement {
 public:
  explicit Replacement(fs::path target) : target_(std::move(target)), file_(create()) {
    struct stat old;
    if (::stat(target_.c_str(), &old) == 0) fchmod(file_.get(), old.st_mode & 07777);
  }

  ~Replacement() {
    if (!committed_) ::unlink(name_.c_str());
  }

  void append(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > buffer_limit) flush();
    if (bytes.size() > buffer_limit) {
      write_all(bytes);
    } else {
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    }
  }

  void sync() {
    flush();
    check(fsync(file_.get()));
  }

  void commit() {
    check(::rename(name_.c_str(), target_.c_str()));
    committed_ = true;
    const Descriptor folder(::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems cannot sync a folder and say so with EINVAL.
    if (folder && fsync(folder.get()) != 0 && errno != EINVAL) check(-1);
  }

 private:
  static constexpr std::size_t buffer_limit = 64 << 10;

  /// Sets `name_`. Names that a killed process of the same number left behind are passed over.
  int create() {
    static std::atomic<unsigned> counter = 0;
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 100; ++attempt) {
      name_ = folder_of(target_) / fmt::format(".strata-{}-{}.tmp", getpid(), counter++);
      fd = ::open(name_.c_str(), flags, 0666);
      if (fd < 0 && errno != EEXIST) break;
    }
    check(fd);
    return fd;
  }

  void check(int result) const {
    if (result < 0) fail(ErrorCode::io, "writing {}: {}", target_.native(), reason(errno));
  }

  void flush() {
    write_all(buffer_);
    buffer_.clear();
  }

  void write_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      check(written < 0 ? -1 : 0);
      bytes = bytes.subspan(std::size_t(written));
    }
  }

  fs::path target_;
  fs::path name_;
  Descriptor file_;
  std::vector<std::byte> buffer_;
  bool committed_ = false;
};

/// Where the bytes really go. Renaming over a device or a link would destroy it, so a link is
/// followed and everything else that is no regular file is refused.
fs::path real_target(const fs::path& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail(ErrorCode::io, "writing {}: not a regular file", path.native());
  }
  const bool link = fs::is_symlink(fs::symlink_status(path, ignored));
  return link && fs::exists(status) ? fs::canonical(path, ignored) : path;
}

}  // namespace

MappedFile MappedFile::open(const fs::path& path) { return map(open_regular(path), path.native()); }

MappedFile open_beneath(const fs::path& folder, std::string_view relative) {
  return detail::open_beneath(folder, relative, true);
}

MappedFile detail::open_beneath(const fs::path& folder, std::string_view relative, bool by_kernel) {
  const std::vector<std::string> components = safe_components(relative);
  const std::string inside(relative);
  const fs::path base = folder.empty() ? fs::path(".") : folder;
  const std::string name = (base / inside).native();
  const Descriptor root(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) fail(ErrorCode::io, "{}: {}", base.native(), reason(errno));

  Descriptor file(-1);
  if (by_kernel) file = open_by_kernel(root, inside);
  // EAGAIN: a rename was under way, and the kernel cannot tell whether the path stayed inside.
  const bool undecided = errno == ENOSYS || errno == EPERM || errno == EAGAIN;
  if (!file && (!by_kernel || undecided)) file = open_by_component(root, components);
  if (file) return map(file, name);
  if (errno == EXDEV || errno == ELOOP) {
    fail(ErrorCode::model, "{}: a symbolic link leads, or may lead, out of {}", name,
         base.native());
  }
  fail(ErrorCode::io, "{}: {}", name, reason(errno));
}

std::string read_file(const fs::path& path, std::size_t limit) {
  const Descriptor file = open_regular(path);
  const std::size_t expected = regular_size(file, path.native());
  std::string content;
  // Files of /proc say that they are empty, so the end is where reading ends.
  for (std::size_t wanted = std::min(expected, limit) + 1;; wanted = 64 << 10) {
    const std::size_t filled = content.size();
    content.resize(filled + wanted);
    const ssize_t got = ::read(file.get(), content.data() + filled, wanted);
    if (got < 0 && errno != EINTR) fail(ErrorCode::io, "{}: {}", path.native(), reason(errno));
    content.resize(filled + std::size_t(std::max<ssize_t>(got, 0)));
    if (content.size() > limit) {
      fail(ErrorCode::io, "{}: larger than {} bytes, the most accepted here", path.native(), limit);
    }
    if (got == 0) return content;
  }
}

void write_file(const fs::path& path, const std::function<void(const ByteSink& sink)>& write) {
  const FileContent file{path, write};
  write_files(std::span(&file, 1));
}

void write_file(const fs::path& path, std::string_view content) {
  write_file(path, [&](const ByteSink& sink) { sink(std::as_bytes(std::span(content))); });
}

void write_files(std::span<const FileContent> files) {
  std::deque<Replacement> replacements;
  for (const FileContent& file : files) {
    Replacement& replacement = replacements.emplace_back(real_target(file.path));
    file.write([&](std::span<const std::byte> bytes) { replacement.append(bytes); });
    replacement.sync();
  }
  for (Replacement& replacement : replacements) replacement.commit();
}

void drop_pages(std::span<const std::byte> bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (!bytes.empty()) Mappings::all().drop(begin, begin + bytes.size());
}

}  // namespace strata
