#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace strata::data {

/// A piece of sound: one sample for each channel and moment, integers as fractions of full scale in
/// [-1, 1).
struct Clip {
  std::int64_t rate = 0;  ///< samples per second
  int channels = 0;
  std::vector<float> samples;  // (moment, channel)

  std::int64_t length() const { return std::int64_t(samples.size()) / channels; }
};

/// Reads a RIFF WAVE file of 8, 16, 24 or 32-bit integers or 32-bit floats and 1 to 64 channels.
/// Throws model naming the byte; unsupported for other encodings.
Clip parse_wav(std::span<const std::byte> bytes);

/// Whether a file name ends like that of a clip of a data set: .wav, in any case.
bool has_clip_suffix(std::string_view name);

}  // namespace strata::data
