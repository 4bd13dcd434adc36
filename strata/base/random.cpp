#include "strata/base/random.hpp"

#include <bit>
#include <cmath>

#include "strata/base/error.hpp"

namespace strata {

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return double(next() >> 11) * 0x1p-53; }

std::uint64_t Random::below(std::uint64_t bound) {
  STRATA_ASSERT(bound > 0);
  // The first 2^64 mod bound values are refused, so each remainder is equally frequent.
  const std::uint64_t refused = (0 - bound) % bound;
  std::uint64_t value = next();
  while (value < refused) value = next();
  return value % bound;
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u, v, square;
  do {
    u = 2 * uniform() - 1;
    v = 2 * uniform() - 1;
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  const double scale = std::sqrt(-2 * std::log(square) / square);
  spare_ = v * scale;
  has_spare_ = true;
  return u * scale;
}

}  // namespace strata
