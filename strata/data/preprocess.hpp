#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "strata/data/resize.hpp"
#include "strata/image/image.hpp"
#include "strata/tensor/dtype.hpp"
#include "strata/tensor/grid.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::data {

enum class Channels { rgb, bgr, gray };
enum class ImageLayout { nchw, nhwc };

struct Extent {
  int height = 0;
  int width = 0;
  bool operator==(const Extent&) const = default;
};

/// The `[image]` section of docs/data.md, key by key.
struct ImageSpec {
  std::optional<int> resize;
  std::optional<Extent> crop;
  std::optional<Extent> size;
  Interpolation interpolation = Interpolation::bilinear;
  std::optional<Channels> channels;   ///< none: rgb, or gray where the model takes one channel
  std::optional<ImageLayout> layout;  ///< none: nchw, or nhwc where only that fits the model
  double divide = 1.0;
  std::vector<double> mean{0.0};  ///< one, or one per channel
  std::vector<double> std{1.0};
};

/// The channels and the layout for a model's input (without its batch dimension) where the section
/// does not say them.
Channels channels_for(const ImageSpec& spec, const std::optional<Shape>& item_shape);
ImageLayout layout_for(const ImageSpec& spec, const std::optional<Shape>& item_shape);

/// value = (x / divide - mean) / std, per channel, each step in f32.
struct Normalization {
  explicit Normalization(const ImageSpec& spec);
  float operator()(float x, int channel) const;
  bool is_identity() const;
  /// Throws usage unless mean and std have one number or one for each of this many channels.
  void expect_channels(std::int64_t channels) const;

  float divide;
  std::vector<float> mean, std;
};

/// The part of a picture that becomes the model's input, in pixels of the picture; may reach beyond
/// it.
struct Window {
  double left = 0, top = 0, width = 0, height = 0;
};

/// Turns pictures into model input: channels, resize, crop, normalisation, layout.
class Preprocess {
 public:
  /// `item_shape`: what the model takes, without its batch dimension; needed where the section
  /// does not fix the size. Throws usage where section, shape and type do not fit together: integer
  /// types take pixels as they are (i8: less 128), or normalised ones on their grid.
  Preprocess(const ImageSpec& spec, DType dtype, const std::optional<Shape>& item_shape,
             const std::optional<Grid>& grid = {});

  const Shape& item_shape() const { return item_shape_; }
  DType dtype() const { return dtype_; }
  ImageLayout layout() const { return layout_; }
  /// Writes item_shape() elements. Any thread. Throws usage for a picture of the wrong size.
  void apply(const Image& image, void* out) const;
  /// The 8-bit pixels that apply() makes numbers of.
  Image prepared(const Image& image) const;
  /// A picture of one channel whose pixels are names, not shades: the same steps without mixing.
  Image prepared_mask(const Image& mask) const;
  Window window(const Image& image) const;

 private:
  ImageSpec spec_;
  Channels channels_;
  ImageLayout layout_;
  DType dtype_;
  std::optional<Grid> grid_;
  Shape item_shape_;
  Extent extent_;
  std::vector<float> table_;  // (channel, pixel)
};

/// Shades of red, green and blue as gray (ITU-R 601-2, 16-bit fixed point), gray repeated into
/// colours, or colours reversed.
Image to_channels(const Image& image, Channels channels);

}  // namespace strata::data
