#pragma once

#include <memory>

#include "strata/base/file.hpp"
#include "strata/data/dataset.hpp"
#include "strata/data/sidecar.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::data {

// The kinds of data sets; open_dataset chooses.

/// What all kinds need besides their own files.
struct SourceContext {
  DType dtype = DType::f32;
  std::optional<Shape> item_shape;
  std::optional<ImageSpec> image;    ///< [image] as resolved
  LabelsSpec labels;                 ///< [labels] of the data's own sidecar
  std::filesystem::path folder;      ///< what `labels` is relative to
  std::filesystem::path label_file;  ///< --labels
  std::vector<std::string> class_names;
  std::string input_name;
};

std::unique_ptr<Dataset> open_records(const RecordsSpec& spec, const SourceContext& context);
std::unique_ptr<Dataset> open_array(const std::filesystem::path& path,
                                    const SourceContext& context);
std::unique_ptr<Dataset> open_cifar(const std::filesystem::path& path,
                                    const SourceContext& context);
std::unique_ptr<Dataset> open_picture_folder(const std::filesystem::path& folder,
                                             const SourceContext& context);
std::unique_ptr<Dataset> open_picture_list(std::vector<std::string> files,
                                           const SourceContext& context);
std::unique_ptr<Dataset> open_picture_archive(const MappedFile& file, const SourceContext& context);

}  // namespace strata::data
