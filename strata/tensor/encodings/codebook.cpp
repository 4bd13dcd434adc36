// Codebook: element = table[index], 16 or 256 entries for the whole tensor, found by k-means (Lloyd
// 1982, seeded by k-means++, Arthur and Vassilvitskii 2007). The same elements give the same table.
// Zero keeps an entry where there are zeros: pruned weights stay pruned.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/base/random.hpp"
#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

constexpr std::uint64_t seed = 1;
constexpr std::size_t most_seeds_from = 1 << 14;  ///< elements that k-means++ looks at
constexpr int most_rounds = 100;

/// Ascending elements, and sums that give the mean of any stretch of them at once.
class Sorted {
 public:
  explicit Sorted(std::vector<double> elements) : elements_(std::move(elements)) {
    std::ranges::sort(elements_);
    sums_.resize(elements_.size() + 1);
    std::partial_sum(elements_.begin(), elements_.end(), sums_.begin() + 1);
  }

  const std::vector<double>& elements() const { return elements_; }
  double mean(std::size_t begin, std::size_t end) const {
    return (sums_[end] - sums_[begin]) / double(end - begin);
  }
  std::size_t below(double x) const {
    return std::size_t(std::ranges::lower_bound(elements_, x) - elements_.begin());
  }
  bool has_zero() const { return std::ranges::binary_search(elements_, 0.0); }

  /// Different values, if at most `most`.
  std::vector<double> values(std::size_t most) const {
    std::vector<double> found;
    for (const double x : elements_) {
      if (!found.empty() && found.back() == x) continue;
      found.push_back(x);
      if (found.size() > most) break;
    }
    return found;
  }

 private:
  std::vector<double> elements_;
  std::vector<double> sums_;
};

/// Centres chosen one after the other, each an element with a chance in proportion to the square of
/// its distance to the nearest so far.
std::vector<double> first_centres(const Sorted& sorted, std::size_t count) {
  Random random(seed);
  std::vector<double> sample = sorted.elements();
  if (sample.size() > most_seeds_from) {
    for (std::size_t i = 0; i < most_seeds_from; ++i) {
      sample[i] = sorted.elements()[random.below(sample.size())];
    }
    sample.resize(most_seeds_from);
  }
  std::vector<double> centres{sample[random.below(sample.size())]};
  std::vector<double> distances(sample.size(), INFINITY);
  while (centres.size() < count) {
    double sum = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const double d = sample[i] - centres.back();
      sum += distances[i] = std::min(distances[i], d * d);
    }
    double left = random.uniform() * sum;
    std::size_t chosen = 0;
    while (chosen + 1 < sample.size() && left >= distances[chosen]) left -= distances[chosen++];
    centres.push_back(sample[chosen]);
  }
  std::ranges::sort(centres);
  return centres;
}

/// Elements go to the nearest centre, centres to the mean of their elements, until none moves.
void refine(const Sorted& sorted, std::vector<double>& centres) {
  for (int round = 0; round < most_rounds; ++round) {
    bool moved = false;
    std::size_t begin = 0;
    std::vector<double> next = centres;
    for (std::size_t i = 0; i < centres.size(); ++i) {
      const std::size_t end = i + 1 < centres.size()
                                  ? sorted.below((centres[i] + centres[i + 1]) / 2)
                                  : sorted.elements().size();
      if (end > begin) next[i] = sorted.mean(begin, end);
      moved |= next[i] != centres[i];
      begin = end;
    }
    centres = next;
    if (!moved) return;
  }
}

std::vector<float> find_table(const Sorted& sorted, std::size_t entries) {
  std::vector<double> centres = sorted.values(entries);
  if (centres.empty()) centres.push_back(0);
  if (centres.size() > entries) {
    centres = first_centres(sorted, entries);
    refine(sorted, centres);
    if (sorted.has_zero()) {
      *std::ranges::min_element(centres, {}, [](double x) { return std::fabs(x); }) = 0;
    }
  }
  centres.resize(entries, centres.back());
  return {centres.begin(), centres.end()};
}

std::uint8_t nearest(const std::vector<float>& table, double x) {
  const auto above = std::ranges::lower_bound(table, x, {}, [](float t) { return double(t); });
  if (above == table.begin()) return 0;
  const auto below = above - 1;
  const bool lower = above == table.end() || x - double(*below) <= double(*above) - x;
  return std::uint8_t((lower ? below : above) - table.begin());
}

template <int bits>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int) {
  expect_finite(tensor);
  const Channels whole = Channels::whole(tensor.shape());
  std::vector<double> elements;
  read_unit(tensor, whole, {0, 0, whole.row_length()}, elements);
  const std::vector<float> table = find_table(Sorted(elements), std::size_t(1) << bits);
  std::vector<std::uint8_t> indices(elements.size());
  std::ranges::transform(elements, indices.begin(), [&](double x) { return nearest(table, x); });
  EncodedTensor encoded = start_encoding(self, tensor, 0);
  encoded.parts = {pack_bits(indices, bits),
                   Tensor::from<float>(Shape{std::int64_t(table.size())}, table)};
  return encoded;
}

template <int bits>
std::vector<PartType> layout(const EncodedTensor& encoded) {
  return {{"indices", DType::u8, Shape{packed_bytes(encoded.shape.elements(), bits)}},
          {"table", DType::f32, Shape{1 << bits}}};
}

template <int bits>
Tensor decode(const EncodedTensor& encoded) {
  const auto indices = unpack_bits(encoded.parts[0], encoded.shape.elements(), bits);
  const auto table = encoded.parts[1].data<float>();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  std::ranges::transform(indices, result.mutable_data<float>().begin(),
                         [table](std::uint8_t index) { return table[index]; });
  return in_type_of(encoded, std::move(result));
}

}  // namespace

constinit const Encoding codebook16_encoding = {
    .name = "codebook16",
    .summary = "4-bit indices into 16 numbers found by k-means",
    .searched = true,
    .encoder = encode<4>,
    .layout = layout<4>,
    .decoder = decode<4>};

constinit const Encoding codebook256_encoding = {
    .name = "codebook256",
    .summary = "8-bit indices into 256 numbers found by k-means",
    .encoder = encode<8>,
    .layout = layout<8>,
    .decoder = decode<8>};

}  // namespace strata
