#include <algorithm>
#include <cstring>

#include "strata/base/error.hpp"
#include "strata/data/archive.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/sources.hpp"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_pictures = 10'000'000;
constexpr std::size_t most_csv_bytes = std::size_t(1) << 30;
constexpr int most_folder_depth = 16;
constexpr int cifar_side = 32;
constexpr std::size_t cifar_plane = cifar_side * cifar_side;
constexpr std::size_t cifar_record = 1 + 3 * cifar_plane;

/// Pictures by number; what differs between kinds is where their pixels come from.
class Pictures : public Dataset {
 public:
  Pictures(About about, Preprocess preprocess)
      : Dataset(std::move(about)), preprocess_(std::move(preprocess)) {}

  void read(std::int64_t index, void* out) const override {
    STRATA_ASSERT(index >= 0 && index < size());
    with_context([&] { return item_name(index); }, [&] { preprocess_.apply(picture(index), out); });
  }

 private:
  virtual Image picture(std::int64_t index) const = 0;
  Preprocess preprocess_;
};

class FolderPictures : public Pictures {
 public:
  FolderPictures(About about, Preprocess preprocess, fs::path folder,
                 std::vector<std::string> paths)
      : Pictures(std::move(about), std::move(preprocess)),
        folder_(std::move(folder)),
        paths_(std::move(paths)) {}
  std::string item_name(std::int64_t index) const override { return paths_[std::size_t(index)]; }

 private:
  Image picture(std::int64_t index) const override {
    return image::decode_image(MappedFile::open(folder_ / paths_[std::size_t(index)]).bytes());
  }
  fs::path folder_;
  std::vector<std::string> paths_;
};

class ArchivePictures : public Pictures {
 public:
  ArchivePictures(About about, Preprocess preprocess, std::vector<ArchiveEntry> entries)
      : Pictures(std::move(about), std::move(preprocess)), entries_(std::move(entries)) {}
  std::string item_name(std::int64_t index) const override {
    return entries_[std::size_t(index)].name;
  }

 private:
  Image picture(std::int64_t index) const override {
    return image::decode_image(entries_[std::size_t(index)].content.bytes());
  }
  std::vector<ArchiveEntry> entries_;
};

/// Records of a label byte and three planes of 32 x 32 pixels: red, green, blue.
class CifarPictures : public Pictures {
 public:
  CifarPictures(About about, Preprocess preprocess, MappedFile file)
      : Pictures(std::move(about), std::move(preprocess)), file_(std::move(file)) {}

 private:
  Image picture(std::int64_t index) const override {
    const auto planes =
        file_.bytes().subspan(std::size_t(index) * cifar_record + 1, 3 * cifar_plane);
    Image image = image::blank_image(cifar_side, cifar_side, 3);
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = 0; i < cifar_plane; ++i) {
        image.pixels[i * 3 + c] = std::uint8_t(planes[c * cifar_plane + i]);
      }
    }
    return image;
  }
  MappedFile file_;
};

/// Pictures below a folder, relative to it, sorted.
std::vector<std::string> list_pictures(const fs::path& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at.depth() > most_folder_depth || paths.size() > most_pictures) {
      fail(ErrorCode::model, "more than {} folders within folders, or {} pictures",
           most_folder_depth, most_pictures);
    }
    std::error_code unreadable;
    if (image::has_image_suffix(at->path().native()) && at->is_regular_file(unreadable)) {
      paths.push_back(at->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) fail(ErrorCode::io, "{}: {}", folder.string(), error.message());
  std::ranges::sort(paths);
  return paths;
}

Preprocess make_preprocess(const SourceContext& context) {
  return Preprocess(context.image.value_or(ImageSpec{}), context.dtype, context.item_shape);
}

Dataset::About describe(const SourceContext& context, const Preprocess& preprocess) {
  Dataset::About about;
  about.item_shape = preprocess.item_shape();
  about.dtype = context.dtype;
  about.class_names = context.class_names;
  about.input_name = context.input_name;
  about.bare_pixels = !context.image && is_float(context.dtype);
  return about;
}

