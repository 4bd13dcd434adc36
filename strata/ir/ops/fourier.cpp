#include "strata/ir/ops/fourier.hpp"

#include <memory>
#include <numbers>

namespace strata::ir {
namespace {

constexpr std::int64_t parts = 4;

std::int64_t smallest_factor(std::int64_t n) {
  for (std::int64_t p = 2; p * p <= n; ++p) {
    if (n % p == 0) return p;
  }
  return n;
}

// The standard's product looks for infinities, which takes most of its time.
Fourier::Complex product(const Fourier::Complex& a, const Fourier::Complex& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

std::size_t Fourier::scratch_bytes(std::int64_t length) {
  return std::size_t(parts * length) * sizeof(Complex);
}

Fourier::Fourier(std::byte* scratch, std::int64_t length, int turn)
    : scratch_(reinterpret_cast<Complex*>(scratch)), length_(length) {
  std::uninitialized_default_construct_n(scratch_, parts * length);
  const double unit = turn * 2 * std::numbers::pi / double(length);
  for (std::int64_t i = 0; i < length; ++i)
    part(2)[std::size_t(i)] = std::polar(1.0, unit * double(i));
}

std::span<const Fourier::Complex> Fourier::transform() {
  transform(part(0).data(), 1, part(1).data(), length_);
  return part(1);
}

void Fourier::transform(const Complex* x, std::int64_t step, Complex* y, std::int64_t n) {
  if (n == 1) {
    *y = *x;
    return;
  }
  const std::int64_t p = smallest_factor(n);
  const std::int64_t m = n / p;
  for (std::int64_t r = 0; r < p; ++r) transform(x + r * step, step * p, y + r * m, m);
  const Complex* powers = part(2).data();
  Complex* terms = part(3).data();
  for (std::int64_t k = 0; k < m; ++k) {
    for (std::int64_t r = 0; r < p; ++r) terms[r] = product(y[r * m + k], powers[r * k * step]);
    for (std::int64_t q = 0; q < p; ++q) {
      Complex sum = terms[0];
      for (std::int64_t r = 1; r < p; ++r) {
        sum += product(terms[r], powers[r * q % p * m * step]);
      }
      y[q * m + k] = sum;
    }
  }
}

}  // namespace strata::ir
