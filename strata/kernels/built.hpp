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

constexpr bool is_built(const Row& row) { return has_isa(built_isa, row.isa); }

/// The rows of a family's table that are part of this build. The others leave nothing behind: what
/// only they name is never linked.
template <const auto& table>
inline constexpr auto built_rows = [] {
  std::array<Row, std::size_t(std::ranges::count_if(table, is_built))> rows{};
  std::ranges::copy_if(table, rows.begin(), is_built);
  return rows;
}();

}  // namespace strata::kernels
