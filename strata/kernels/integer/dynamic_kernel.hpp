#pragma once

#include "strata/kernels/integer/prepare_kernel.hpp"
#include "strata/kernels/integer/rounding.hpp"

/// Between f32 and codes on grids that are found while running.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

/// Calls f(vector, start, lanes) for the vectors of a run; lanes beyond its end are 0.
template <class F>
[[gnu::always_inline]] inline void for_each_vector(const DynamicRun& run, F&& f) {
  const float* x = run.x;
  std::ptrdiff_t i = 0;
  for (; i + int_lanes <= run.count; i += int_lanes, x += run.x_vector) {
    f(load_any<Floats>(x), i, int_lanes);
  }
  const int rest = int(run.count - i);
  if (rest > 0) f(load_any<Floats>(x, rest), i, rest);
}

void range_of(const DynamicRun& run, float* least, float* most) noexcept {
  Floats low = broadcast(*least), high = broadcast(*most);
  for_each_vector(run, [&](Floats v, std::ptrdiff_t, int) {
    low = smaller(v, low);
    high = larger(v, high);
  });
  float lows[int_lanes], highs[int_lanes];
  store_any(lows, low);
  store_any(highs, high);
  for (int width = int_lanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) {
      lows[i] = lows[i + width] < lows[i] ? lows[i + width] : lows[i];
      highs[i] = highs[i + width] > highs[i] ? highs[i + width] : highs[i];
    }
  }
  *least = lows[0];
  *most = highs[0];
}

/// tensor's asymmetric_grid of XNNPACK.
void find_grids(const float* least, const float* most, int count, DynamicScale* to) noexcept {
  for (int i = 0; i < count; i += int_lanes) {
    const int lanes = count - i < int_lanes ? count - i : int_lanes;
    const Floats low = load_any<Floats>(least + i, lanes);
    const Floats high = load_any<Floats>(most + i, lanes);
    const Ints flat = low == high;
    const Floats inverse = 255.0f / (high - low);
    const Floats lowest = rounded(low * inverse), highest = rounded(high * inverse);
    const Ints below = (-128.0f + lowest) + (127.0f + highest) > 0.0f;
    const Ints zero = EvenRounding(-128, 127, 0)(below ? -128.0f - lowest : 127.0f - highest);
    float inverses[int_lanes], scales[int_lanes];
    std::int32_t zeros[int_lanes];
    store_any(inverses, flat ? broadcast(1) : inverse);
    store_any(scales, flat ? broadcast(1) : 1.0f / inverse);
    store_any(zeros, flat ? Ints{} - 128 : zero);
    for (int k = 0; k < lanes; ++k) {
      to[i + k] = {scales[k], inverses[k], zeros[k], sizeof(Prepared) == 1 ? zeros[k] + 128 : 0};
    }
  }
}

using PreparedVector = Prepared __attribute__((vector_size(int_lanes * sizeof(Prepared))));

[[gnu::always_inline]] inline PreparedVector prepared_vector(Ints v) {
#if defined(__AVX512VNNI__)
  return narrow(v);
#else
  return __builtin_convertvector(v, PreparedVector);
#endif
}

void encode(const DynamicRun& run, const DynamicCodes& codes, std::uint8_t* to) noexcept {
  constexpr bool bytes = sizeof(Prepared) == 1;
  const std::int32_t shift = bytes ? 128 : -codes.zero;  // of codes as tiles read them
  const EvenRounding even(float(codes.low - codes.zero), float(127 - codes.zero),
                          codes.zero + shift);
  const float zero = float(codes.zero), low = float(codes.low);
  const auto store = [to](Ints v, std::ptrdiff_t at, int lanes) {
    const auto stored = prepared_vector(v);
    Prepared* place = reinterpret_cast<Prepared*>(to) + at;
    lanes == int_lanes ? store_any(place, stored) : store_any(place, stored, lanes);
  };
  if (codes.even) {
    for_each_vector(run, [&](Floats v, std::ptrdiff_t at, int lanes) {
      store(even(v * codes.inverse), at, lanes);
    });
  } else {
    for_each_vector(run, [&](Floats v, std::ptrdiff_t at, int lanes) {
      store(round_away_within(rounded(v * codes.inverse) + zero, low, 127) + shift, at, lanes);
    });
  }
}

template <DynamicFinish::Form form>
[[gnu::always_inline]] inline Floats number(Floats sum, float scale, Floats w_scale, Floats bias) {
  if constexpr (form == DynamicFinish::Form::fused) {
    return fused(rounded(sum * scale), w_scale, bias);
  } else if constexpr (form == DynamicFinish::Form::at_once) {
    return bias + rounded(sum * rounded(w_scale * scale));
  } else {
    return rounded(rounded(sum * w_scale) * scale) + bias;
  }
}

template <DynamicFinish::Form form>
void finish_by(const DynamicFinish& f) {
  for (int v = 0; v < f.vectors; ++v) {
    const std::ptrdiff_t lane = v * int_lanes;
    const int lanes = v + 1 < f.vectors ? int_lanes : f.last_lanes;
    const Ints weight_sum = load_any<Ints>(f.weight_sums + lane);
    const Floats w_scale = load_any<Floats>(f.w_scale + lane);
    const Floats bias = load_any<Floats>(f.bias + lane);
    const std::int32_t* sums = f.sums + lane;
    const DynamicScale* scale = f.scales;
    for (int p = 0; p < f.positions;) {
      float* y = f.y + p / f.columns * f.y_row + v * f.y_vector;
      for (int c = 0; c < f.columns; ++c, ++p, y += f.y_column, scale += f.scale_per_position) {
        const Ints sum = load_any<Ints>(sums) - weight_sum * scale->correction;
        const Floats stored =
            number<form>(__builtin_convertvector(sum, Floats), scale->scale, w_scale, bias);
        lanes == int_lanes ? store_any(y, stored) : store_any(y, stored, lanes);
        sums += f.vectors * int_lanes;
      }
    }
  }
}

void finish_numbers(const DynamicFinish& f) noexcept {
  using Form = DynamicFinish::Form;
  switch (f.form) {
    case Form::fused:
      return finish_by<Form::fused>(f);
    case Form::at_once:
      return finish_by<Form::at_once>(f);
    case Form::in_turn:
      return finish_by<Form::in_turn>(f);
  }
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
