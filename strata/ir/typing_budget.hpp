#pragma once

#include <cstddef>

namespace strata::ir {

/// While it lives, all that types bodies of control flow on this thread draws on one budget of
/// shape rules: loops within loops are typed again and again until their extents settle, and a file
/// may nest them without need. One that lives already goes on; without any, each call of
/// infer_types has its own.
class TypingBudget {
 public:
  explicit TypingBudget(std::size_t rules);
  ~TypingBudget();
  TypingBudget(const TypingBudget&) = delete;
  TypingBudget& operator=(const TypingBudget&) = delete;

  /// Takes rules from the budget; throws unsupported if there are not as many left.
  static void spend(std::size_t rules);

 private:
  std::size_t most_, left_;
  bool is_outermost_;
};

/// For one graph: a second or a few.
constexpr std::size_t typing_rules_per_graph = 500'000;

}  // namespace strata::ir
