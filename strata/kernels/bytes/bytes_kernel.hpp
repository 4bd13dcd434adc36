#pragma once

#include <type_traits>

#include "strata/kernels/bytes/runs.hpp"
#include "strata/kernels/bytes/translate_kernel.hpp"
#include "strata/kernels/integer/rescale.hpp"

namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

struct Bounds {
  float low, high;
};
/// Of codes, before `zero` is added.
Bounds bounds_of(bool is_signed, std::int32_t zero) {
  return {float((is_signed ? -128 : 0) - zero), float((is_signed ? 127 : 255) - zero)};
}

template <QuantizeRun::Rule rule>
void quantize_by(const float* x, std::uint8_t* y, std::int64_t count, const QuantizeRun& run) {
  const Bounds bounds = bounds_of(run.is_signed, run.zero);
  const float inverse = 1.0f / run.scale;
  const EvenRounding even(bounds.low, bounds.high, run.zero);
  for (std::int64_t i = 0; i < count; i += int_lanes) {
    const int lanes = count - i < int_lanes ? int(count - i) : int_lanes;
    const Floats v = lanes == int_lanes ? load_any<Floats>(x + i) : load_any<Floats>(x + i, lanes);
    Ints codes;
    if constexpr (rule == QuantizeRun::Rule::divide_even) {
      codes = even(v / run.scale);
    } else if constexpr (rule == QuantizeRun::Rule::divide_away) {
      codes = round_away_within(v / run.scale, bounds.low, bounds.high) + run.zero;
    } else {
      codes = even(v * inverse);
    }
    const Bytes bytes = narrow(codes);
    lanes == int_lanes ? store_any(y + i, bytes) : store_any(y + i, bytes, lanes);
  }
}

void quantize_run(const float* x, std::uint8_t* y, std::int64_t count,
                  const QuantizeRun& run) noexcept {
  using Rule = QuantizeRun::Rule;
  switch (run.rule) {
    case Rule::divide_even:
      return quantize_by<Rule::divide_even>(x, y, count, run);
    case Rule::divide_away:
      return quantize_by<Rule::divide_away>(x, y, count, run);
    case Rule::multiply_even:
      return quantize_by<Rule::multiply_even>(x, y, count, run);
  }
}

template <bool Signed>
[[gnu::always_inline]] inline Ints load_codes(const std::uint8_t* p, int lanes) {
  return widen(lanes == int_lanes ? load_any<Bytes>(p) : load_any<Bytes>(p, lanes), Signed);
}

template <bool Signed>
void dequantize_codes(const std::uint8_t* x, float* y, std::int64_t count, const QuantizeRun& run) {
  const float shift = -float(run.zero) * run.scale;
  for (std::int64_t i = 0; i < count; i += int_lanes) {
    const int lanes = count - i < int_lanes ? int(count - i) : int_lanes;
    const Ints codes = load_codes<Signed>(x + i, lanes);
    const Floats v = run.apart ? rounded(__builtin_convertvector(codes, Floats) * run.scale) + shift
                               : __builtin_convertvector(codes - run.zero, Floats) * run.scale;
    lanes == int_lanes ? store_any(y + i, v) : store_any(y + i, v, lanes);
  }
}

void dequantize_run(const std::uint8_t* x, float* y, std::int64_t count,
                    const QuantizeRun& run) noexcept {
  run.is_signed ? dequantize_codes<true>(x, y, count, run)
                : dequantize_codes<false>(x, y, count, run);
}

