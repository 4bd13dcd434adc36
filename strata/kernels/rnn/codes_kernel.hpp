#pragma once

#include "strata/kernels/integer/rescale.hpp"
#include "strata/kernels/rnn/codes.hpp"

/// The steps of codes.hpp.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

constexpr int short_lanes = 2 * int_lanes;

[[gnu::always_inline]] inline Ints load_shorts(const std::int16_t* p) {
#if defined(__AVX512F__)
  return (Ints)_mm512_cvtepi16_epi32(load_any<__m256i>(p));
#else
  return (Ints)_mm256_cvtepi16_epi32(load_any<__m128i>(p));
#endif
}
/// Saturating.
[[gnu::always_inline]] inline void store_shorts(std::int16_t* p, Ints v) {
#if defined(__AVX512F__)
  store_any(p, _mm512_cvtsepi32_epi16((__m512i)v));
#else
  const __m256i both = _mm256_packs_epi32((__m256i)v, (__m256i)v);
  store_any(p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(both, 0x08)));
#endif
}
/// fixed_point.hpp's high_product_16 of numbers that are not both the lowest.
[[gnu::always_inline]] inline Shorts high_product(Shorts a, Shorts b) {
#if defined(__AVX512F__)
  return (Shorts)_mm512_mulhrs_epi16((__m512i)a, (__m512i)b);
#else
  return (Shorts)_mm256_mulhrs_epi16((__m256i)a, (__m256i)b);
#endif
}
[[gnu::always_inline]] inline Shorts saturating_sum(Shorts a, Shorts b) {
#if defined(__AVX512F__)
  return (Shorts)_mm512_adds_epi16((__m512i)a, (__m512i)b);
#else
  return (Shorts)_mm256_adds_epi16((__m256i)a, (__m256i)b);
#endif
}
[[gnu::always_inline]] inline Shorts shorts(int value) { return Shorts{} + std::int16_t(value); }
/// The upper half of a constant of 32 bits, rounded.
[[gnu::always_inline]] inline Shorts upper(std::int32_t x) { return shorts((x + (1 << 15)) >> 16); }

template <class V>
[[gnu::always_inline]] inline V all_lanes(int value) {
  if constexpr (sizeof(V{}[0]) == 2) return shorts(value);
  if constexpr (sizeof(V{}[0]) == 4) return V{} + value;
}
/// x / 2^bits, rounded half away from 0.
template <class V>
[[gnu::always_inline]] inline V shift_away(V x, int bits) {
  const V mask = all_lanes<V>((1 << bits) - 1);
  const V threshold = (mask >> 1) - (V)(x < 0);
  return (x >> bits) - (V)((x & mask) > threshold);
}

/// tensor's exp_of_negative_16.
[[gnu::always_inline]] inline Shorts exp_of_negative(Shorts x, int integer_bits) {
  constexpr std::int32_t exp_of_minus_eighth = 1895147668, third = 715827883;
  constexpr std::int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
  const int fraction_bits = 15 - integer_bits;
  const int quarter = 1 << (fraction_bits - 2);
  const Shorts within = (x & shorts(quarter - 1)) - shorts(quarter);
  const Shorts d = (within << integer_bits) + shorts(1 << 12);
  const Shorts d2 = high_product(d, d);
  const Shorts d3 = high_product(d2, d);
  const Shorts d4 = high_product(d2, d2);
  const Shorts cubic = shift_away(d4, 2) + d3;
  const Shorts terms = high_product(cubic, upper(third)) + d2;
  const Shorts series = d + shift_away(terms, 1);
  const Shorts constant = upper(exp_of_minus_eighth);
  Shorts result = saturating_sum(constant, high_product(constant, series));
  const Shorts whole = within - x;
  const int last = integer_bits < 5 ? integer_bits : 5;
  for (int k = -2; k < last; ++k) {
    const Shorts bit = whole & shorts(1 << (fraction_bits + k));
    result = bit != 0 ? high_product(result, upper(factors[k + 2])) : result;
  }
  if (integer_bits > 5) result = x < shorts(-(1 << (fraction_bits + 5))) ? Shorts{} : result;
  return x == 0 ? shorts(INT16_MAX) : result;
}

/// tensor's twice_reciprocal_16.
[[gnu::always_inline]] inline Shorts twice_reciprocal(Shorts x) {
  const Shorts half = (x >> 1) + shorts(1 << 14);
  Shorts y = upper(1515870810) + high_product(half, upper(-1010580540));
  for (int i = 0; i < 3; ++i) {
    const Shorts error = shorts(1 << 13) - high_product(half, y);
    const Shorts correction = high_product(y, error);
    const Shorts twice = saturating_sum(correction, correction);
    y += saturating_sum(twice, twice);
  }
  return y;
}

[[gnu::always_inline]] inline Shorts fixed_sigmoid(Shorts x) {
  const Shorts below = x > 0 ? -x : x;
  const Shorts result = twice_reciprocal(exp_of_negative(below, 3));
  const Shorts above = saturating_sum(result, result);
  return x == 0 ? shorts(1 << 14) : x > 0 ? above : shorts(INT16_MAX) - above;
}
[[gnu::always_inline]] inline Shorts fixed_tanh(Shorts x, int integer_bits) {
  const Shorts below = x < 0 ? x : -x;
  const Shorts e = exp_of_negative(below, integer_bits + 1);
  const Shorts part = twice_reciprocal(e) - shorts(1 << 13);
  const Shorts twice = saturating_sum(part, part);
  const Shorts size = saturating_sum(twice, twice);
  return x == 0 ? Shorts{} : x < 0 ? -size : size;
}