std::optional<LabelTable> read_table(const SourceContext& context) {
  const auto parse = [](const MappedFile& file) {
    const auto bytes = file.bytes();
    if (bytes.size() > most_csv_bytes) fail(ErrorCode::model, "{} bytes", bytes.size());
    return LabelTable::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  if (!context.label_file.empty()) {
    return with_context([&] { return "labels " + context.label_file.string(); },
                        [&] { return parse(MappedFile::open(context.label_file)); });
  }
  if (!context.labels.file) return std::nullopt;
  return with_context([&] { return "labels " + *context.labels.file; },
                      [&] { return parse(open_beneath(context.folder, *context.labels.file)); });
}

void set_labels(Dataset::About& about, std::span<const std::string> paths,
                const SourceContext& context) {
  about.size = std::int64_t(paths.size());
  if (paths.empty()) {
    fail(ErrorCode::model, "no pictures: files with names in .png, .jpg, .jpeg or .bmp expected");
  }
  if (const auto table = read_table(context)) {
    for (const std::string& path : paths) about.labels.push_back(table->label_of(path));
    if (about.class_names.empty()) about.class_names = table->class_names();
    return;
  }
  if (auto by_folder = labels_by_folder(paths, about.class_names)) {
    about.labels = std::move(by_folder->labels);
    about.class_names = std::move(by_folder->class_names);
  }
}

}  // namespace

std::unique_ptr<Dataset> open_picture_folder(const fs::path& folder, const SourceContext& context) {
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe(context, preprocess);
  const fs::path root = folder.empty() ? fs::path(".") : folder;
  std::vector<std::string> paths = list_pictures(root);
  set_labels(about, paths, context);
  about.description = "folder of pictures";
  return std::make_unique<FolderPictures>(std::move(about), std::move(preprocess), root,
                                          std::move(paths));
}

std::unique_ptr<Dataset> open_picture_list(std::vector<std::string> files,
                                           const SourceContext& context) {
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe(context, preprocess);
  about.size = std::int64_t(files.size());
  about.description = "pictures";
  return std::make_unique<FolderPictures>(std::move(about), std::move(preprocess), fs::path(),
                                          std::move(files));
}

std::unique_ptr<Dataset> open_picture_archive(const MappedFile& file,
                                              const SourceContext& context) {
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe(context, preprocess);
  std::vector<ArchiveEntry> entries = read_archive(file, ArchiveKind::any, image::has_image_suffix);
  std::vector<std::string> paths;
  for (const ArchiveEntry& entry : entries) paths.push_back(entry.name);
  set_labels(about, paths, context);
  about.description = "archive of pictures";
  return std::make_unique<ArchivePictures>(std::move(about), std::move(preprocess),
                                           std::move(entries));
}

std::unique_ptr<Dataset> open_cifar(const fs::path& path, const SourceContext& context) {
  MappedFile file = MappedFile::open(path);
  const auto bytes = file.bytes();
  if (bytes.empty() || bytes.size() % cifar_record != 0) {
    fail(ErrorCode::model, "{} bytes are no whole number of CIFAR-10 records of {} bytes",
         bytes.size(), cifar_record);
  }
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe(context, preprocess);
  about.size = std::int64_t(bytes.size() / cifar_record);
  about.description = "CIFAR-10 records";
  for (std::size_t at = 0; at < bytes.size(); at += cifar_record) {
    const auto label = std::int32_t(bytes[at]);
    if (label > 9) {
      fail(ErrorCode::model, "record {}: class {}, CIFAR-10 has 0 to 9", at / cifar_record, label);
    }
    about.labels.push_back(label);
  }
  if (about.class_names.empty()) {
    about.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                         "dog",      "frog",       "horse", "ship", "truck"};
  }
  return std::make_unique<CifarPictures>(std::move(about), std::move(preprocess), std::move(file));
}

}  // namespace strata::data
