#include "strata/data/preprocess.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

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
  const bool bare = shape.rank() == 2 && channels == 1;
  if (!bare && (shape.rank() != 3 || shape[planes ? 0 : 2] != channels)) {
    fail(ErrorCode::usage, "the model takes {} for each item, pictures give {}", to_string(shape),
         planes ? fmt::format("[{},height,width]", channels)
                : fmt::format("[height,width,{}]", channels));
  }
  const std::int64_t height = shape[planes && !bare ? 1 : 0];
  const std::int64_t width = shape[planes && !bare ? 2 : 1];
  const ImageLimits limits;
  if (height < 1 || width < 1 || height > limits.side || width > limits.side) {
    fail(ErrorCode::usage, "the model takes pictures of {} x {} pixels, possible are 1 to {}",
         width, height, limits.side);
  }
  return {int(height), int(width)};
}

Extent fixed_extent(const ImageSpec& spec, const std::optional<Shape>& item_shape, int channels,
                    ImageLayout layout) {
  if (spec.crop) return *spec.crop;
  if (spec.size) return *spec.size;
  if (item_shape) return extent_of(*item_shape, channels, layout);
  fail(ErrorCode::usage,
       "the model does not fix the size of its pictures: give 'size' or 'crop' in [image]");
}

/// The size after `resize`.
Extent scaled_extent(const Image& image, int side) {
  const std::int64_t short_side = std::min(image.height, image.width);
  const auto scaled = [&](std::int64_t length) {
    const std::int64_t value = (2 * side * length + short_side) / (2 * short_side);
    if (value > ImageLimits().side) {
      fail(ErrorCode::model, "resizing {} x {} pixels to a short side of {} gives a side of {}",
           image.width, image.height, side, value);
    }
    return int(value);
  };
  return {scaled(image.height), scaled(image.width)};
}

/// The pixel whose centre is nearest.
Image resize_nearest(const Image& image, const Extent& extent) {
  Image out = image::blank_image(extent.height, extent.width, image.channels);
  const auto channels = std::size_t(image.channels);
  std::size_t to = 0;
  for (std::int64_t y = 0; y < extent.height; ++y) {
    const std::int64_t row = (2 * y + 1) * image.height / (2 * extent.height);
    for (std::int64_t x = 0; x < extent.width; ++x) {
      const std::int64_t column = (2 * x + 1) * image.width / (2 * extent.width);
      const std::size_t from = std::size_t(row * image.width + column) * channels;
      for (std::size_t c = 0; c < channels; ++c) out.pixels[to++] = image.pixels[from + c];
    }
  }
  return out;
}

Image centre_crop(const Image& image, const Extent& extent) {
  const int top = (image.height - extent.height) >> 1;
  const int left = (image.width - extent.width) >> 1;
  return crop(image, top, left, extent.height, extent.width);
}

}  // namespace

Channels channels_for(const ImageSpec& spec, const std::optional<Shape>& item_shape) {
  if (spec.channels || !item_shape) return spec.channels.value_or(Channels::rgb);
  const Shape& shape = *item_shape;
  const bool gray = shape.rank() == 2 || (shape.rank() == 3 && shape[0] != 3 && shape[2] != 3 &&
                                          (shape[0] == 1 || shape[2] == 1));
  return gray ? Channels::gray : Channels::rgb;
}

ImageLayout layout_for(const ImageSpec& spec, const std::optional<Shape>& item_shape) {
  if (spec.layout || !item_shape || item_shape->rank() != 3) {
    return spec.layout.value_or(ImageLayout::nchw);
  }
  const int channels = count_of(channels_for(spec, item_shape));
  const bool last_only = (*item_shape)[2] == channels && (*item_shape)[0] != channels;
  return last_only ? ImageLayout::nhwc : ImageLayout::nchw;
}

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

