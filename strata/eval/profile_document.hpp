#pragma once

#include <nlohmann/json_fwd.hpp>

#include "strata/runtime/profile.hpp"

namespace strata::eval {

/// The figures of a profile as docs/profile.md lists them, without those of the session that took
/// it (command, device). Whoever prints, draws or traces a profile reads this.
nlohmann::json profile_document(const runtime::Binding& binding, const runtime::Profile& profile,
                                const runtime::Roofline& roofline);

/// A profile document in Chrome's trace event format, which Perfetto opens: the steps of the
/// example run, and the bytes of the arena in use as a counter.
nlohmann::json trace_document(const nlohmann::json& profile);

}  // namespace strata::eval
