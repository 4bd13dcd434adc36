#include <fmt/format.h>

#include "strata/base/error.hpp"
#include "strata/report/optimize_page.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

Candidate read_candidate(const JsonView& view) {
  Candidate candidate;
  candidate.id = view.integer("id");
  candidate.name = view.string("name");
  candidate.phase = view.string("phase");
  candidate.status = view.string("status");
  candidate.note = view.optional_string("note");
  candidate.changes = view.strings("changes");
  candidate.at_s = view.optional_number("at_s");
  candidate.front = view.flag("front");
  if (candidate.status != "kept" && candidate.status != "rejected" && !candidate.failed()) {
    fail(ErrorCode::model, "candidate {}: status is '{}', expected kept, rejected or failed",
         candidate.id, printable(candidate.status));
  }
  if (candidate.failed()) return candidate;
  candidate.accuracy = view.estimate("accuracy");
  candidate.latency_s = view.estimate("latency_s");
  if (view.has("latency_ratio")) candidate.latency_ratio = view.estimate("latency_ratio");
  candidate.file_bytes = view.number("file_bytes");
  candidate.peak_bytes = view.number("peak_bytes");
  return candidate;
}

const Candidate* find_measured(const std::vector<Candidate>& candidates, const JsonView& verdict,
                               std::string_view role) {
  const std::int64_t id = verdict.integer(role);
  for (const Candidate& candidate : candidates) {
    if (candidate.id == id && !candidate.failed()) return &candidate;
  }
  fail(ErrorCode::model, "verdict.{}: is {}, expected the id of a measured candidate", role, id);
}

}  // namespace

OptimizeDocument::OptimizeDocument(const JsonView& document) : root(document) {
  constexpr std::string_view schema = "strata.optimize/1";
  if (const std::string found = root.string("schema"); found != schema) {
    fail(ErrorCode::model, "schema: is '{}', expected '{}'", printable(found), schema);
  }
  for (const JsonView& view : root.array("candidates")) candidates.push_back(read_candidate(view));
  const JsonView verdict = root.object("verdict");
  baseline = find_measured(candidates, verdict, "baseline");
  chosen = find_measured(candidates, verdict, "chosen");
}

std::string OptimizeDocument::clock_badge(std::string_view figure) const {
  const std::string clock = root.object("clocks").string(figure);
  std::string_view text;
  if (clock == "wall") text = "measured";
  if (clock == "simulated") text = "simulated";
  if (clock == "modelled") text = "modelled";
  if (clock == "exact") text = "counted";
  if (text.empty()) {
    fail(ErrorCode::model, "clocks.{}: is '{}', expected wall, simulated, modelled or exact",
         figure, printable(clock));
  }
  return fmt::format("<span class=\"clock {}\">{}</span>", clock, text);
}

}  // namespace strata::report