template <ByteBinaryRun::Form form>
[[gnu::always_inline]] inline Ints combine(const ByteBinaryRun& run, Ints a, Ints b) {
  using Form = ByteBinaryRun::Form;
  const auto whole = [](std::int32_t n) { return Ints{} + n; };
  const EvenRounding even(float(run.epilogue.low + run.epilogue.zero),
                          float(run.epilogue.high + run.epilogue.zero), 0);
  if constexpr (form == Form::float_sum) {
    const Floats inner = fused(__builtin_convertvector(b, Floats), broadcast(run.b_ratio),
                               broadcast(run.sum_constant));
    const Floats sum = fused(__builtin_convertvector(a, Floats), broadcast(run.a_ratio), inner);
    return even(sum);
  } else if constexpr (form == Form::float_product) {
    const Ints product = (a - run.a_zero) * (b - run.b_zero);
    const Floats scaled = rounded(__builtin_convertvector(product, Floats) * run.scale);
    return even(scaled + run.float_zero);
  } else if constexpr (form == Form::integer_sum) {
    return clamp((a * run.a_factor + b * run.b_factor + run.constant) >> run.shift, run.epilogue);
  } else if constexpr (form == Form::fixed_sum) {
    const Ints left = multiply_fixed((a - run.a_zero) << run.left_shift, whole(run.a.multiplier),
                                     whole(run.a.word));
    const Ints right = multiply_fixed((b - run.b_zero) << run.left_shift, whole(run.b.multiplier),
                                      whole(run.b.word));
    return clamp(multiply_fixed(left + right, whole(run.y.multiplier), whole(run.y.word)),
                 run.epilogue);
  } else {
    const Ints product = (a - run.a_zero) * (b - run.b_zero);
    return rescale(product, whole(run.y.multiplier), whole(run.y.word), run.epilogue);
  }
}

/// Copies of its arguments: what is behind references could change with every byte stored.
template <ByteBinaryRun::Form form, bool Signed>
void binary_codes(const ByteBinaryRun run, const ByteBinaryRow row) {
  const auto single = [](const std::uint8_t* p) {
    return Ints{} + (Signed ? int(std::int8_t(*p)) : int(*p));
  };
  const Ints one_a = single(row.a), one_b = single(row.b);
  for (std::int64_t i = 0; i < row.count; i += int_lanes) {
    const int lanes = row.count - i < int_lanes ? int(row.count - i) : int_lanes;
    const Ints a = row.stream_a ? load_codes<Signed>(row.a + i, lanes) : one_a;
    const Ints b = row.stream_b ? load_codes<Signed>(row.b + i, lanes) : one_b;
    const Bytes bytes = narrow(combine<form>(run, a, b));
    lanes == int_lanes ? store_any(row.y + i, bytes) : store_any(row.y + i, bytes, lanes);
  }
}

template <ByteBinaryRun::Form form>
void binary_form(const ByteBinaryRun& run, const ByteBinaryRow& row) {
  run.is_signed ? binary_codes<form, true>(run, row) : binary_codes<form, false>(run, row);
}

void binary_run(const ByteBinaryRun& run, const ByteBinaryRow& row) noexcept {
  using Form = ByteBinaryRun::Form;
  switch (run.form) {
    case Form::float_sum:
      return binary_form<Form::float_sum>(run, row);
    case Form::float_product:
      return binary_form<Form::float_product>(run, row);
    case Form::integer_sum:
      return binary_form<Form::integer_sum>(run, row);
    case Form::fixed_sum:
      return binary_form<Form::fixed_sum>(run, row);
    case Form::product:
      return binary_form<Form::product>(run, row);
  }
}

template <class Byte>
void sum_of(const Byte* x, std::int32_t* sums, const PixelRun& run) {
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    const Byte* __restrict from = x + p * run.x_step;
    std::int32_t* __restrict to = sums + p * run.y_step;
    for (std::int64_t i = 0; i < run.count; ++i) to[i] += from[i];
  }
}

void sum_run(const std::uint8_t* x, std::int32_t* sums, const PixelRun& run) noexcept {
  if (!run.is_signed) return sum_of(x, sums, run);
  sum_of(reinterpret_cast<const std::int8_t*>(x), sums, run);
}

