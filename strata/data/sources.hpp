#pragma once

#include <memory>

#include "strata/base/file.hpp"
#include "strata/data/dataset.hpp"
#include "strata/data/files.hpp"
#include "strata/data/sidecar.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::data {

// The kinds of data sets; open_dataset chooses.

/// What all kinds need besides their own files.
struct SourceContext {
  DType dtype = DType::f32;
  std::optional<Shape> item_shape;
  std::optional<Grid> grid;
  std::optional<ImageSpec> image;  ///< [image] as resolved
  std::optional<AudioSpec> audio;  ///< [audio] likewise
  std::optional<DetectionSpec> detections;
  LabelsSpec labels;                 ///< [labels] of the data's own sidecar
  std::filesystem::path folder;      ///< what `labels` is relative to
  std::filesystem::path label_file;  ///< --labels
  std::vector<std::string> class_names;
  std::string input_name;
};

/// What the context says of any data set.
Dataset::About describe(const SourceContext& context, const Shape& item_shape);
/// Size and labels of a data set whose items are these files: by csv, else by folder.
void label_files(Dataset::About& about, std::span<const std::string> names,
                 const SourceContext& context);
/// Labels of records and arrays, as --labels or [labels] name them; none if neither does.
std::vector<std::int32_t> read_label_list(const SourceContext& context);
/// Throws model unless there are as many labels as items, or none.
void check_label_count(const Dataset::About& about);

std::unique_ptr<Dataset> open_records(const RecordsSpec& spec, const SourceContext& context);
/// Rows of an array.
std::unique_ptr<Dataset> open_array(Tensor tensor, const SourceContext& context);
/// An idx file: pictures if it has bytes [n,height,width] or [n,height,width,3], else an array.
std::unique_ptr<Dataset> open_idx(const std::filesystem::path& path, const SourceContext& context);
/// Pixels (n, height, width, channels) of bytes as pictures.
std::unique_ptr<Dataset> open_pixels(Tensor pixels, const SourceContext& context);
std::unique_ptr<Dataset> open_cifar(const std::filesystem::path& path,
                                    const SourceContext& context);
std::unique_ptr<Dataset> open_picture_files(FileSet files, const SourceContext& context);
std::unique_ptr<Dataset> open_clip_files(FileSet files, const SourceContext& context);

}  // namespace strata::data
