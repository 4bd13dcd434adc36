#pragma once

#include "strata/kernels/integer/rescale.hpp"

/// From the sums of tiles to results.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

[[gnu::always_inline]] inline Ints rescale(Ints sum, IntegerWords words, std::ptrdiff_t lane,
                                           const IntegerEpilogue& e) {
  return rescale(sum, load_any<Ints>(words.first + lane), load_any<Ints>(words.second + lane), e);
}

template <class Stored>
[[gnu::always_inline]] inline Stored stored_as(Ints v) {
  if constexpr (sizeof(Stored) == sizeof(Ints)) {
    return v;
  } else {
    return narrow(v);
  }
}

/// Sums of one vector of lanes, at all positions, through f(sum, position), which gives what is
/// stored as elements of Stored.
template <class Stored, class F>
[[gnu::always_inline]] inline void finish_vector(const IntegerFinish& f, int v, F&& result) {
  const std::ptrdiff_t lane = v * int_lanes;
  const int lanes = v + 1 < f.vectors ? int_lanes : f.last_lanes;
  const Ints bias = load_any<Ints>(f.bias + lane);
  const std::int32_t* sums = f.sums + lane;
  constexpr std::ptrdiff_t size = std::ptrdiff_t(sizeof(Stored)) / int_lanes;
  for (int p = 0; p < f.positions;) {
    std::uint8_t* y = f.y + (p / f.columns * f.y_row + lane) * size;
    for (int c = 0; c < f.columns; ++c, ++p) {
      const Ints sum = load_any<Ints>(sums) + bias;
      const Stored stored = stored_as<Stored>(result(sum, p));
      lanes == int_lanes ? store_any(y, stored) : store_any(y, stored, lanes);
      sums += f.vectors * int_lanes;
      y += f.y_column * size;
    }
  }
}

void finish_tile(const IntegerFinish& f) noexcept {
  const IntegerEpilogue e = f.epilogue;
  for (int v = 0; v < f.vectors; ++v) {
    const std::ptrdiff_t lane = v * int_lanes;
    const auto complete = [&](Ints sum, int p) {
      return f.window_sums ? sum - load_any<Ints>(f.w_zero + lane) * f.window_sums[p] : sum;
    };
    if (e.rule == IntegerRule::sums) {
      finish_vector<Ints>(f, v, complete);
    } else if (e.rule == IntegerRule::float_even) {
      const Floats scale = (Floats)load_any<Ints>(f.words.first + lane);
      const EvenRounding rounding = even_rounding(e);
      if (f.window_sums) {
        finish_vector<Bytes>(f, v,
                             [scale, rounding, zero = load_any<Ints>(f.w_zero + lane),
                              windows = f.window_sums](Ints sum, int p) {
                               return rescale_even(sum - zero * windows[p], scale, rounding);
                             });
      } else {
        finish_vector<Bytes>(
            f, v, [scale, rounding](Ints sum, int) { return rescale_even(sum, scale, rounding); });
      }
    } else {
      finish_vector<Bytes>(
          f, v, [&](Ints sum, int p) { return rescale(complete(sum, p), f.words, lane, e); });
    }
  }
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
