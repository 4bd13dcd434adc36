#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strata/report/json_view.hpp"

/// The parts of the page that render_optimize_report puts together.
namespace strata::report {

/// A candidate of the document; of one that failed only the texts are set.
struct Candidate {
  std::int64_t id = 0;
  std::string name, phase, status, note;
  std::vector<std::string> changes;
  Estimate accuracy, latency_s;
  std::optional<Estimate> latency_ratio;  ///< to the baseline
  double file_bytes = 0, peak_bytes = 0;
  std::optional<double> at_s;
  bool front = false;

  bool failed() const { return status == "failed"; }
};

/// What several sections need, read and checked once.
struct OptimizeDocument {
  explicit OptimizeDocument(const JsonView& document);

  /// "measured wall time" and so on, as a badge.
  std::string clock_badge(std::string_view figure) const;

  JsonView root;
  std::vector<Candidate> candidates;
  const Candidate* baseline = nullptr;
  const Candidate* chosen = nullptr;
};

std::string headline_section(const OptimizeDocument& document);
std::string accuracy_section(const OptimizeDocument& document);
std::string front_section(const OptimizeDocument& document);
std::string layers_section(const OptimizeDocument& document);
std::string search_section(const OptimizeDocument& document);
std::string environment_section(const OptimizeDocument& document);

}  // namespace strata::report
