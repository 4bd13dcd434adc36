#include "strata/ir/known_extents.hpp"

#include <utility>

namespace strata::ir {
namespace {

thread_local const DimValues* current = nullptr;

}  // namespace

KnownExtents::KnownExtents(const DimValues& values) : before_(std::exchange(current, &values)) {}
KnownExtents::~KnownExtents() { current = before_; }

const std::int64_t* KnownExtents::find(std::string_view symbol) {
  return current ? current->find(symbol) : nullptr;
}

}  // namespace strata::ir
