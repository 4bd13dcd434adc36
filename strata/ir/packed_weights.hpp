#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/tensor/tensor.hpp"

namespace strata::ir {

/// Constants of a graph in the order that one kernel reads them, as a file keeps them beside the
/// graph.
struct PackedWeights {
  struct Source {
    std::string value;  ///< a constant's name; empty: an operand that is left out
    int part = -1;      ///< of its encoding; -1: the decoded elements
  };
  std::string row;         ///< the kernel's name
  std::uint64_t form = 0;  ///< see kernels::Row::packed_form
  std::vector<Source> sources;
  Tensor bytes;  ///< u8
};

/// What kernels of one version packed.
struct PackedSet {
  std::uint64_t version = 0;  ///< see kernels::packing_version
  std::vector<PackedWeights> weights;
};

}  // namespace strata::ir
