#pragma once

#include <cstddef>
#include <string_view>

#include "capi/strata.h"
#include "strata/runtime/session.hpp"

namespace strata::capi {

/// Throws usage for names and values that strata_option does not list.
runtime::SessionOptions session_options(const strata_option* options, std::size_t count);
/// Whether one of them, which session_options took, has this name.
bool has_option(const strata_option* options, std::size_t count, std::string_view name);

}  // namespace strata::capi
