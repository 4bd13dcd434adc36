#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "strata/data/dataset.hpp"
#include "strata/data/files.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::data {

/// Pixels of masks that belong to no class and do not count.
constexpr std::uint8_t ignored_pixel = 255;

/// The class of each pixel of a data set's items: gray pictures in a folder or an archive, named as
/// the items are but for the ending, or an array [n,height,width] of integers.
class Masks {
 public:
  /// From `given`, else from what the data set's sidecar names. Throws usage if neither says.
  static Masks open(const Dataset& dataset, const std::filesystem::path& given = {});

  /// One channel, resized and cut as the item was. Throws model naming the item. Any thread.
  Image read(std::int64_t item) const;

 private:
  explicit Masks(const Dataset& dataset) : dataset_(dataset) {}
  void open_from(const std::filesystem::path& path);
  Image decode(std::int64_t item) const;

  const Dataset& dataset_;
  FileSet files_;
  std::map<std::string, std::size_t, std::less<>> by_stem_;
  std::optional<Tensor> array_;
};

}  // namespace strata::data
