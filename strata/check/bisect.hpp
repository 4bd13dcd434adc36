#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "strata/check/compare.hpp"

namespace strata::check {

/// Who is to blame for a difference.
struct Blame {
  enum class Kind : std::uint8_t { nothing, model, pass, kernel };
  Kind kind = Kind::nothing;
  char side = 0;       ///< 'A' or 'B'; 0 for a difference between the models
  std::string name;    ///< of the pass, the kernel, or the constant that differs
  std::string node;    ///< where it shows first, as the user named it; empty if it cannot be said
  std::string reason;  ///< a sentence: what was tried and what it showed
};

/// Whom the difference of two sides comes from. Each side is held against its own plain meaning
/// (check::plain): what differs there is a pass, found by running ever shorter prefixes of the
/// pipeline, or a kernel, found by leaving rows out. If both sides are true to their models, the
/// models differ. `progress` hears each trial.
Blame bisect(const Side& a, const Side& b, std::span<const std::vector<Tensor>> inputs,
             const std::function<void(const std::string& trial)>& progress = {});

std::string_view to_string(Blame::Kind kind);

}  // namespace strata::check
