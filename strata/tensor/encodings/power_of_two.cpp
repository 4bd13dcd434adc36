// 4-bit codes whose products with an integer are one shift or two and a sum, times a scale for each
// channel. Bit 3 is the sign, the low bits e are:
//   pot4   2^e, after QKeras; code 8, which would be -1, is zero (QKeras has none)
//   apot4  additive: the term of bits 2..1, 0 1 2 3 -> 2^0, nothing, 2^2, 2^3; bit 0 adds 2^1
//   msq4   SP2: the term of bits 2..1, 0 1 2 3 -> 2^0, 2^1, 2^2, nothing; bit 0 adds 2^2
// as the shift accelerators of PoTAcc (arXiv 2409.20403) decode them. An element goes to the
// nearest level, ties away from zero. The scale puts that share of the channel's largest magnitude
// on the largest level which has the least squared error.

#include <algorithm>
#include <array>
#include <cmath>

#include "strata/tensor/encodings/parts.hpp"
#include "strata/tensor/encodings/range_search.hpp"

namespace strata {
namespace {

constexpr int bits = 4;
constexpr int code_count = 1 << bits;

using Levels = std::array<int, code_count>;  // by code

constexpr Levels signed_levels(std::array<int, code_count / 2> magnitudes) {
  Levels levels{};
  for (std::size_t i = 0; i < magnitudes.size(); ++i) {
    levels[i] = magnitudes[i];
    levels[i + magnitudes.size()] = -magnitudes[i];
  }
  return levels;
}

constexpr Levels pot_levels = [] {
  Levels levels = signed_levels({1, 2, 4, 8, 16, 32, 64, 128});
  levels[8] = 0;
  return levels;
}();
constexpr Levels apot_levels = signed_levels({1, 3, 0, 2, 4, 6, 8, 10});
constexpr Levels msq_levels = signed_levels({1, 5, 2, 6, 4, 8, 0, 4});

/// The levels in order, each once, with the least of its codes.
class Table {
 public:
  explicit Table(const Levels& levels) {
    std::array<int, code_count> codes;
    for (int i = 0; i < code_count; ++i) codes[std::size_t(i)] = i;
    std::ranges::stable_sort(codes, {}, [&](int code) { return levels[std::size_t(code)]; });
    for (const int code : codes) {
      const double level = levels[std::size_t(code)];
      if (!levels_.empty() && levels_.back() == level) continue;
      if (!levels_.empty()) middles_.push_back((levels_.back() + level) / 2);
      levels_.push_back(level);
      codes_.push_back(std::uint8_t(code));
    }
  }

  double largest() const { return std::max(-levels_.front(), levels_.back()); }
  double level(double x) const { return levels_[find(x)]; }
  std::uint8_t code(double x) const { return codes_[find(x)]; }

 private:
  std::size_t find(double x) const {
    const auto middle =
        x < 0 ? std::ranges::lower_bound(middles_, x) : std::ranges::upper_bound(middles_, x);
    return std::size_t(middle - middles_.begin());
  }

  std::vector<double> levels_;
  std::vector<double> middles_;  // between neighbours
  std::vector<std::uint8_t> codes_;
};

float scale_for(const Table& table, const std::vector<double>& elements) {
  double largest = 0;
  for (const double x : elements) largest = std::max(largest, std::fabs(x));
  if (largest == 0) return 1;
  return best_grid(
      elements, [&](double share) { return short_scale(share * largest / table.largest()); },
      [&](double x, float scale) { return table.level(x / double(scale)) * double(scale); });
}

template <const Levels& levels>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int axis) {
  expect_finite(tensor);
  expect_axis(ErrorCode::unsupported, tensor.shape(), axis);
  const Table table(levels);
  const Channels rows = Channels::along(tensor.shape(), axis);
  std::vector<std::uint8_t> codes(std::size_t(tensor.elements()));
  Tensor scales = Tensor::zeros(DType::f32, Shape{rows.count});
  std::vector<double> elements;
  for_each_unit(rows, 0, [&](const Unit& unit) {
    read_unit(tensor, rows, unit, elements);
    const float scale = scale_for(table, elements);
    scales.mutable_data<float>()[std::size_t(unit.row)] = scale;
    auto element = elements.begin();
    rows.for_each(unit.row, unit.begin, unit.end, [&](std::size_t place) {
      codes[place] = table.code(*element++ / double(scale));
    });
  });
  EncodedTensor encoded = start_encoding(self, tensor, axis);
  encoded.parts = {pack_bits(codes, bits), std::move(scales)};
  return encoded;
}

std::vector<PartType> layout(const EncodedTensor& encoded) {
  expect_axis(ErrorCode::model, encoded.shape, encoded.axis);
  return {{"codes", DType::u8, Shape{packed_bytes(encoded.shape.elements(), bits)}},
          {"scales", DType::f32, Shape{encoded.shape[encoded.axis]}}};
}

template <const Levels& levels>
Tensor decode(const EncodedTensor& encoded) {
  const auto codes = unpack_bits(encoded.parts[0], encoded.shape.elements(), bits);
  const auto scales = encoded.parts[1].data<float>();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  const auto out = result.mutable_data<float>();
  const Channels rows = Channels::along(encoded.shape, encoded.axis);
  for_each_unit(rows, 0, [&](const Unit& unit) {
    const float scale = scales[std::size_t(unit.row)];
    rows.for_each(unit.row, unit.begin, unit.end,
                  [&](std::size_t place) { out[place] = float(levels[codes[place]]) * scale; });
  });
  return in_type_of(encoded, std::move(result));
}

template <const Levels& levels>
constexpr Encoding row(std::string_view name, std::string_view summary, bool searched = false) {
  return {.name = name,
          .summary = summary,
          .searched = searched,
          .encoder = encode<levels>,
          .layout = layout,
          .decoder = decode<levels>};
}

}  // namespace

constinit const Encoding pot4_channel_encoding = row<pot_levels>(
    "pot4_channel", "zero and powers of two (QKeras-PoT), 4 bits, a scale for each output channel");
constinit const Encoding apot4_channel_encoding = row<apot_levels>(
    "apot4_channel", "additive powers of two (APoT), 4 bits, a scale for each output channel",
    true);
constinit const Encoding msq4_channel_encoding = row<msq_levels>(
    "msq4_channel", "sums of two powers of two (MSQ), 4 bits, a scale for each output channel");

}  // namespace strata
