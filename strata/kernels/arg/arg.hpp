#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Where the largest (or smallest) element of an axis is: the first of equal ones, or the last.
/// What is no number is never better than what came before. X is (outer, extent, inner), or with
/// `channels` an image (outer, extent, inner pixels), which may have its channels last.
/// in: {X}; out: {Y, i64, (outer, inner)}.
struct ArgProblem : Problem {
  ArgProblem() : Problem(ProblemKind::arg_extremum) {}
  enum class Type : std::uint8_t { u8, i8, f32 };
  Type type = Type::f32;
  bool largest = true, last = false;
  bool channels = false;
  std::int64_t outer = 1, extent = 1, inner = 1;
};

std::span<const Row> arg_rows();

}  // namespace strata::kernels