template <class V>
void maximum_of(const std::uint8_t* x, std::uint8_t* y, const PixelRun& run) {
  constexpr std::int64_t lanes = sizeof(V);
  for (std::int64_t p = 0; p < run.pixels; ++p, x += run.x_step, y += run.y_step) {
    for (std::int64_t i = 0; i < run.count; i += lanes) {
      const int n = run.count - i < lanes ? int(run.count - i) : int(lanes);
      const V a = (V)load_bytes(x + i, n), b = (V)load_bytes(y + i, n);
      store_bytes(y + i, (WideBytes)(a > b ? a : b), n);
    }
  }
}

/// Pixels of one element.
template <class Byte>
void maximum_of_places(const Byte* __restrict x, Byte* __restrict y, const PixelRun& run) {
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    y[p] = y[p] < x[p * run.x_step] ? x[p * run.x_step] : y[p];
  }
}

void maximum_run(const std::uint8_t* x, std::uint8_t* y, const PixelRun& run) noexcept {
  if (run.count > 1 && run.is_signed) return maximum_of<WideSignedBytes>(x, y, run);
  if (run.count > 1) return maximum_of<WideBytes>(x, y, run);
  if (!run.is_signed) return maximum_of_places(x, y, run);
  maximum_of_places(reinterpret_cast<const std::int8_t*>(x), reinterpret_cast<std::int8_t*>(y),
                    run);
}

/// Windows that read nothing give the lowest code.
template <class V, int Lowest>
void maximum_row_of(const WindowRow& r, std::uint8_t* y) {
  constexpr std::int64_t lanes = sizeof(V);
  for (std::int64_t o = 0; o < r.out_width; ++o, y += r.channels) {
    const std::int64_t left = o * r.stride - r.pad;
    std::int64_t first = 0, last = r.kernel;
    while (first < last && left + first * r.dilation < 0) ++first;
    while (last > first && left + (last - 1) * r.dilation >= r.width) --last;
    const std::uint8_t* x = r.x + (left + first * r.dilation) * r.channels;
    const std::ptrdiff_t step = r.dilation * r.channels;
    for (std::int64_t c = 0; c < r.channels; c += lanes) {
      const int n = r.channels - c < lanes ? int(r.channels - c) : int(lanes);
      V largest = V{} + std::remove_cvref_t<decltype(V{}[0])>(Lowest);
      for (std::int64_t i = 0; i < r.rows; ++i) {
        const std::uint8_t* tap = x + i * r.row + c;
        for (std::int64_t j = first; j < last; ++j, tap += step) {
          const V codes = (V)load_bytes(tap, n);
          largest = codes > largest ? codes : largest;
        }
      }
      store_bytes(y + c, (WideBytes)largest, n);
    }
  }
}

void maximum_row(const WindowRow& row, std::uint8_t* y) noexcept {
  row.is_signed ? maximum_row_of<WideSignedBytes, -128>(row, y)
                : maximum_row_of<WideBytes, 0>(row, y);
}

using UnsignedInts = std::uint32_t __attribute__((vector_size(sizeof(Ints))));

/// All channels of each column, by vectors of codes.
template <class F>
[[gnu::always_inline]] inline void for_each_vector(const ResizeColumns& columns, F&& f) {
  for (std::int64_t o = 0; o < columns.count; ++o) {
    const ResizeTap& tap = columns.taps[o];
    for (std::int64_t c = 0; c < columns.channels; c += int_lanes) {
      const std::int64_t rest = columns.channels - c;
      f(tap, tap.first * columns.channels + c, tap.second * columns.channels + c,
        o * columns.channels + c, rest < int_lanes ? int(rest) : int_lanes);
    }
  }
}

