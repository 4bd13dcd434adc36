#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/runtime/session.hpp"

namespace strata::runtime {

/// How a model is best run, as a search found it for one machine; the default: as Strata runs any
/// model.
struct SavedChoices {
  int threads = 1;
  kernels::Precision precision = kernels::Precision::f32;
  std::vector<std::string> off;  ///< passes
  std::vector<Pin> pins;
  std::string machine;  ///< whose processor it was found on

  bool any() const;
};

/// What a model's file says of itself: "strata.threads" and "strata.precision", "strata.off" with
/// names of passes, "strata.kernel.NODE" with a row, "strata.machine".
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// Replaces the choices in the metadata by these; by none where they are the default.
void save_choices(Metadata& metadata, const SavedChoices& choices);
/// Reads them. Throws model for a number of threads or a precision that there is not; passes of
/// other names are left out.
SavedChoices saved_choices(const Metadata& metadata);

/// What a caller has decided already, so that a file does not.
struct Given {
  bool threads = false;
  bool precision = false;
};
/// Makes the options follow the choices as far as this machine and program can: threads that there
/// are, bf16 where the target has it, pins that give way where their row refuses. Pins that are
/// among the options go before.
void follow(const SavedChoices& choices, const Given& given, SessionOptions& options);

}  // namespace strata::runtime
