#pragma once

#include <map>
#include <string>

#include "strata/study/evaluator.hpp"

namespace strata::study {

/// Measurements as data: what a search was told, to be told again.
struct Recording {
  std::map<Configuration, Measured> measured;
  using Kernels = std::map<Configuration, std::vector<tune::NodeRows>>;
  Kernels kernels, timed_kernels;
  std::map<Configuration, std::vector<std::string>> slow_integers;
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
  std::vector<tune::NodeRows> timed_kernels(const Configuration& configuration,
                                            const Stopped& stopped) override;
  std::vector<std::string> slow_integers(const Configuration& configuration,
                                         const Stopped& stopped) override;
  const Recording& recording() const { return recording_; }

 private:
  Evaluator& evaluator_;
  Recording recording_;
};

/// Answers from a recording. Throws usage for what was never measured; nothing of the rest where
/// none was recorded.
class RecordedEvaluator final : public Evaluator {
 public:
  explicit RecordedEvaluator(Recording recording) : recording_(std::move(recording)) {}

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override;
  std::vector<tune::NodeRows> kernels(const Configuration& configuration) override;
  std::vector<tune::NodeRows> timed_kernels(const Configuration& configuration,
                                            const Stopped& stopped) override;
  std::vector<std::string> slow_integers(const Configuration& configuration,
                                         const Stopped& stopped) override;

 private:
  Recording recording_;
};

}  // namespace strata::study
