#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "strata/runtime/profile.hpp"
#include "strata/runtime/session.hpp"

namespace strata::eval {

/// One kernel call site of a segment; figures are sums over its calls in a run.
struct SegmentStep {
  std::string name, op, kernel;
  ir::Sources sources;
  double calls = 0;    ///< in a run
  double seconds = 0;  ///< in a run
  runtime::Work work;  ///< in a run
};

/// One segment: a plan that runs once, or as often as the body that it is part of is called.
struct SegmentFigures {
  std::string body;        ///< of which control flow node, empty for the model itself
  std::size_t number = 0;  ///< among those of the same graph, from 1
  double calls = 0;        ///< in a run
  double seconds = 0;      ///< in a run, from the first step to the last copy
  std::vector<SegmentStep> steps;
};

/// Where the time of a run in segments goes. Times are means over the middle half by length of the
/// runs of their kind.
struct SegmentProfile {
  std::vector<SegmentFigures> segments;  ///< in the order in which they first ran
  double run_seconds = 0;                ///< a run whose steps are timed
  double plain_seconds = 0;              ///< one that nobody looks into
  int runs = 0;                          ///< of either kind
  std::size_t peak_bytes = 0;            ///< most bytes at a time

  /// One step of the run shown.
  struct Event {
    std::size_t segment = 0, step = 0;
    runtime::Interval when;
  };
  std::vector<Event> example;  ///< of the last run; at most 100,000

  /// Sum over all segments; the rest of a run is planning, control flow and copies between them.
  double segment_seconds() const;
};

/// Runs the session again and again on the same inputs, from the initial states, as it is and with
/// its steps timed in turn.
SegmentProfile profile_segments(runtime::Session& session, std::span<const Tensor> inputs,
                                const runtime::ProfileOptions& options = {});

/// The figures as docs/profile.md lists them, without those of the session that took them.
nlohmann::json segment_document(const SegmentProfile& profile, const runtime::Session& session);
/// Such a document's run in Chrome's trace event format.
nlohmann::json segment_trace(const nlohmann::json& document, const SegmentProfile& profile);

}  // namespace strata::eval
