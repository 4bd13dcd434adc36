#pragma once

#include "strata/image/image.hpp"

namespace strata::data {

using image::Image;
using image::ImageLimits;

enum class Interpolation { bilinear, bicubic };

/// Scales to exactly this size: separable, first along rows, then along columns, with 8-bit pixels
/// in between. Centres of pixels lie at half-integers, and the filter widens by the factor by
/// which a side shrinks. The arithmetic is Pillow's (22-bit fixed point), and so are the bits where
/// it too goes along rows first. Throws model beyond the limits.
Image resize(const Image& image, int height, int width, Interpolation interpolation,
             const ImageLimits& limits = {});

/// The part of this size from (top, left) on; throws usage if it is not inside.
Image crop(const Image& image, int top, int left, int height, int width);

}  // namespace strata::data
