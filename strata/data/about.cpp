#include "strata/base/error.hpp"
#include "strata/data/archive.hpp"
#include "strata/data/idx.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/npy.hpp"
#include "strata/data/sources.hpp"

// What data sets of all kinds tell about themselves.

namespace strata::data {
namespace {

constexpr std::size_t most_csv_bytes = std::size_t(1) << 30;

std::string_view text_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() > most_csv_bytes) fail(ErrorCode::model, "{} bytes", bytes.size());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void add_offset(std::vector<std::int32_t>& labels, std::int64_t offset) {
  if (offset == 0) return;
  for (std::int32_t& label : labels) label = checked_label(label + offset);
}

std::optional<LabelTable> read_table(const SourceContext& context) {
  if (!context.label_file.empty()) {
    return with_context(
        [&] { return "labels " + context.label_file.string(); },
        [&] { return LabelTable::parse(text_of(MappedFile::open(context.label_file))); });
  }
  if (!context.labels.file) return std::nullopt;
  return with_context([&] { return "labels " + *context.labels.file; },
                      [&] {
                        const auto file = open_beneath(context.folder, *context.labels.file);
                        return LabelTable::parse(text_of(file));
                      });
}

/// A file of labels by itself: .npy, idx, or else raw numbers.
std::vector<std::int32_t> parse_list(const MappedFile& packed, const std::string& name,
                                     const LabelsSpec& spec) {
  const MappedFile file = unpacked(packed, name);
  const std::string_view bare = without_compression(name);
  if (spec.column) return parse_label_column(text_of(file), *spec.column);
  if (bare.ends_with(".npy")) return labels_from(parse_npy(file.bytes(), file.owner()));
  if (has_idx_name(bare)) return labels_from(parse_idx(file.bytes()));
  return parse_labels(file.bytes(), spec.dtype);
}

}  // namespace

Dataset::About describe(const SourceContext& context, const Shape& item_shape) {
  Dataset::About about;
  about.item_shape = item_shape;
  about.dtype = context.dtype;
  about.class_names = context.class_names;
  about.input_name = context.input_name;
  about.detections = context.detections;
  about.truth = {context.folder, context.labels.masks.value_or(""),
                 context.labels.boxes.value_or("")};
  return about;
}

void label_files(Dataset::About& about, std::span<const std::string> names,
                 const SourceContext& context) {
  about.size = std::int64_t(names.size());
  if (context.labels.column) {
    fail(ErrorCode::model, "[labels] column: for records; a csv for files names them in a column");
  }
  if (const auto table = read_table(context)) {
    for (const std::string& name : names) about.labels.push_back(table->label_of(name));
    if (about.class_names.empty()) about.class_names = table->class_names();
  } else if (auto by_folder = labels_by_folder(names, about.class_names)) {
    about.labels = std::move(by_folder->labels);
    about.class_names = std::move(by_folder->class_names);
  }
  if (context.labels.offset != 0) about.class_names = context.class_names;
  add_offset(about.labels, context.labels.offset);
}

std::vector<std::int32_t> read_label_list(const SourceContext& context) {
  std::vector<std::int32_t> labels;
  if (!context.label_file.empty()) {
    labels =
        with_context([&] { return "labels " + context.label_file.string(); },
                     [&] {
                       return parse_list(MappedFile::open(context.label_file),
                                         context.label_file.filename().string(), context.labels);
                     });
  } else if (context.labels.file) {
    const std::string& name = *context.labels.file;
    labels = with_context(
        [&] { return "labels " + name; },
        [&] { return parse_list(open_beneath(context.folder, name), name, context.labels); });
  }
  add_offset(labels, context.labels.offset);
  return labels;
}

void check_label_count(const Dataset::About& about) {
  if (!about.labels.empty() && std::int64_t(about.labels.size()) != about.size) {
    fail(ErrorCode::model, "{} labels for {} records", about.labels.size(), about.size);
  }
}

}  // namespace strata::data
