#pragma once

#include <cstdint>
#include <span>

#include "strata/tensor/dtype.hpp"

namespace strata {

/// Elements of at most 8 bits. Each lies in memory as its code in the low bits of one byte, the
/// other bits zero; files pack the codes. f8e4m3fn, f8e4m3fnuz, f8e5m2 and f8e5m2fnuz are those of
/// Micikevicius et al. 2022 and Noune et al. 2022; f8e8m0, f6e2m3, f6e3m2 and f4e2m1 those of the
/// OCP Microscaling Formats 1.0.

/// How f8e8m0, which holds powers of two only, rounds; ties of nearest go up.
enum class ScaleRounding { up, down, nearest };

struct NarrowRounding {
  /// Beyond the largest number of an 8-bit float lies that number; otherwise its infinity or NaN.
  bool saturate = true;
  ScaleRounding scale = ScaleRounding::up;
};

/// The number behind a code, exact; bits above those of the type are ignored.
float narrow_value(DType type, std::uint8_t code) noexcept;

/// The code of the nearest number, ties to even, as ONNX's Cast has it. Floats become 4- and 2-bit
/// integers by truncation, integers keep their low bits. Floats without NaN get -0 for
/// it, as in ONNX's examples, integers 0.
std::uint8_t narrow_code(DType type, double value, NarrowRounding rounding = {}) noexcept;
std::uint8_t narrow_code(DType type, std::int64_t value, NarrowRounding rounding = {}) noexcept;
std::uint8_t narrow_code(DType type, std::uint64_t value, NarrowRounding rounding = {}) noexcept;

/// Codes packed from the lowest bit of the first byte on, the last byte filled with zeros: the
/// form of ONNX's raw_data. `packed` has packed_size(...) bytes.
std::size_t packed_size(DType type, std::size_t elements) noexcept;
void pack_codes(DType type, std::span<const std::uint8_t> codes, std::span<std::byte> packed);
void unpack_codes(DType type, std::span<const std::byte> packed, std::span<std::uint8_t> codes);

}  // namespace strata
