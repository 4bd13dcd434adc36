#pragma once

#include <string_view>
#include <vector>

#include "strata/tensor/dim.hpp"

namespace strata::ir {

/// The axes of one term of an einsum equation: a letter each; axis i of "...", counted from its
/// last, is -1 - i.
using EinsumTerm = std::vector<int>;

/// An equation with its ellipses spelled out and its output stated.
struct EinsumEquation {
  std::vector<EinsumTerm> inputs;
  EinsumTerm output;
};

/// Reads "ij,jk->ik" for operands of these ranks. Throws model with what is wrong.
EinsumEquation parse_einsum(std::string_view text, const std::vector<std::size_t>& ranks);

/// Extent of an axis over all operands that name it; axes of an ellipsis broadcast. Throws model
/// where extents disagree.
Dim einsum_extent(const EinsumEquation& equation, const std::vector<SymbolicShape>& shapes,
                  int label);

}  // namespace strata::ir
