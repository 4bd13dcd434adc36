#pragma once

#include <map>
#include <string>

#include "strata/study/evaluator.hpp"

namespace strata::study {

/// Measurements as data: what a search was told, to be told again.
struct Recording {
  std::map<Configuration, Measured> measured;
  std::map<Configuration, std::vector<tune::NodeRows>> kernels;
};

/// JSON, and back. Throws model naming what is missing or mistyped.
std::string to_json(const Recording& recording);
Recording recording_from_json(std::string_view text);

/// Passes questions on to another evaluator and keeps the answers.
class Recorder final : public Evaluator {
 public:
  explicit Recorder(Evaluator& evaluator) : evaluator_(evaluator) {}

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override;
  std::vector<tune::NodeRows> kernels(const Configuration& configuration) override;
  const Recording& recording() const { return recording_; }

 private:
  Evaluator& evaluator_;
  Recording recording_;
};

/// Answers from a recording. Throws usage for what was never measured; no kernels where none were
/// recorded.
class RecordedEvaluator final : public Evaluator {
 public:
  explicit RecordedEvaluator(Recording recording) : recording_(std::move(recording)) {}

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override;
  std::vector<tune::NodeRows> kernels(const Configuration& configuration) override;

 private:
  Recording recording_;
};

}  // namespace strata::study
