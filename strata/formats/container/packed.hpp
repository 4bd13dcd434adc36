#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "strata/ir/packed_weights.hpp"

namespace strata::formats::container {

/// Key of the info's entry about packed weights; not an author's, as those of theirs that begin
/// with a colon get one more.
constexpr std::string_view packed_key = ":packed";

/// The entry: a u64 version; then for each the number of its part (u32), its form (u64), the row,
/// and the number of sources (u32) with a name and a part of the encoding (u32, as i32). Texts
/// are a u32 length and their bytes. The weights' bytes are parts from `first_part` on.
std::string packed_entry(const ir::PackedSet& packed, std::uint32_t first_part);

/// Reads that; `part` gives the bytes. Throws model for anything else.
ir::PackedSet parse_packed(std::string_view entry,
                           const std::function<Tensor(std::size_t number)>& part);

}  // namespace strata::formats::container
