#include "strata/ir/passes/fusible.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view activations[] = {
#define STRATA_ACTIVATION(op, function) op,
#define STRATA_BINARY(op, function)
#include "strata/ir/passes/fusible.def"
#undef STRATA_ACTIVATION
#undef STRATA_BINARY
};

constexpr std::string_view arithmetic[] = {
#define STRATA_ACTIVATION(op, function)
#define STRATA_BINARY(op, function) op,
#include "strata/ir/passes/fusible.def"
#undef STRATA_ACTIVATION
#undef STRATA_BINARY
};

bool is_one_of(const Node& node, std::span<const std::string_view> names) {
  return node.op->domain.empty() && std::ranges::count(names, node.op->name) != 0;
}

}  // namespace

bool is_fusible_activation(const Node& node) { return is_one_of(node, activations); }

bool is_fusible_arithmetic(const Node& node) { return is_one_of(node, arithmetic); }

}  // namespace strata::ir
