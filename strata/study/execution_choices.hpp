#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/eval/warnings.hpp"
#include "strata/formats/text_suffix.hpp"
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

/// "2 threads, precision bf16, conv1 by ROW"; empty for the default.
std::string describe(const runtime::SavedChoices& choices);
/// The same as commands take it, quoted for a shell: "--threads 2 --kernel conv1=ROW".
std::string as_options(const runtime::SavedChoices& choices);
/// "unsaid_choices": a file of the format cannot say how it is best run; what to give it instead.
std::optional<eval::Warning> unsaid_warning(const runtime::SavedChoices& choices,
                                            formats::Format format);

}  // namespace strata::study
