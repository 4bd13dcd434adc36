#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/sources.hpp"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

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
  Image fit_mask(const Image& mask) const override { return preprocess_.prepared_mask(mask); }
  std::optional<Window> window(std::int64_t index) const override {
    return with_context([&] { return item_name(index); },
                        [&] { return preprocess_.window(picture(index)); });
  }

 private:
  virtual Image picture(std::int64_t index) const = 0;
  Preprocess preprocess_;
};

class PictureFiles : public Pictures {
 public:
  PictureFiles(About about, Preprocess preprocess, FileSet files)
      : Pictures(std::move(about), std::move(preprocess)), files_(std::move(files)) {}
  std::string item_name(std::int64_t index) const override {
    return files_.names()[std::size_t(index)];
  }

 private:
  Image picture(std::int64_t index) const override {
    return image::decode_image(files_.open(std::size_t(index)).bytes());
  }
  FileSet files_;
};

/// Pixels of an array (n, height, width, channels).
class PixelPictures : public Pictures {
 public:
  PixelPictures(About about, Preprocess preprocess, Tensor pixels)
      : Pictures(std::move(about), std::move(preprocess)), pixels_(std::move(pixels)) {}

 private:
  Image picture(std::int64_t index) const override {
    const Shape& shape = pixels_.shape();
    Image image = image::blank_image(shape[1], shape[2], int(shape[3]));
    const auto from = pixels_.data<std::uint8_t>().subspan(std::size_t(index) * image.pixels.size(),
                                                           image.pixels.size());
    image.pixels.assign(from.begin(), from.end());
    return image;
  }
  Tensor pixels_;
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

Preprocess make_preprocess(const SourceContext& context) {
  return Preprocess(context.image.value_or(ImageSpec{}), context.dtype, context.item_shape,
                    context.grid);
}

Dataset::About describe_pictures(const SourceContext& context, const Preprocess& preprocess) {
  Dataset::About about = describe(context, preprocess.item_shape());
  about.bare_pixels = !context.image && is_float(context.dtype);
  about.layout = preprocess.layout();
  return about;
}

}  // namespace

std::unique_ptr<Dataset> open_picture_files(FileSet files, const SourceContext& context) {
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe_pictures(context, preprocess);
  if (files.names().empty()) {
    fail(ErrorCode::model,
         "no pictures and no clips: files with names in .png, .jpg, .jpeg or .bmp, or in .wav, "
         "expected");
  }
  about.size = std::int64_t(files.names().size());
  if (!files.place().empty()) label_files(about, files.names(), context);  // a list has none
  about.description = std::string(files.place()) + "pictures";
  return std::make_unique<PictureFiles>(std::move(about), std::move(preprocess), std::move(files));
}

std::unique_ptr<Dataset> open_pixels(Tensor pixels, const SourceContext& context) {
  STRATA_ASSERT(pixels.dtype() == DType::u8 && pixels.shape().rank() == 4);
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe_pictures(context, preprocess);
  about.size = pixels.shape()[0];
  about.labels = read_label_list(context);
  check_label_count(about);
  about.description = fmt::format("pictures {}", to_string(pixels.shape()));
  return std::make_unique<PixelPictures>(std::move(about), std::move(preprocess),
                                         std::move(pixels));
}

std::unique_ptr<Dataset> open_cifar(const fs::path& path, const SourceContext& context) {
  MappedFile file = MappedFile::open(path);
  const auto bytes = file.bytes();
  if (bytes.empty() || bytes.size() % cifar_record != 0) {
    fail(ErrorCode::model, "{} bytes are no whole number of CIFAR-10 records of {} bytes",
         bytes.size(), cifar_record);
  }
  Preprocess preprocess = make_preprocess(context);
  Dataset::About about = describe_pictures(context, preprocess);
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
