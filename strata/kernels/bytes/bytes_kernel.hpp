#pragma once

#include "strata/kernels/bytes/runs.hpp"
#include "strata/kernels/integer/ints.hpp"
#include "strata/kernels/integer/rounding.hpp"

namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

struct Bounds {
  float low, high;
};
/// Of codes, before `zero` is added.
Bounds bounds_of(bool is_signed, std::int32_t zero) {
  return {float((is_signed ? -128 : 0) - zero), float((is_signed ? 127 : 255) - zero)};
}

void quantize_run(const float* x, std::uint8_t* y, std::int64_t count,
                  const QuantizeRun& run) noexcept {
  const Bounds bounds = bounds_of(run.is_signed, run.zero);
  for (std::int64_t i = 0; i < count; i += int_lanes) {
    const int lanes = count - i < int_lanes ? int(count - i) : int_lanes;
    const Floats v = lanes == int_lanes ? load_any<Floats>(x + i) : load_any<Floats>(x + i, lanes);
    const Ints codes = round_within(v / run.scale, bounds.low, bounds.high) + run.zero;
    const Bytes bytes = __builtin_convertvector(codes, Bytes);
    lanes == int_lanes ? store_any(y + i, bytes) : store_any(y + i, bytes, lanes);
  }
}

using SignedBytes = std::int8_t __attribute__((vector_size(int_lanes)));

template <bool Signed>
[[gnu::always_inline]] inline Ints load_codes(const std::uint8_t* p, int lanes) {
  const Bytes bytes = lanes == int_lanes ? load_any<Bytes>(p) : load_any<Bytes>(p, lanes);
  if constexpr (Signed) {
    return __builtin_convertvector((SignedBytes)bytes, Ints);
  } else {
    return __builtin_convertvector(bytes, Ints);
  }
}

template <bool Signed>
void dequantize_codes(const std::uint8_t* x, float* y, std::int64_t count, const QuantizeRun& run) {
  for (std::int64_t i = 0; i < count; i += int_lanes) {
    const int lanes = count - i < int_lanes ? int(count - i) : int_lanes;
    const Ints difference = load_codes<Signed>(x + i, lanes) - run.zero;
    const Floats v = __builtin_convertvector(difference, Floats) * run.scale;
    lanes == int_lanes ? store_any(y + i, v) : store_any(y + i, v, lanes);
  }
}

void dequantize_run(const std::uint8_t* x, float* y, std::int64_t count,
                    const QuantizeRun& run) noexcept {
  run.is_signed ? dequantize_codes<true>(x, y, count, run)
                : dequantize_codes<false>(x, y, count, run);
}

struct Sum {
  const ByteBinaryProblem& p;
  [[gnu::always_inline]] Floats operator()(Ints a, Ints b) const {
    const Floats inner =
        fused(__builtin_convertvector(b, Floats), Floats{} + p.b_ratio, Floats{} + p.constant);
    return fused(__builtin_convertvector(a, Floats), Floats{} + p.a_ratio, inner);
  }
};
struct Product {
  const ByteBinaryProblem& p;
  [[gnu::always_inline]] Floats operator()(Ints a, Ints b) const {
    const Ints product = (a - p.a_zero) * (b - p.b_zero);
    return rounded(__builtin_convertvector(product, Floats) * p.scale) + p.y_zero;
  }
};

template <bool Signed, class Op>
void binary_codes(const Op& op, const ByteBinaryRow& row) {
  const Bounds bounds = bounds_of(Signed, 0);
  const auto single = [](const std::uint8_t* p) {
    return Ints{} + (Signed ? int(std::int8_t(*p)) : int(*p));
  };
  const Ints one_a = single(row.a), one_b = single(row.b);
  for (std::int64_t i = 0; i < row.count; i += int_lanes) {
    const int lanes = row.count - i < int_lanes ? int(row.count - i) : int_lanes;
    const Ints a = row.stream_a ? load_codes<Signed>(row.a + i, lanes) : one_a;
    const Ints b = row.stream_b ? load_codes<Signed>(row.b + i, lanes) : one_b;
    const Ints codes = round_within(op(a, b), bounds.low, bounds.high);
    const Bytes bytes = __builtin_convertvector(codes, Bytes);
    lanes == int_lanes ? store_any(row.y + i, bytes) : store_any(row.y + i, bytes, lanes);
  }
}

void binary_run(const ByteBinaryProblem& p, const ByteBinaryRow& row) noexcept {
  if (p.function == Binary::add) {
    p.is_signed ? binary_codes<true>(Sum{p}, row) : binary_codes<false>(Sum{p}, row);
  } else {
    p.is_signed ? binary_codes<true>(Product{p}, row) : binary_codes<false>(Product{p}, row);
  }
}

template <class Byte>
void maximum_of(const Byte* __restrict x, std::int64_t x_step, Byte* __restrict y,
                std::int64_t count) {
  if (x_step == 1) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] < x[i] ? x[i] : y[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] < x[i * x_step] ? x[i * x_step] : y[i];
  }
}

void maximum_run(const std::uint8_t* x, std::int64_t x_step, std::uint8_t* y, std::int64_t count,
                 bool is_signed) noexcept {
  if (!is_signed) return maximum_of(x, x_step, y, count);
  maximum_of(reinterpret_cast<const std::int8_t*>(x), x_step, reinterpret_cast<std::int8_t*>(y),
             count);
}

}  // namespace

constinit const ByteKernels byte_kernels = {.quantize = quantize_run,
                                            .dequantize = dequantize_run,
                                            .binary = binary_run,
                                            .maximum = maximum_run};

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
