#pragma once

#include <span>
#include <string>

#include "strata/runtime/program.hpp"

namespace strata::cli {

/// The kernels of the programs' steps and why they are none of the others. Steps whose kernel and
/// reasons are the same are told of once; with `each` every step by itself, with the modelled time
/// of all that could run it.
std::string kernels_text(std::span<const runtime::Program* const> programs, bool each);

}  // namespace strata::cli