Preprocess::Preprocess(const ImageSpec& spec, DType dtype, const std::optional<Shape>& item_shape,
                       const std::optional<Grid>& grid)
    : spec_(spec),
      channels_(channels_for(spec, item_shape)),
      layout_(layout_for(spec, item_shape)),
      dtype_(dtype) {
  const int channels = count_of(channels_);
  extent_ = fixed_extent(spec, item_shape, channels, layout_);
  item_shape_ = shape_of(extent_, channels, layout_);
  if (item_shape == Shape{extent_.height, extent_.width} && channels == 1) {
    item_shape_ = *item_shape;  // a model of gray pictures without an axis for channels
  }
  if (item_shape && item_shape_ != *item_shape) {
    fail(ErrorCode::usage, "[image] gives items {}, the model takes {}", to_string(item_shape_),
         to_string(*item_shape));
  }
  const Normalization normalize(spec);
  normalize.expect_channels(channels);
  if (!is_float(dtype) && !normalize.is_identity()) {
    if (!grid) {
      fail(ErrorCode::usage,
           "the model takes {} and does not say what its integers stand for: pixels go in as they "
           "are, without divide, mean and std",
           to_string(dtype));
    }
    grid_ = grid;
  } else if (dtype == DType::i8) {
    grid_ = Grid{1, -128};  // what pixels are in signed bytes
  }
  for (int c = 0; c < channels; ++c) {
    for (std::size_t pixel = 0; pixel < pixel_values; ++pixel) {
      table_.push_back(normalize(float(pixel), c));
    }
  }
}

Image Preprocess::prepared(const Image& picture) const {
  Image image = to_channels(picture, channels_);
  if (spec_.size) return resize(image, spec_.size->height, spec_.size->width, spec_.interpolation);
  if (spec_.resize) {
    const Extent extent = scaled_extent(image, *spec_.resize);
    image = resize(image, extent.height, extent.width, spec_.interpolation);
  }
  if (spec_.crop) return centre_crop(image, *spec_.crop);
  if (image.height != extent_.height || image.width != extent_.width) {
    fail(ErrorCode::usage,
         "the picture has {} x {} pixels, the model takes {} x {}: give --size {},{} (or --resize "
         "and --crop), or 'size' (or 'resize' and 'crop') in [image] of a sidecar",
         image.width, image.height, extent_.width, extent_.height, extent_.height, extent_.width);
  }
  return image;
}

Image Preprocess::prepared_mask(const Image& mask) const {
  if (spec_.size) return resize_nearest(mask, *spec_.size);
  const Image scaled =
      spec_.resize ? resize_nearest(mask, scaled_extent(mask, *spec_.resize)) : mask;
  return spec_.crop ? centre_crop(scaled, *spec_.crop) : scaled;
}

Window Preprocess::window(const Image& image) const {
  if (!spec_.crop) return {0, 0, double(image.width), double(image.height)};
  const Extent scaled =
      spec_.resize ? scaled_extent(image, *spec_.resize) : Extent{image.height, image.width};
  const double x = double(image.width) / scaled.width;
  const double y = double(image.height) / scaled.height;
  return {x * double((scaled.width - spec_.crop->width) >> 1),
          y * double((scaled.height - spec_.crop->height) >> 1), x * spec_.crop->width,
          y * spec_.crop->height};
}

void Preprocess::apply(const Image& picture, void* out) const {
  const Image image = prepared(picture);
  const auto channels = std::size_t(image.channels);
  const std::size_t area = image.pixels.size() / channels;
  const bool planes = layout_ == ImageLayout::nchw;
  std::vector<float> converted(dtype_ == DType::f32 ? 0 : image.pixels.size());
  float* values = dtype_ == DType::f32 ? static_cast<float*>(out) : converted.data();
  for (std::size_t c = 0; c < channels; ++c) {
    const float* table = table_.data() + c * pixel_values;
    for (std::size_t i = 0; i < area; ++i) {
      values[planes ? c * area + i : i * channels + c] = table[image.pixels[i * channels + c]];
    }
  }
  if (dtype_ != DType::f32) store_values(converted, dtype_, grid_, out);
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
