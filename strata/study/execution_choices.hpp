#pragma once

#include <string>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/runtime/saved_choices.hpp"
#include "strata/study/configuration.hpp"

namespace strata::study {

/// Something about how a version runs that a search may vary.
struct ExecutionChoice {
  std::string name;
  std::vector<std::string> values;  ///< the default first
};

/// What bounds the choices.
struct ExecutionLimits {
  int most_threads = 1;
  Isa isa = detected_isa();
};

/// Those that leave a choice within the limits: precision, passes that join nodes, threads. The
/// only list; search, recordings, reports and saved files follow it.
std::vector<ExecutionChoice> execution_choices(const ExecutionLimits& limits);

/// How the configuration runs, as a file can say it. Throws usage for names that are not in the
/// list.
runtime::SavedChoices saved_choices(const Configuration& configuration);

}  // namespace strata::study
