#pragma once

#include <algorithm>
#include <array>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// The instruction sets whose kernels are part of this build: all, unless STRATA_ISA limits them.
#ifdef STRATA_BUILT_ISA
inline constexpr Isa built_isa = Isa(STRATA_BUILT_ISA);
#else
inline constexpr Isa built_isa = Isa(~0u);
#endif

/// The rows of a family's table that are part of this build: those of its instruction sets, and in
/// a build that is limited to some no baseline row beside a better one for the same problems. The
/// others leave nothing behind: what only they name is never linked.
template <const auto& table>
inline constexpr auto built_rows = [] {
  constexpr auto is_built = [](const Row& row) {
    if (row.isa != Isa::baseline || built_isa == Isa(~0u)) return has_isa(built_isa, row.isa);
    return std::ranges::none_of(table, [&](const Row& other) {
      return other.kind == row.kind && other.isa != Isa::baseline && has_isa(built_isa, other.isa);
    });
  };
  std::array<Row, std::size_t(std::ranges::count_if(table, is_built))> rows{};
  std::ranges::copy_if(table, rows.begin(), is_built);
  return rows;
}();

}  // namespace strata::kernels
