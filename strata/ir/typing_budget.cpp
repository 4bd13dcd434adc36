#include "strata/ir/typing_budget.hpp"

#include "strata/base/error.hpp"

namespace strata::ir {
namespace {

thread_local TypingBudget* current = nullptr;

}  // namespace

TypingBudget::TypingBudget(std::size_t rules)
    : most_(rules), left_(rules), is_outermost_(current == nullptr) {
  if (is_outermost_) current = this;
}

TypingBudget::~TypingBudget() {
  if (is_outermost_) current = nullptr;
}

void TypingBudget::spend(std::size_t rules) {
  STRATA_ASSERT(current);
  if (rules > current->left_) {
    fail(ErrorCode::unsupported, "typing the bodies of its control flow takes more than {} rules",
         current->most_);
  }
  current->left_ -= rules;
}

}  // namespace strata::ir
