#pragma once

#include <cstdint>
#include <optional>

#include "strata/data/wav.hpp"
#include "strata/tensor/dtype.hpp"
#include "strata/tensor/grid.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::data {

enum class AudioChannels { mono, left, right, stereo };

/// The `[audio]` section of docs/data.md, key by key.
struct AudioSpec {
  std::optional<std::int64_t> rate;    ///< that clips must have, in samples per second
  std::optional<std::int64_t> length;  ///< samples: shorter clips get zeros, longer ones are cut
  AudioChannels channels = AudioChannels::mono;
  double scale = 1.0;
};

/// Turns clips into model input: channels, length, scale.
class ClipPreprocess {
 public:
  /// `item_shape`: what the model takes, without its batch dimension; needed where the section does
  /// not fix the length. Integer inputs without a grid take 16-bit numbers (i16). Throws usage
  /// where section, shape and type do not fit together.
  ClipPreprocess(const AudioSpec& spec, DType dtype, const std::optional<Grid>& grid,
                 const std::optional<Shape>& item_shape);

  const Shape& item_shape() const { return item_shape_; }
  /// Writes item_shape() elements. Any thread. Throws usage for a clip of another rate or length.
  void apply(const Clip& clip, void* out) const;

 private:
  AudioSpec spec_;
  DType dtype_;
  std::optional<Grid> grid_;
  Shape item_shape_;
  std::int64_t length_ = 0;
};

}  // namespace strata::data