/// f of shorts [from, from + count), whole vectors.
template <class F>
[[gnu::always_inline]] inline void map(const std::int16_t* from, std::int16_t* to, int count,
                                       F&& f) {
  for (int i = 0; i < count; i += short_lanes) store_any(to + i, f(load_any<Shorts>(from + i)));
}

[[gnu::always_inline]] inline Ints bounded(Ints v, std::int32_t bound) {
  v = v > -bound ? v : Ints{} - bound;
  return v < bound ? v : Ints{} + bound;
}

/// Codes as words: u8 with the sign bit flipped, or their distance from the zero point as i16.
[[gnu::always_inline]] inline void to_words(const std::uint8_t* codes, int count, std::int32_t zero,
                                            std::uint8_t* words) {
#if defined(__AVX512VNNI__)
  (void)zero;
  for (int i = 0; i < count; ++i) words[i] = codes[i] ^ 0x80;
#else
  auto* to = reinterpret_cast<std::int16_t*>(words);
  for (int i = 0; i < count; ++i) to[i] = std::int16_t(std::int8_t(codes[i]) - zero);
#endif
}

/// The sums of all gates of a block.
[[gnu::always_inline]] inline const std::uint8_t* multiply(Ints (&sums)[lstm_gates],
                                                           const std::uint8_t* x, int words,
                                                           const std::uint8_t* w) {
  for (int k = 0; k < words; ++k, w += lstm_gates * sizeof(Ints)) {
    const Ints word = broadcast_word(x + 4 * k);
    accumulate(sums[0], word, load_any<Ints>(w));
    accumulate(sums[1], word, load_any<Ints>(w + sizeof(Ints)));
    accumulate(sums[2], word, load_any<Ints>(w + 2 * sizeof(Ints)));
    accumulate(sums[3], word, load_any<Ints>(w + 3 * sizeof(Ints)));
  }
  return w;
}

[[gnu::always_inline]] inline Ints multiply_by(Ints v, FixedMultiplier m) {
  const int left = m.shift > 0 ? m.shift : 0, right = m.shift < 0 ? -m.shift : 0;
  return multiply_fixed(v, Ints{} + m.multiplier, Ints{} + fixed_word(left, right, true));
}

/// The gates of one step, before their functions, in Q3.12.
void add_gates(const LstmRun& r) noexcept {
  const std::uint8_t* w = r.weights;
  for (int unit = 0; unit < r.hidden; unit += int_lanes) {
    Ints of_x[lstm_gates], of_h[lstm_gates];
    for (int g = 0; g < lstm_gates; ++g) {
      of_x[g] = load_any<Ints>(r.x_bias + unit * lstm_gates + g * int_lanes);
      of_h[g] = load_any<Ints>(r.h_bias + unit * lstm_gates + g * int_lanes);
    }
    w = multiply(of_x, r.x_codes, r.input_words, w);
    w = multiply(of_h, r.h_codes, r.hidden_words, w);
    for (int g = 0; g < lstm_gates; ++g) {
      Ints sum = multiply_by(of_x[g], r.from_x[g]);
      sum = sum > -32768 ? sum : Ints{} - 32768;
      sum = sum < 32767 ? sum : Ints{} + 32767;
      // Kept where the sum is exact.
      sum += bounded(multiply_by(of_h[g], r.from_h[g]), 1 << 30);
      store_shorts(r.gates + g * r.padded + unit, sum);
    }
  }
}

/// The cell: c and h of one step.
void finish_step(const LstmRun& r) noexcept {
  const int n = r.padded;
  const auto sigmoid = [](Shorts x) { return fixed_sigmoid(x); };
  map(r.gates, r.gates, 2 * n, sigmoid);
  map(r.gates + 2 * n, r.gates + 2 * n, n, [](Shorts x) { return fixed_tanh(x, 3); });
  map(r.gates + 3 * n, r.gates + 3 * n, n, sigmoid);
  for (int i = 0; i < n; i += int_lanes) {
    const Ints kept = shift_away(load_shorts(r.gates + n + i) * load_shorts(r.c + i), 15);
    const Ints added =
        shift_away(load_shorts(r.gates + i) * load_shorts(r.gates + 2 * n + i), 15 + r.cell_bits);
    const Ints c = kept + added;
    store_shorts(r.c + i, r.clip > 0 ? bounded(c, r.clip) : c);
  }
  map(r.c, r.squashed, n, [&](Shorts x) { return fixed_tanh(x, r.cell_bits); });
  for (int i = 0; i < n; i += int_lanes) {
    const Ints h = load_shorts(r.gates + 3 * n + i) * load_shorts(r.squashed + i);
    // Kept where adding the zero point is exact.
    Ints code = bounded(multiply_by(h, r.output), 1 << 30) + r.y_zero;
    code = code > -128 ? code : Ints{} - 128;
    code = code < 127 ? code : Ints{} + 127;
    store_any(r.h + i, narrow(code));
  }
}

void run_lstm(const LstmRun& r) noexcept {
  LstmRun run = r;
  for (std::int64_t t = 0; t < r.steps; ++t) {
    to_words(run.x, run.input, run.x_zero, run.x_codes);
    to_words(run.h, run.hidden, run.h_zero, run.h_codes);
    add_gates(run);
    finish_step(run);
    run.x += run.x_step;
    if (!run.y) continue;
    __builtin_memcpy(run.y, run.h, std::size_t(run.hidden));
    run.y += run.y_step;
  }
}

}  // namespace

#if defined(__AVX512VNNI__)
constexpr int lstm_word_elements = 4;
#else
constexpr int lstm_word_elements = 2;
#endif
constinit const LstmKernels lstm_kernels = {int_lanes, lstm_word_elements, run_lstm};

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
