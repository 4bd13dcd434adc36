#include <fmt/format.h>

#include "strata/base/error.hpp"
#include "strata/search/strategy.hpp"

namespace strata::search {

// The list: a strategy is one file that defines its StrategyDef, and one line here.
#define STRATA_STRATEGIES(X)  \
  X(exhaustive)               \
  X(exhaustive_per_parameter) \
  X(greedy_by_sensitivity)

#define DECLARE(name) extern const StrategyDef name##_strategy;
STRATA_STRATEGIES(DECLARE)
#undef DECLARE

std::span<const StrategyDef* const> strategies() {
#define ADDRESS(name) &name##_strategy,
  static constexpr const StrategyDef* list[] = {STRATA_STRATEGIES(ADDRESS)};
#undef ADDRESS
  return list;
}

std::unique_ptr<Strategy> make_strategy(std::string_view name, const Space& space,
                                        const StrategyOptions& options) {
  std::string accepted;
  for (const StrategyDef* strategy : strategies()) {
    if (strategy->name == name) return strategy->make(space, options);
    accepted += fmt::format("{}{}", accepted.empty() ? "" : ", ", strategy->name);
  }
  fail(ErrorCode::usage, "unknown search strategy '{}', expected one of: {}", name, accepted);
}

}  // namespace strata::search
