#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/data/audio.hpp"
#include "strata/data/detections.hpp"
#include "strata/data/preprocess.hpp"

namespace strata::data {

/// `[records]`: raw numbers, one record after the other.
struct RecordsSpec {
  std::vector<std::string> files;
  DType dtype = DType::u8;
  Shape shape;  ///< of one record
  std::optional<double> scale;
  std::optional<std::int64_t> zero_point;
  bool label_byte = false;  ///< each record begins with its label
};

/// `[pictures]` and `[clips]`: where they are.
struct FilesSpec {
  std::optional<std::string> archive;  ///< none: the folder of the sidecar
};

/// `[labels]`: what is right, and what the classes are called.
struct LabelsSpec {
  std::optional<std::string> file;
  DType dtype = DType::u8;
  std::optional<std::string> column;  ///< of a csv with a line for each item, in their order
  std::int64_t offset = 0;            ///< added to each label
  std::optional<std::string> classes;
  std::optional<std::string> masks;  ///< class of each pixel: a folder, an archive or an array
  std::optional<std::string> boxes;  ///< where things are: a csv
};

/// A sidecar as docs/data.md defines it; sections that are absent are empty.
struct Sidecar {
  std::filesystem::path folder;  ///< what its paths are relative to
  std::optional<std::string> input_name;
  std::optional<RecordsSpec> records;
  std::optional<FilesSpec> pictures;
  std::optional<FilesSpec> clips;
  LabelsSpec labels;
  std::optional<ImageSpec> image;
  std::optional<AudioSpec> audio;
  std::optional<DetectionSpec> detections;
};

constexpr std::size_t most_sidecar_bytes = 1 << 20;

/// Throws model naming the section and the key; `folder` is where its paths begin.
Sidecar parse_sidecar(std::string_view text, const std::filesystem::path& folder);
/// The same from a file of at most most_sidecar_bytes; Errors begin with "reading FILE".
Sidecar read_sidecar(const std::filesystem::path& path);

/// Sets one key of `[image]` as a command line gives it: `resize` "256", `crop` "224,224", `mean`
/// "0.485,0.456,0.406", `channels` "bgr". Throws usage.
void set_image_key(ImageSpec& spec, std::string_view key, std::string_view value);

/// The class names of a file: one in each line.
std::vector<std::string> parse_classes(std::string_view text);

}  // namespace strata::data
