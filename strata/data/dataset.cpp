#include "strata/data/dataset.hpp"

#include <algorithm>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/idx.hpp"
#include "strata/data/npy.hpp"
#include "strata/data/sources.hpp"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view sidecar_name = "dataset.toml";
constexpr std::string_view model_sidecar_name = "preprocess.toml";

void set_class_names(const Sidecar& sidecar, std::vector<std::string>& names) {
  if (!sidecar.labels.classes) return;
  with_context([&] { return "classes " + *sidecar.labels.classes; },
               [&] {
                 const auto file = open_beneath(sidecar.folder, *sidecar.labels.classes);
                 const auto bytes = file.bytes();
                 names = parse_classes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
               });
}

void merge(const Sidecar& sidecar, SourceContext& context) {
  if (sidecar.image) context.image = sidecar.image;
  if (sidecar.audio) context.audio = sidecar.audio;
  if (sidecar.detections) context.detections = sidecar.detections;
  if (sidecar.input_name) context.input_name = *sidecar.input_name;
  if (sidecar.labels.offset != 0) context.labels.offset = sidecar.labels.offset;
  set_class_names(sidecar, context.class_names);
}

/// What holds beside the data's own sidecar, which comes first so that the others go before it.
/// `files`: pictures and clips, which a sidecar beside the model serves.
SourceContext make_context(const DatasetOptions& options, const Sidecar* own, bool files) {
  SourceContext context;
  context.dtype = options.dtype;
  context.grid = options.grid;
  context.item_shape = options.item_shape;
  context.label_file = options.labels;
  if (own) {
    context.labels = own->labels;
    context.folder = own->folder;
    merge(*own, context);
  }
  std::error_code error;
  const fs::path beside_model = options.model.parent_path() / model_sidecar_name;
  if (!options.preprocess.empty()) {
    merge(read_sidecar(options.preprocess), context);
  } else if (files && !context.image && !context.audio && !options.model.empty() &&
             fs::is_regular_file(beside_model, error)) {
    merge(read_sidecar(beside_model), context);
  }
  for (const auto& [key, value] : options.image_keys) {
    if (!context.image) context.image.emplace();
    set_image_key(*context.image, key, value);
  }
  if (context.image && context.image->size && (context.image->resize || context.image->crop)) {
    fail(ErrorCode::usage, "size excludes resize and crop");
  }
  return context;
}

bool is_picture_or_clip(std::string_view name) {
  return image::has_image_suffix(name) || has_clip_suffix(name);
}

enum class FileKind { pictures, clips, either };

FileSet::Wanted names_of(FileKind kind) {
  return kind == FileKind::pictures ? image::has_image_suffix
         : kind == FileKind::clips  ? has_clip_suffix
                                    : is_picture_or_clip;
}

std::unique_ptr<Dataset> open_files(FileSet files, FileKind kind, const SourceContext& context) {
  if (kind == FileKind::either) {
    const auto clips = std::ranges::count_if(files.names(), has_clip_suffix);
    if (clips > 0 && std::size_t(clips) < files.names().size()) {
      fail(ErrorCode::usage,
           "{} clips and {} pictures in one place; a sidecar with [clips] or [pictures] says which "
           "are meant",
           clips, files.names().size() - std::size_t(clips));
    }
    kind = clips > 0 ? FileKind::clips : FileKind::pictures;
  }
  return kind == FileKind::clips ? open_clip_files(std::move(files), context)
                                 : open_picture_files(std::move(files), context);
}

std::unique_ptr<Dataset> open_sidecar(const fs::path& path, const DatasetOptions& options) {
  const Sidecar sidecar = parse_sidecar(read_file(path, most_sidecar_bytes), path.parent_path());
  const SourceContext context = make_context(options, &sidecar, !sidecar.records);
  if (sidecar.records && !options.labels.empty()) {
    fail(ErrorCode::usage, "labels of records are named in their sidecar, not given separately");
  }
  if (sidecar.records) return open_records(*sidecar.records, context);
  const FileKind kind = sidecar.clips || (sidecar.audio && !sidecar.pictures) ? FileKind::clips
                        : sidecar.pictures || sidecar.image                   ? FileKind::pictures
                                                                              : FileKind::either;
  const auto& spec = sidecar.clips ? sidecar.clips : sidecar.pictures;
  if (spec && spec->archive) {
    const std::string& name = *spec->archive;
    return with_context([&] { return "archive " + name; },
                        [&] {
                          const MappedFile archive = open_beneath(sidecar.folder, name);
                          return open_files(FileSet::in_archive(archive, names_of(kind)), kind,
                                            context);
                        });
  }
  FileSet files = FileSet::in_folder(sidecar.folder, names_of(kind));
  if (sidecar.labels.masks) files.leave_out(*sidecar.labels.masks);  // masks are no items
  return open_files(std::move(files), kind, context);
}

