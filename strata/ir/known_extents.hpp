#pragma once

#include "strata/tensor/dim.hpp"

namespace strata::ir {

/// While it lives, shape rules on this thread give extents that only data tell (open ones) the
/// values that they have here: what a run has found out. So every rule after them checks numbers.
class KnownExtents {
 public:
  explicit KnownExtents(const DimValues& values);
  ~KnownExtents();
  KnownExtents(const KnownExtents&) = delete;
  KnownExtents& operator=(const KnownExtents&) = delete;

  /// The value of this symbol, if there is one.
  static const std::int64_t* find(std::string_view symbol);

 private:
  const DimValues* before_;
};

}  // namespace strata::ir
