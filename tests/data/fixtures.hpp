#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"

namespace strata::data {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Every prefix of `whole`, each in a block of its own so that reading beyond it is noticed, is
/// either refused with an Error that no defect explains, or accepted by `may_pass`.
inline void expect_prefixes_refused(std::string_view whole,
                                    const std::function<void(std::span<const std::byte>)>& read,
                                    std::size_t may_pass_from = std::string_view::npos) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> prefix(whole.begin(), whole.begin() + std::ptrdiff_t(size));
    try {
      read(std::as_bytes(std::span(prefix)));
      EXPECT_GE(size, may_pass_from) << "a prefix of " << size << " bytes was accepted";
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << size << " bytes: " << error.what();
    }
  }
}

/// Changes each byte in turn to a few values; whatever comes out, no defect may show.
inline void expect_no_defect(std::string_view whole,
                             const std::function<void(std::span<const std::byte>)>& read) {
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::vector<char> damaged(whole.begin(), whole.end());
      damaged[at] = char(damaged[at] ^ change);
      try {
        read(std::as_bytes(std::span(damaged)));
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << "byte " << at << ": " << error.what();
      }
    }
  }
}

/// A file of tests/corpus.
inline std::string corpus(std::string_view name) {
  return read_file(std::string(STRATA_SOURCE_DIR "/tests/corpus/") + std::string(name), 1 << 20);
}

/// A folder that is gone after the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "strata-data-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  /// Writes a file, with the folders it lies in; returns its path.
  std::filesystem::path add(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    write_file(path_ / name, content);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace strata::data
