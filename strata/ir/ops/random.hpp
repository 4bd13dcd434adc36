#pragma once

#include "strata/base/random.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {

/// The numbers of a random node, the same in every run: seeded by its attribute, else by its name.
Random node_random(const Node& node);

}  // namespace strata::ir
