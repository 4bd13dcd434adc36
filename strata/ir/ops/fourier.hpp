#pragma once

#include <complex>
#include <cstdint>
#include <numbers>

namespace strata::ir {

/// The sum over n in [0, count) of x(n) e^(turn 2 pi i k n / length); turn is -1 or 1.
template <class X>
std::complex<double> fourier_sum(std::int64_t k, std::int64_t length, std::int64_t count, int turn,
                                 X x) {
  const double unit = turn * 2 * std::numbers::pi / double(length);
  const std::complex<double> step = std::polar(1.0, unit * double(k % length));
  std::complex<double> sum = 0;
  std::complex<double> factor = 1;
  for (std::int64_t n = 0; n < count; ++n) {
    // Exact once in a while, so that rounding does not build up.
    if (n % 32 == 0) factor = std::polar(1.0, unit * double(k * n % length));
    const std::complex<double> value = x(n);
    sum += std::complex<double>(value.real() * factor.real() - value.imag() * factor.imag(),
                                value.real() * factor.imag() + value.imag() * factor.real());
    factor = {factor.real() * step.real() - factor.imag() * step.imag(),
              factor.real() * step.imag() + factor.imag() * step.real()};
  }
  return sum;
}

}  // namespace strata::ir
