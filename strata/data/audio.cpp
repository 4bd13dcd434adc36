#include "strata/data/audio.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

constexpr float i16_steps = 32768;

/// Of one channel of the result.
float sample_at(const Clip& clip, std::int64_t moment, AudioChannels channels, int channel) {
  const float* at = clip.samples.data() + moment * clip.channels;
  switch (channels) {
    case AudioChannels::left:
      return at[0];
    case AudioChannels::right:
      return at[clip.channels - 1];
    case AudioChannels::stereo:
      return at[std::min(channel, clip.channels - 1)];
    case AudioChannels::mono:
      break;
  }
  float sum = 0;
  for (int c = 0; c < clip.channels; ++c) sum += at[c];
  return sum / float(clip.channels);
}

}  // namespace

ClipPreprocess::ClipPreprocess(const AudioSpec& spec, DType dtype, const std::optional<Grid>& grid,
                               const std::optional<Shape>& item_shape)
    : spec_(spec), dtype_(dtype), grid_(grid) {
  const std::int64_t channels = spec.channels == AudioChannels::stereo ? 2 : 1;
  if (!spec.length && !item_shape) {
    fail(ErrorCode::usage,
         "the model does not fix the length of its clips: give 'length' in [audio]");
  }
  length_ = spec.length.value_or(item_shape ? item_shape->elements() / channels : 0);
  item_shape_ = item_shape.value_or(channels == 1 ? Shape{length_} : Shape{channels, length_});
  if (item_shape_.elements() != channels * length_) {
    fail(ErrorCode::usage, "clips of {} samples and {} channels, the model takes {} for each item",
         length_, channels, to_string(item_shape_));
  }
  if (is_float(dtype) || grid) return;
  if (dtype != DType::i16) {
    fail(ErrorCode::usage,
         "the model takes {} and does not say what its integers stand for; sound goes into floats, "
         "i16 and quantized inputs",
         to_string(dtype));
  }
  grid_ = Grid{1 / i16_steps, 0};
}

void ClipPreprocess::apply(const Clip& clip, void* out) const {
  if (spec_.rate && clip.rate != *spec_.rate) {
    fail(ErrorCode::usage, "{} samples per second, [audio] rate says {}", clip.rate, *spec_.rate);
  }
  if (!spec_.length && clip.length() != length_) {
    fail(ErrorCode::usage,
         "the clip has {} samples, the model takes {}; with 'length' in [audio], shorter clips get "
         "zeros and longer ones are cut",
         clip.length(), length_);
  }
  const int channels = spec_.channels == AudioChannels::stereo ? 2 : 1;
  std::vector<float> values(std::size_t(channels * length_));
  const std::int64_t filled = std::min(length_, clip.length());
  for (int c = 0; c < channels; ++c) {
    float* channel = values.data() + c * length_;
    for (std::int64_t i = 0; i < filled; ++i) {
      channel[i] = float(spec_.scale) * sample_at(clip, i, spec_.channels, c);
    }
  }
  store_values(values, dtype_, grid_, out);
}

}  // namespace strata::data
