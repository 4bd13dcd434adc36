#pragma once

#include <nlohmann/json_fwd.hpp>

#include "strata/study/optimize.hpp"

namespace strata::study {

/// The document that docs/report.md defines.
nlohmann::json optimize_document(const OptimizeOptions& options, const OptimizeOutcome& outcome);

/// The Pareto front alone, with everything needed to build each member; docs/optimize.md.
nlohmann::json front_document(const OptimizeOptions& options, const OptimizeOutcome& outcome);

}  // namespace strata::study
