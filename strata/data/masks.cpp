#include "strata/data/masks.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/data/npy.hpp"
#include "strata/data/truth_path.hpp"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

std::string_view stem_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

std::string_view base_of(std::string_view name) {
  return name.substr(name.rfind('/') + 1);  // npos + 1 is 0
}

Image one_channel(Image image) {
  if (image.channels == 1) return image;
  Image mask = image::blank_image(image.height, image.width, 1);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const std::uint8_t* p = image.pixels.data() + 3 * i;
    if (p[0] != p[1] || p[0] != p[2]) {
      fail(ErrorCode::model,
           "pixel {} is coloured ({}, {}, {}); masks are gray, the shade being the class", i, p[0],
           p[1], p[2]);
    }
    mask.pixels[i] = p[0];
  }
  return mask;
}

}  // namespace

Masks Masks::open(const Dataset& dataset, const fs::path& given) {
  Masks masks(dataset);
  const fs::path path = truth_path(given, dataset.truth(), dataset.truth().masks);
  if (path.empty()) {
    fail(ErrorCode::usage,
         "no masks: give them as --truth, or as [labels] masks in the sidecar of the data");
  }
  with_context([&] { return "masks " + path.string(); }, [&] { masks.open_from(path); });
  return masks;
}

void Masks::open_from(const fs::path& path) {
  if (path.extension() == ".npy") {
    array_ = read_npy(path);
    const Shape& shape = array_->shape();
    if (shape.rank() != 3 || !is_integer(array_->dtype()) || shape[0] != dataset_.size()) {
      fail(ErrorCode::model, "{}{} given, integers [{},height,width] expected",
           to_string(array_->dtype()), to_string(shape), dataset_.size());
    }
    return;
  }
  std::error_code error;
  files_ = fs::is_directory(path, error)
               ? FileSet::in_folder(path, image::has_image_suffix)
               : FileSet::in_archive(MappedFile::open(path), image::has_image_suffix);
  for (std::size_t i = 0; i < files_.names().size(); ++i) {
    by_stem_.emplace(stem_of(files_.names()[i]), i);
    by_stem_.emplace(base_of(stem_of(files_.names()[i])), i);
  }
}

Image Masks::decode(std::int64_t item) const {
  if (array_) {
    const Shape& shape = array_->shape();
    Image mask = image::blank_image(shape[1], shape[2], 1);
    const auto bytes = mask.pixels.size() * size_of(array_->dtype());
    const Tensor row = Tensor::borrow(
        array_->dtype(), Shape{shape[1], shape[2]},
        static_cast<const void*>(array_->bytes().data() + std::size_t(item) * bytes));
    std::size_t at = 0;
    for (const std::int64_t value : row.to_int64()) {
      if (value < 0 || value > ignored_pixel) {
        fail(ErrorCode::model, "class {} in a mask, accepted are 0 to 254, and 255 for none",
             value);
      }
      mask.pixels[at++] = std::uint8_t(value);
    }
    return mask;
  }
  const std::string name = dataset_.item_name(item);
  auto found = by_stem_.find(stem_of(name));
  if (found == by_stem_.end()) found = by_stem_.find(base_of(stem_of(name)));
  if (found == by_stem_.end()) {
    fail(ErrorCode::model, "no mask has this name but for the ending");
  }
  return one_channel(image::decode_image(files_.open(found->second).bytes()));
}

Image Masks::read(std::int64_t item) const {
  return with_context([&] { return "mask of " + dataset_.item_name(item); },
                      [&] { return dataset_.fit_mask(decode(item)); });
}

}  // namespace strata::data
