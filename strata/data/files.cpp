#include "strata/data/files.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 10'000'000;
constexpr int most_folder_depth = 16;

std::vector<std::string> list_files(const fs::path& folder, FileSet::Wanted wanted) {
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at.depth() > most_folder_depth || names.size() > most_files) {
      fail(ErrorCode::model, "more than {} folders within folders, or {} files", most_folder_depth,
           most_files);
    }
    std::error_code unreadable;
    if (wanted(at->path().native()) && at->is_regular_file(unreadable)) {
      names.push_back(at->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) fail(ErrorCode::io, "{}: {}", folder.string(), error.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

FileSet FileSet::in_folder(const fs::path& folder, Wanted wanted) {
  FileSet set;
  set.place_ = "folder of ";
  set.folder_ = folder.empty() ? fs::path(".") : folder;
  set.names_ = list_files(set.folder_, wanted);
  return set;
}

FileSet FileSet::in_archive(const MappedFile& archive, Wanted wanted) {
  FileSet set;
  set.place_ = "archive of ";
  for (ArchiveEntry& entry : read_archive(archive, ArchiveKind::any, wanted)) {
    set.names_.push_back(std::move(entry.name));
    set.contents_.push_back(std::move(entry.content));
  }
  return set;
}

FileSet FileSet::listed(std::vector<std::string> paths) {
  FileSet set;
  set.names_ = std::move(paths);
  return set;
}

void FileSet::leave_out(std::string_view folder) {
  STRATA_ASSERT(contents_.empty());
  const std::string within = std::string(folder) + "/";
  std::erase_if(names_, [&](const std::string& name) { return name.starts_with(within); });
}

MappedFile FileSet::open(std::size_t index) const {
  if (!contents_.empty()) return contents_[index];
  return MappedFile::open(folder_ / names_[index]);
}

}  // namespace strata::data