bool is_archive(const std::string& name) {
  constexpr std::string_view suffixes[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".zip"};
  return std::ranges::any_of(suffixes, [&](std::string_view s) { return name.ends_with(s); });
}

/// What lies in a folder without pictures or clips: some of the names, sorted.
std::string other_files(const fs::path& folder) {
  constexpr std::size_t shown = 3;
  const FileSet files = FileSet::in_folder(folder, [](std::string_view) { return true; });
  std::string text;
  for (const std::string& name : files.names()) {
    if (&name - files.names().data() == shown) return text + ", ...";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

/// Pictures or clips below a folder without a sidecar.
std::unique_ptr<Dataset> open_folder(const fs::path& path, const DatasetOptions& options) {
  FileSet files = FileSet::in_folder(path, is_picture_or_clip);
  const std::string others = files.names().empty() ? other_files(path) : "";
  if (!others.empty()) {
    fail(ErrorCode::model,
         "no pictures (.png, .jpg, .jpeg, .bmp) and no clips (.wav) in this folder, but {}; data "
         "in one file are given by its name, records in several need a dataset.toml",
         others);
  }
  return open_files(std::move(files), FileKind::either, make_context(options, nullptr, true));
}

std::unique_ptr<Dataset> open_any(const fs::path& path, const DatasetOptions& options) {
  const std::string name = path.filename().string();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return open_folder(path, options);
  }
  if (name.ends_with(".toml")) return open_sidecar(path, options);
  if (name.ends_with(".npy")) {
    return open_array(read_npy(path), make_context(options, nullptr, false));
  }
  if (is_archive(name)) {
    const SourceContext context = make_context(options, nullptr, true);
    FileSet files = FileSet::in_archive(MappedFile::open(path), is_picture_or_clip);
    return open_files(std::move(files), FileKind::either, context);
  }
  if (has_idx_name(name)) return open_idx(path, make_context(options, nullptr, true));
  if (name.ends_with(".bin")) {
    if (!options.labels.empty()) {
      fail(ErrorCode::usage, "CIFAR-10 records carry their labels; no others are accepted");
    }
    return open_cifar(path, make_context(options, nullptr, true));
  }
  MappedFile::open(path);  // a missing file is the better message
  fail(ErrorCode::usage,
       "unknown kind of data; accepted are a sidecar (.toml), a folder with a dataset.toml, an "
       "array (.npy), an idx file (named .idx or like train-images-idx3-ubyte, or that with .gz), "
       "CIFAR-10 records (.bin), and pictures or wav clips in a folder, .tar, .tar.gz, .tar.zst or "
       ".zip");
}

}  // namespace

std::size_t Dataset::item_bytes() const {
  return std::size_t(about_.item_shape.elements()) * size_of(about_.dtype);
}

std::string Dataset::item_name(std::int64_t index) const { return fmt::format("record {}", index); }

std::optional<Window> Dataset::window(std::int64_t) const { return std::nullopt; }

std::optional<std::int32_t> Dataset::label(std::int64_t index) const {
  STRATA_ASSERT(index >= 0 && index < size());
  if (about_.labels.empty()) return std::nullopt;
  return about_.labels[std::size_t(index)];
}

std::string class_name(const std::vector<std::string>& names, std::int64_t label) {
  if (label >= 0 && std::size_t(label) < names.size() && !names[std::size_t(label)].empty()) {
    return names[std::size_t(label)];
  }
  return fmt::format("class {}", label);
}

std::unique_ptr<Dataset> open_dataset(const fs::path& given, const DatasetOptions& options) {
  std::error_code error;
  const fs::path path =
      fs::is_regular_file(given / sidecar_name, error) ? given / sidecar_name : given;
  return with_context([&] { return "reading " + path.string(); },
                      [&] {
                        auto dataset = open_any(path, options);
                        const auto& names = dataset->class_names();
                        for (std::int64_t i = 0; i < dataset->size() && !names.empty(); ++i) {
                          const auto label = dataset->label(i);
                          if (label && std::size_t(*label) >= names.size()) {
                            fail(ErrorCode::model, "{}: class {}, there are {} classes",
                                 dataset->item_name(i), *label, names.size());
                          }
                        }
                        return dataset;
                      });
}

std::unique_ptr<Dataset> open_listed(std::vector<std::string> files,
                                     const DatasetOptions& options) {
  return open_files(FileSet::listed(std::move(files)), FileKind::either,
                    make_context(options, nullptr, true));
}

std::vector<std::string> find_class_names(const DatasetOptions& options) {
  return make_context(options, nullptr, true).class_names;
}

}  // namespace strata::data
