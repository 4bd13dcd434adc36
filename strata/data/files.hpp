#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/file.hpp"
#include "strata/data/archive.hpp"

namespace strata::data {

/// The files that are the items of a data set: below a folder, in an archive, or listed.
class FileSet {
 public:
  using Wanted = bool (*)(std::string_view name);

  /// Names are relative to the folder and sorted. Throws io.
  static FileSet in_folder(const std::filesystem::path& folder, Wanted wanted);
  /// In archive order; see read_archive.
  static FileSet in_archive(const MappedFile& archive, Wanted wanted);
  static FileSet listed(std::vector<std::string> paths);

  /// Leaves out the files in this folder of the set's own; before any is opened.
  void leave_out(std::string_view folder);

  const std::vector<std::string>& names() const { return names_; }
  /// "folder of ", "archive of " or nothing.
  std::string_view place() const { return place_; }
  /// Throws io. Any number of threads at a time.
  MappedFile open(std::size_t index) const;

 private:
  std::string_view place_;
  std::filesystem::path folder_;
  std::vector<std::string> names_;
  std::vector<MappedFile> contents_;  // of an archive
};

}  // namespace strata::data
