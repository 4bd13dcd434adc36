#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/data/detections.hpp"
#include "strata/data/preprocess.hpp"
#include "strata/tensor/dtype.hpp"
#include "strata/tensor/grid.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::data {

/// Where truths lie that are more than a class for each item; empty: nowhere. In the folder
/// `folder` and not beyond, where that is not empty.
struct Truth {
  std::filesystem::path folder;
  std::string masks;
  std::string boxes;
};

/// Items for one input of a model, each with a label or all without. Items are read one by one:
/// records from mapped files, pictures decoded when asked for.
class Dataset {
 public:
  virtual ~Dataset() = default;

  std::int64_t size() const { return about_.size; }
  /// Of one item: the model's input without its batch dimension.
  const Shape& item_shape() const { return about_.item_shape; }
  DType dtype() const { return about_.dtype; }
  std::size_t item_bytes() const;
  /// Writes item `index` (below size()), row-major, item_bytes() bytes. Any number of threads at a
  /// time. Throws model or io naming the item.
  virtual void read(std::int64_t index, void* out) const = 0;
  /// "record 12", "0002_n01484850.jpg"
  virtual std::string item_name(std::int64_t index) const;

  bool labelled() const { return about_.size > 0 && !about_.labels.empty(); }
  std::optional<std::int32_t> label(std::int64_t index) const;
  /// By class, empty strings where a class has no name; may be empty.
  const std::vector<std::string>& class_names() const { return about_.class_names; }
  /// The graph input that is meant; empty: the only one.
  const std::string& input_name() const { return about_.input_name; }
  /// Pictures whose pixels become floats without any [image] that says how.
  bool bare_pixels() const { return about_.bare_pixels; }
  /// What the data are, for reports: "records i8 [1,49,10]".
  const std::string& description() const { return about_.description; }

  /// What the sidecars name besides labels; see Truth.
  const Truth& truth() const { return about_.truth; }
  const std::optional<DetectionSpec>& detections() const { return about_.detections; }
  /// Which axis of an item the channels are, where it is a picture.
  ImageLayout layout() const { return about_.layout; }
  /// A mask of an item's pixels, as it fits the item: resized and cut like the picture itself.
  virtual Image fit_mask(const Image& mask) const { return mask; }
  /// The part of the picture that the item shows; nothing for items that are no pictures.
  virtual std::optional<Window> window(std::int64_t index) const;

  /// What an implementation tells about itself.
  struct About {
    std::int64_t size = 0;
    Shape item_shape;
    DType dtype = DType::f32;
    std::vector<std::int32_t> labels;  ///< one for each item, or none
    std::vector<std::string> class_names;
    std::string input_name;
    std::string description;
    bool bare_pixels = false;
    Truth truth;
    std::optional<DetectionSpec> detections;
    ImageLayout layout = ImageLayout::nchw;
  };

 protected:
  explicit Dataset(About about) : about_(std::move(about)) {}

 private:
  About about_;
};

/// The name of a class, or "class 12" where it has none.
std::string class_name(const std::vector<std::string>& names, std::int64_t label);

struct DatasetOptions {
  /// Labels of data that bring none: an .npy or idx file for arrays, a csv for files.
  std::filesystem::path labels;
  /// A sidecar whose [image], [labels] classes and [input] go before those of the data.
  std::filesystem::path preprocess;
  /// The model's file: a preprocess.toml beside it serves pictures that have no [image] otherwise.
  std::filesystem::path model;
  /// Keys of [image] and their values as given on a command line; see set_image_key.
  std::vector<std::pair<std::string, std::string>> image_keys;
  /// What the model takes, without its batch dimension, where it says; and its element type.
  std::optional<Shape> item_shape;
  DType dtype = DType::f32;
  /// What the integers of its input stand for, where they do.
  std::optional<Grid> grid;
};

/// Opens data of any kind that docs/data.md names, told apart by the path: a sidecar (.toml) or a
/// folder with a dataset.toml; an .npy; an idx file of MNIST; a CIFAR-10 binary file (.bin); a
/// folder, tar or zip of pictures or clips. Throws io, model (bad files) or usage (data that do not
/// fit the model) naming the file.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path,
                                      const DatasetOptions& options = {});

/// These files, in this order, without labels: all pictures or all clips.
std::unique_ptr<Dataset> open_listed(std::vector<std::string> files,
                                     const DatasetOptions& options = {});
/// What the classes are called, by the sidecars that serve pictures; empty if they do not say.
std::vector<std::string> find_class_names(const DatasetOptions& options);

}  // namespace strata::data
