#pragma once

#include <array>
#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// The same elements in another layout: what the planner inserts between regions.
/// in: {X in layouts.in[0]}; out: {Y in layouts.out[0]}; both are set before rejects is asked.
struct ReorderProblem : Problem {
  ReorderProblem() : Problem(ProblemKind::reorder) {}
  std::size_t element_size = 4;
  int rank = 4;
  std::array<std::int64_t, 8> dims{};
};

/// Numbers as another type: what the standard conversion gives, integers modulo 2^bits.
/// in: {X}; out: {Y}, both of `elements`.
struct CastProblem : Problem {
  CastProblem() : Problem(ProblemKind::cast) {}
  enum class Type : std::uint8_t { u8, i8, i32, i64, f32 };  ///< f32 is not converted to integers
  Type from = Type::i32, to = Type::f32;
  std::int64_t elements = 0;
};
/// Elements of one work unit of a cast.
constexpr std::int64_t cast_unit = 16384;

namespace avx2 {
const char* run_cast(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}
namespace baseline {
const char* run_cast(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;
}

std::span<const Row> convert_rows();

}  // namespace strata::kernels
