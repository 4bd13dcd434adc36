#include "strata/data/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

// 32 bits less 8 for the pixel and 2 for sums beyond it, which negative weights allow.
constexpr int weight_bits = 22;

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

/// Keys' cubic convolution with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// Which source pixels an output pixel is made of, and their weights.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> make_taps(int from, int to, Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::bicubic;
  const double scale = double(from) / to;
  const double widening = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * widening;
  const double inverse = 1.0 / widening;
  std::vector<Taps> taps(static_cast<std::size_t>(to));
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, int(centre - support + 0.5));
    const int last = std::min(from, int(centre + support + 0.5));
    weights.clear();
    double sum = 0;
    for (int x = first; x < last; ++x) {
      const double at = (x - centre + 0.5) * inverse;
      weights.push_back(cubic ? bicubic(at) : bilinear(at));
      sum += weights.back();
    }
    Taps& tap = taps[std::size_t(i)];
    tap.first = first;
    for (const double weight : weights) {
      const double share = sum != 0 ? weight / sum : weight;
      tap.weights.push_back(std::int32_t(std::lround(share * (1 << weight_bits))));
    }
  }
  return taps;
}

std::uint8_t to_pixel(std::int32_t sum) {
  return std::uint8_t(std::clamp(sum >> weight_bits, 0, 255));
}

constexpr std::int32_t half = 1 << (weight_bits - 1);

Image resize_rows(const Image& image, int width, Interpolation interpolation,
                  const ImageLimits& limits) {
  Image out = image::blank_image(image.height, width, image.channels, limits);
  const std::vector<Taps> taps = make_taps(image.width, width, interpolation);
  const int channels = image.channels;
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* in = image.pixels.data() + std::size_t(y) * image.width * channels;
    std::uint8_t* to = out.pixels.data() + std::size_t(y) * width * channels;
    for (const Taps& tap : taps) {
      for (int c = 0; c < channels; ++c) {
        std::int32_t sum = half;
        const std::uint8_t* from = in + tap.first * channels + c;
        for (const std::int32_t weight : tap.weights) {
          sum += *from * weight;
          from += channels;
        }
        *to++ = to_pixel(sum);
      }
    }
  }
  return out;
}

Image resize_columns(const Image& image, int height, Interpolation interpolation,
                     const ImageLimits& limits) {
  Image out = image::blank_image(height, image.width, image.channels, limits);
  const std::vector<Taps> taps = make_taps(image.height, height, interpolation);
  const std::size_t row = std::size_t(image.width) * std::size_t(image.channels);
  std::vector<std::int32_t> sums(row);
  std::uint8_t* to = out.pixels.data();
  for (const Taps& tap : taps) {
    std::ranges::fill(sums, half);
    const std::uint8_t* from = image.pixels.data() + std::size_t(tap.first) * row;
    for (const std::int32_t weight : tap.weights) {
      for (std::size_t i = 0; i < row; ++i) sums[i] += from[i] * weight;
      from += row;
    }
    for (const std::int32_t sum : sums) *to++ = to_pixel(sum);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int height, int width, Interpolation interpolation,
             const ImageLimits& limits) {
  Image rows = width == image.width ? image : resize_rows(image, width, interpolation, limits);
  if (height == image.height) return rows;
  return resize_columns(rows, height, interpolation, limits);
}

Image crop(const Image& image, int top, int left, int height, int width) {
  if (top < 0 || left < 0 || height < 1 || width < 1 || height > image.height - top ||
      width > image.width - left) {
    fail(ErrorCode::usage, "crop of {} x {} at ({}, {}): the picture has {} x {} pixels", width,
         height, left, top, image.width, image.height);
  }
  Image out = image::blank_image(height, width, image.channels);
  const std::size_t row = std::size_t(width) * std::size_t(image.channels);
  for (int y = 0; y < height; ++y) {
    const std::size_t from = (std::size_t(top + y) * std::size_t(image.width) + std::size_t(left)) *
                             std::size_t(image.channels);
    std::memcpy(out.pixels.data() + std::size_t(y) * row, image.pixels.data() + from, row);
  }
  return out;
}

}  // namespace strata::data
