#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "strata/runtime/session.hpp"
#include "tools/cli/command.hpp"

namespace strata::cli {

/// What `profile` is to do with a model that runs in segments.
struct SegmentReport {
  double seconds = 1;  ///< how long to measure
  std::string heading;
  std::string json_file, trace_file;
};

/// Measures a session that runs in segments on these inputs and shows or writes where the time
/// goes. `about`: what the document says of the session (command, device, model, inputs).
ExitCode profile_in_segments(runtime::Session& session, std::span<const Tensor> inputs,
                             const SegmentReport& report, const nlohmann::json& about);

}  // namespace strata::cli
