#pragma once

#include <array>
#include <span>
#include <vector>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Joins tensors of `element_size` bytes along `axis`. Offered layouts: plain, channels-last, and
/// channel-blocked where every boundary is a multiple of the block. Where there are tables, tensor
/// i is of bytes that go through table i. in: all; out: {Y}.
struct ConcatProblem : Problem {
  ConcatProblem() : Problem(ProblemKind::concat) {}
  std::size_t element_size = 4;
  int axis = 0;
  int rank = 0;
  std::vector<std::array<std::int64_t, 8>> in_dims;
  std::vector<std::array<std::uint8_t, 256>> tables;
  std::array<std::int64_t, 8> out_dims{};
};
/// Whether Y, as problem.layouts stores it, is all tensors one after the other. A tensor that
/// already lies where it belongs is not copied.
bool is_end_to_end(const ConcatProblem& problem);

/// out[i...] = in[offset + stride * i...] over a row-major input, any rank to 8, strides in
/// elements (0 repeats, negative walks back): Transpose, Slice, Expand, Split as one copy.
/// in: {X}, plain; out: {Y}, plain or channels last.
struct StridedCopyProblem : Problem {
  StridedCopyProblem() : Problem(ProblemKind::strided_copy) {}
  std::size_t element_size = 4;
  int rank = 0;
  std::array<std::int64_t, 8> out_dims{};
  std::array<std::int64_t, 8> in_strides{};
  std::int64_t in_offset = 0;
};
/// Whether Y, as problem.layouts stores it, is X from its first byte on, as far as Y goes: a view
/// of X does as well.
bool is_whole_copy(const StridedCopyProblem& problem);

/// Constant padding (pads may be negative: crops). in: {X}; out: {Y}, plain layouts.
struct PadProblem : Problem {
  PadProblem() : Problem(ProblemKind::pad) {}
  std::size_t element_size = 4;
  std::array<std::byte, 8> value{};
  int rank = 0;
  std::array<std::int64_t, 8> in_dims{}, out_dims{}, begin{};
};

std::span<const Row> concat_rows();
std::span<const Row> movement_rows();

}  // namespace strata::kernels
