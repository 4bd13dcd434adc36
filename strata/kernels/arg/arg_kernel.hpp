#pragma once

#include "strata/kernels/arg/runs.hpp"
#include "strata/kernels/integer/ints.hpp"

/// Extrema are looked for as the largest: others have their order turned round.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

struct Codes {
  std::uint8_t flip;  ///< makes larger codes larger u8
  using Element = std::uint8_t;
  std::uint8_t operator()(std::uint8_t byte) const { return std::uint8_t(byte ^ flip); }
};
struct Numbers {
  float sign;
  using Element = float;
  float operator()(float x) const { return x * sign; }
};

template <class Order>
std::int64_t scan(const typename Order::Element* x, std::int64_t extent, bool last, Order order) {
  auto best = order(x[0]);
  std::int64_t at = 0;
  for (std::int64_t k = 1; k < extent; ++k) {
    const auto value = order(x[k]);
    if (!(value > best || (last && value == best))) continue;
    best = value;
    at = k;
  }
  return at;
}

#if defined(__AVX2__)
using Bytes16 = std::uint8_t __attribute__((vector_size(16)));

/// 16 codes of a row, in order.
[[gnu::always_inline]] inline Bytes16 ordered(const std::uint8_t* p, std::uint8_t flip) {
  return load_any<Bytes16>(p) ^ flip;
}

/// The largest byte: of pairs the smaller complement, then the instruction that finds the least
/// of eight words.
[[gnu::always_inline]] inline std::uint8_t largest_of(Bytes16 v) {
  const __m128i rest = (__m128i)~v;
  const __m128i least = _mm_min_epu8(rest, _mm_srli_epi16(rest, 8));
  const __m128i found = _mm_minpos_epu16(_mm_and_si128(least, _mm_set1_epi16(255)));
  return std::uint8_t(~_mm_cvtsi128_si32(found));
}

[[gnu::always_inline]] inline std::uint32_t equal_bits(Bytes16 v, std::uint8_t byte) {
  return std::uint32_t(_mm_movemask_epi8((__m128i)(v == byte)));
}

/// Rows of 16 codes and more: the largest code first, then where it is.
std::int64_t scan_codes(const std::uint8_t* x, std::int64_t extent, bool last, Codes order) {
  const std::int64_t tail = extent - 16;
  Bytes16 most = ordered(x + tail, order.flip);
  for (std::int64_t k = 0; k < tail; k += 16) {
    const Bytes16 v = ordered(x + k, order.flip);
    most = most > v ? most : v;
  }
  const std::uint8_t best = largest_of(most);
  if (last) {
    for (std::int64_t k = tail;; k = k >= 16 ? k - 16 : 0) {
      const std::uint32_t bits = equal_bits(ordered(x + k, order.flip), best);
      if (bits) return k + 31 - __builtin_clz(bits);
    }
  }
  for (std::int64_t k = 0;; k = k + 16 <= tail ? k + 16 : tail) {
    const std::uint32_t bits = equal_bits(ordered(x + k, order.flip), best);
    if (bits) return k + __builtin_ctz(bits);
  }
}
#endif

std::int64_t scan_row(const float* x, std::int64_t extent, bool last, Numbers order) {
  return scan(x, extent, last, order);
}
std::int64_t scan_row(const std::uint8_t* x, std::int64_t extent, bool last, Codes order) {
#if defined(__AVX2__)
  if (extent >= 16) return scan_codes(x, extent, last, order);
#endif
  return scan(x, extent, last, order);
}

/// Neighbours in a row, `row` elements from the next place of the axis.
template <bool Last, class Order>
void scan_columns(const typename Order::Element* x, std::int64_t extent, std::int64_t row,
                  std::int64_t columns, std::int64_t* y, Order order) {
  using Element = typename Order::Element;
  constexpr int most = 64;
  for (std::int64_t from = 0; from < columns; from += most) {
    const int count = int(columns - from < most ? columns - from : most);
    Element best[most];
    std::int32_t at[most];
    for (int i = 0; i < count; ++i) {
      best[i] = order(x[from + i]);
      at[i] = 0;
    }
    for (std::int64_t k = 1; k < extent; ++k) {
      const Element* values = x + k * row + from;
      for (int i = 0; i < count; ++i) {
        const Element value = order(values[i]);
        const bool better = Last ? value >= best[i] : value > best[i];
        best[i] = better ? value : best[i];
        at[i] = better ? std::int32_t(k) : at[i];
      }
    }
    for (int i = 0; i < count; ++i) y[from + i] = at[i];
  }
}

template <class Order>
void run_units(const Args& args, std::int64_t begin, std::int64_t end, Order order) {
  const auto& p = static_cast<const ArgProblem&>(*args.problem);
  const ArgShape s = arg_shape(p);
  const auto* x = static_cast<const typename Order::Element*>(args.in[0]);
  auto* y = static_cast<std::int64_t*>(args.out[0]);
  if (s.inner == 1) {
    const std::int64_t to = end * arg_unit < s.outer ? end * arg_unit : s.outer;
    for (std::int64_t i = begin * arg_unit; i < to; ++i) {
      y[i] = scan_row(x + i * s.extent, s.extent, p.last, order);
    }
    return;
  }
  const std::int64_t units = (s.inner + arg_unit - 1) / arg_unit;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t row = u / units, from = u % units * arg_unit;
    const std::int64_t columns = s.inner - from < arg_unit ? s.inner - from : arg_unit;
    const auto* at = x + row * s.extent * s.inner + from;
    std::int64_t* to = y + row * s.inner + from;
    p.last ? scan_columns<true>(at, s.extent, s.inner, columns, to, order)
           : scan_columns<false>(at, s.extent, s.inner, columns, to, order);
  }
}

}  // namespace

const char* run_arg(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const ArgProblem&>(*args.problem);
  if (p.type == ArgProblem::Type::f32) {
    run_units(args, begin, end, Numbers{p.largest ? 1.0f : -1.0f});
  } else {
    const int sign = p.type == ArgProblem::Type::i8 ? 0x80 : 0;
    run_units(args, begin, end, Codes{std::uint8_t(p.largest ? sign : sign ^ 0xff)});
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
