#pragma once

#include "strata/eval/evaluate.hpp"
#include "strata/runtime/session.hpp"

namespace strata::eval {

/// `evaluate` for a session that runs in segments: workers have sessions that share its weights,
/// each with its own memory, which the session's budget bounds.
Evaluation evaluate_segments(const runtime::Session& session, const data::Dataset& dataset,
                             std::span<const std::int64_t> indices,
                             const EvalOptions& options = {});

}  // namespace strata::eval