/// Sums modulo 2^32: parts of them may be larger than what they give.
template <bool Signed>
void mix_columns_of(const std::uint8_t* x, std::int32_t* y, const ResizeColumns& columns,
                    int shift) {
  if (columns.channels == 1) {
    for (std::int64_t o = 0; o < columns.count; ++o) {
      const ResizeTap& tap = columns.taps[o];
      const auto code = [x](std::int64_t i) {
        return std::uint32_t(Signed ? int(std::int8_t(x[i])) : int(x[i]));
      };
      const std::uint32_t first = code(tap.first), second = code(tap.second);
      y[o] = std::int32_t((first << shift) + (second - first) * std::uint32_t(tap.weight));
    }
    return;
  }
  for_each_vector(columns, [&](const ResizeTap& tap, std::int64_t first, std::int64_t second,
                               std::int64_t to, int lanes) {
    const auto a = (UnsignedInts)load_codes<Signed>(x + first, lanes);
    const auto b = (UnsignedInts)load_codes<Signed>(x + second, lanes);
    const UnsignedInts mixed = (a << shift) + (b - a) * std::uint32_t(tap.weight);
    lanes == int_lanes ? store_any(y + to, mixed) : store_any(y + to, mixed, lanes);
  });
}

void mix_columns(const std::uint8_t* x, std::int32_t* y, const ResizeColumns& columns, int shift,
                 bool is_signed) noexcept {
  is_signed ? mix_columns_of<true>(x, y, columns, shift)
            : mix_columns_of<false>(x, y, columns, shift);
}

/// Halves up, or away from 0: what is added before the shift, which is then that of a division.
template <bool Away>
void mix_rows_by(const ResizeMix& m) {
  const std::int32_t half = 1 << (2 * m.shift - 1), all = (1 << (2 * m.shift)) - 1;
  for (std::int64_t i = 0; i < m.count; i += int_lanes) {
    const std::int64_t rest = m.count - i;
    const int lanes = rest < int_lanes ? int(rest) : int_lanes;
    const auto load = [lanes](const std::int32_t* p) {
      return lanes == int_lanes ? load_any<UnsignedInts>(p) : load_any<UnsignedInts>(p, lanes);
    };
    const UnsignedInts upper = load(m.upper + i), lower = load(m.lower + i);
    Ints sum = (Ints)((upper << m.shift) + (lower - upper) * std::uint32_t(m.weight));
    if constexpr (Away) {
      sum += sum > 0 ? Ints{} + half : Ints{} - half;
      sum += (sum >> 31) & all;
    } else {
      sum += half;
    }
    const Bytes codes = narrow(sum >> (2 * m.shift));
    lanes == int_lanes ? store_any(m.y + i, codes) : store_any(m.y + i, codes, lanes);
  }
}

void mix_rows(const ResizeMix& mix) noexcept {
  mix.away ? mix_rows_by<true>(mix) : mix_rows_by<false>(mix);
}

void mix_real(const std::uint8_t* upper, const std::uint8_t* lower, std::uint8_t* y,
              const ResizeColumns& columns, float weight) noexcept {
  const float above = 1 - weight;
  for_each_vector(columns, [&](const ResizeTap& tap, std::int64_t first, std::int64_t second,
                               std::int64_t to, int lanes) {
    const auto pixel = [lanes](const std::uint8_t* p) {
      return __builtin_convertvector(load_codes<false>(p, lanes), Floats);
    };
    const float left = 1 - tap.real, right = tap.real;
    Floats sum = rounded(rounded(pixel(upper + first) * above) * left);
    sum = rounded(sum + rounded(rounded(pixel(lower + first) * weight) * left));
    sum = rounded(sum + rounded(rounded(pixel(upper + second) * above) * right));
    sum = rounded(sum + rounded(rounded(pixel(lower + second) * weight) * right)) + 0.5f;
    const Bytes codes = narrow(__builtin_convertvector(sum, Ints));
    lanes == int_lanes ? store_any(y + to, codes) : store_any(y + to, codes, lanes);
  });
}

}  // namespace

constinit const ByteKernels byte_kernels = {.quantize = quantize_run,
                                            .dequantize = dequantize_run,
                                            .binary = binary_run,
                                            .translate = translate_rows,
                                            .maximum = maximum_run,
                                            .maximum_row = maximum_row,
                                            .sum = sum_run,
                                            .mix_columns = mix_columns,
                                            .mix_rows = mix_rows,
                                            .mix_real = mix_real};

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
