#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>

namespace strata::ir {

/// Discrete Fourier transforms of one length in memory of the caller: y[k] is the sum over n of
/// x[n] e^(turn 2 pi i k n / length), where turn is -1 or 1. Divides and conquers by the length's
/// prime factors (Cooley and Tukey 1965).
class Fourier {
 public:
  using Complex = std::complex<double>;

  /// What `scratch` must have for lengths up to this one.
  static std::size_t scratch_bytes(std::int64_t length);
  Fourier(std::byte* scratch, std::int64_t length, int turn);

  /// x, to be filled in before each transform; y, valid until the next one.
  std::span<Complex> input() { return part(0); }
  std::span<const Complex> transform();

 private:
  std::span<Complex> part(std::int64_t i) { return {scratch_ + i * length_, std::size_t(length_)}; }
  /// Transforms n elements of x, `step` apart, into y.
  void transform(const Complex* x, std::int64_t step, Complex* y, std::int64_t n);

  Complex* scratch_;  ///< x, y, the powers of e^(turn 2 pi i / length), terms of one sum
  std::int64_t length_;
};

}  // namespace strata::ir
