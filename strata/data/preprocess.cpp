#include "strata/data/preprocess.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/tensor/convert.hpp"

namespace strata::data {
namespace {

constexpr std::size_t pixel_values = 256;

int count_of(Channels channels) { return channels == Channels::gray ? 1 : 3; }

Shape shape_of(const Extent& extent, int channels, ImageLayout layout) {
  return layout == ImageLayout::nchw ? Shape{channels, extent.height, extent.width}
                                     : Shape{extent.height, extent.width, channels};
}

/// Height and width of the model's input.
Extent extent_of(const Shape& shape, int channels, ImageLayout layout) {
  const bool planes = layout == ImageLayout::nchw;
  if (shape.rank() != 3 || shape[planes ? 0 : 2] != channels) {
    fail(ErrorCode::usage, "the model takes {} for each item, pictures give {}", to_string(shape),
         planes ? fmt::format("[{},height,width]", channels)
                : fmt::format("[height,width,{}]", channels));
  }
  const std::int64_t height = shape[planes ? 1 : 0];
  const std::int64_t width = shape[planes ? 2 : 1];
  const ImageLimits limits;
  if (height < 1 || width < 1 || height > limits.side || width > limits.side) {
    fail(ErrorCode::usage, "the model takes pictures of {} x {} pixels, possible are 1 to {}",
         width, height, limits.side);
  }
  return {int(height), int(width)};
}

Extent fixed_extent(const ImageSpec& spec, const std::optional<Shape>& item_shape, int channels) {
  if (spec.crop) return *spec.crop;
  if (spec.size) return *spec.size;
  if (item_shape) return extent_of(*item_shape, channels, spec.layout);
  fail(ErrorCode::usage,
       "the model does not fix the size of its pictures: give 'size' or 'crop' in [image]");
}

Image resize_short_side(const Image& image, int side, Interpolation interpolation) {
  const std::int64_t short_side = std::min(image.height, image.width);
  const auto scaled = [&](std::int64_t length) {
    const std::int64_t value = (2 * side * length + short_side) / (2 * short_side);
    if (value > ImageLimits().side) {
      fail(ErrorCode::model, "resizing {} x {} pixels to a short side of {} gives a side of {}",
           image.width, image.height, side, value);
    }
    return int(value);
  };
  return resize(image, scaled(image.height), scaled(image.width), interpolation);
}

}  // namespace

Normalization::Normalization(const ImageSpec& spec) : divide(float(spec.divide)) {
  for (const double value : spec.mean) mean.push_back(float(value));
  for (const double value : spec.std) std.push_back(float(value));
}

float Normalization::operator()(float x, int channel) const {
  const auto at = [channel](const std::vector<float>& values) {
    return values[values.size() == 1 ? 0 : std::size_t(channel)];
  };
  return (x / divide - at(mean)) / at(std);
}

bool Normalization::is_identity() const {
  return divide == 1 && std::ranges::all_of(mean, [](float m) { return m == 0; }) &&
         std::ranges::all_of(std, [](float s) { return s == 1; });
}

void Normalization::expect_channels(std::int64_t channels) const {
  for (const auto* values : {&mean, &std}) {
    if (values->size() != 1 && std::int64_t(values->size()) != channels) {
      fail(ErrorCode::usage, "{} has {} numbers, accepted are 1 or {} (the channels)",
           values == &mean ? "mean" : "std", values->size(), channels);
    }
  }
}

Preprocess::Preprocess(const ImageSpec& spec, DType dtype, const std::optional<Shape>& item_shape)
    : spec_(spec), dtype_(dtype) {
  const int channels = count_of(spec.channels);
  extent_ = fixed_extent(spec, item_shape, channels);
  item_shape_ = shape_of(extent_, channels, spec.layout);
  if (item_shape && item_shape_ != *item_shape) {
    fail(ErrorCode::usage, "[image] gives items {}, the model takes {}", to_string(item_shape_),
         to_string(*item_shape));
  }
  const Normalization normalize(spec);
  normalize.expect_channels(channels);
  if (!is_float(dtype) && !normalize.is_identity()) {
    fail(ErrorCode::usage,
         "the model takes {}: pixels go in as they are, without divide, mean and std",
         to_string(dtype));
  }
  if (!is_float(dtype) && size_of(dtype) == 1 && dtype != DType::u8) {
    fail(ErrorCode::usage, "the model takes {}, pixels are 0 to 255", to_string(dtype));
  }
  for (int c = 0; c < channels; ++c) {
    for (std::size_t pixel = 0; pixel < pixel_values; ++pixel) {
      table_.push_back(normalize(float(pixel), c));
    }
  }
}

Image Preprocess::prepared(const Image& picture) const {
  Image image = to_channels(picture, spec_.channels);
  if (spec_.size) return resize(image, spec_.size->height, spec_.size->width, spec_.interpolation);
  if (spec_.resize) image = resize_short_side(image, *spec_.resize, spec_.interpolation);
  if (spec_.crop) {
    const int top = (image.height - spec_.crop->height) >> 1;
    const int left = (image.width - spec_.crop->width) >> 1;
    return crop(image, top, left, spec_.crop->height, spec_.crop->width);
  }
  if (image.height != extent_.height || image.width != extent_.width) {
    fail(ErrorCode::usage,
         "the picture has {} x {} pixels, the model takes {} x {}: give 'size', or 'resize' and "
         "'crop', in [image]",
         image.width, image.height, extent_.width, extent_.height);
  }
  return image;
}

void Preprocess::apply(const Image& picture, void* out) const {
  const Image image = prepared(picture);
  const auto channels = std::size_t(image.channels);
  const std::size_t area = image.pixels.size() / channels;
  const bool planes = spec_.layout == ImageLayout::nchw;
  std::vector<float> converted(dtype_ == DType::f32 ? 0 : image.pixels.size());
  float* values = dtype_ == DType::f32 ? static_cast<float*>(out) : converted.data();
  for (std::size_t c = 0; c < channels; ++c) {
    const float* table = table_.data() + c * pixel_values;
    for (std::size_t i = 0; i < area; ++i) {
      values[planes ? c * area + i : i * channels + c] = table[image.pixels[i * channels + c]];
    }
  }
  if (dtype_ != DType::f32) {
    convert_elements(DType::f32, values, dtype_, out, std::int64_t(image.pixels.size()));
  }
}

Image to_channels(const Image& image, Channels channels) {
  const int wanted = count_of(channels);
  if (image.channels == wanted && channels != Channels::bgr) return image;
  Image out = image::blank_image(image.height, image.width, wanted);
  const std::size_t area = out.pixels.size() / std::size_t(wanted);
  const std::uint8_t* in = image.pixels.data();
  for (std::size_t i = 0; i < area; ++i) {
    if (wanted == 1) {
      const std::uint8_t* p = in + i * 3;
      // 0.299, 0.587 and 0.114 of 65536.
      out.pixels[i] = std::uint8_t((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 32768) >> 16);
      continue;
    }
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t from = channels == Channels::bgr ? 2 - c : c;
      out.pixels[i * 3 + c] = image.channels == 1 ? in[i] : in[i * 3 + from];
    }
  }
  return out;
}

}  // namespace strata::data
