#pragma once

#include "strata/kernels/integer/finish.hpp"
#include "strata/kernels/unrolled.hpp"

/// One position times all panels: reading weights is what it costs.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512VNNI__)
/// Two neighbouring panels, of which the second may lack vectors.
template <int First, int Second>
void multiply_panels(const IntegerVectorProduct& t, const FourVectors& four, int vector) {
  constexpr int vectors = First + Second;
  constexpr std::ptrdiff_t bytes = sizeof(Ints);
  const std::ptrdiff_t lane = std::ptrdiff_t(vector) * int_lanes;
  const std::uint8_t* a = t.w + lane * 4 * t.words;
  const std::uint8_t* b = a + First * bytes * t.words;
  const std::uint8_t* x = t.x;
  const Ints flip = Ints{} + t.flip;
  // Two chains each: products need not wait for each other.
  Ints acc[2][4];
  unrolled<4>([&](auto v) __attribute__((always_inline)) {
    acc[0][v] = v < vectors ? load_any<Ints>(t.bias + lane + v * int_lanes) : Ints{};
    acc[1][v] = Ints{};
  });
  const auto step = [&](auto chain) __attribute__((always_inline)) {
    const Ints word = broadcast_word(x) ^ flip;
    unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      const std::uint8_t* from = v < First ? a + v * bytes : b + (v - First) * bytes;
      accumulate(acc[chain][v], word, load_any<Ints>(from));
    });
    x += 4;
    a += First * bytes;
    b += Second * bytes;
  };
  int k = 0;
  for (; k + 2 <= t.words; k += 2) unrolled<2>(step);
  if (k < t.words) step(std::integral_constant<int, 0>{});
  __m512i whole[4];
  unrolled<4>([&](auto v) __attribute__((always_inline)) {
    const __m512 scale =
        v < vectors ? _mm512_loadu_ps(t.scale + lane + v * int_lanes) : _mm512_setzero_ps();
    whole[v] = four.whole((__m512i)(acc[0][v] + acc[1][v]), scale);
  });
  const std::int64_t lanes =
      t.lanes - lane < vectors * int_lanes ? t.lanes - lane : vectors * int_lanes;
  _mm512_mask_storeu_epi8(t.y + lane, ~std::uint64_t(0) >> (64 - lanes),
                          four.codes(whole[0], whole[1], whole[2], whole[3]));
}

void multiply_vector(const IntegerVectorProduct& t) noexcept {
  const FourVectors four(t.epilogue);
  const int vectors = int((t.lanes + int_lanes - 1) / int_lanes);
  int v = 0;
  for (; v + 4 <= vectors; v += 4) multiply_panels<2, 2>(t, four, v);
  if (vectors - v == 3) return multiply_panels<2, 1>(t, four, v);
  if (vectors - v == 2) return multiply_panels<2, 0>(t, four, v);
  if (vectors - v == 1) return multiply_panels<1, 0>(t, four, v);
}
constexpr auto vector_function = multiply_vector;
#else
constexpr decltype(IntegerKernels::multiply_vector) vector_function = nullptr;
#endif

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
