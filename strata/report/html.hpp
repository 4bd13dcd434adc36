#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace strata::report {

/// One self-contained HTML page, without external requests, of the document that docs/report.md
/// describes. Throws model, naming the field, when the document is not of that form.
std::string render_optimize_report(const nlohmann::json& report);

/// The same for a profile, of the form that docs/profile.md describes.
std::string render_profile_report(const nlohmann::json& profile);

}  // namespace strata::report
