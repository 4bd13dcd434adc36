#pragma once

#include <cstddef>

#include "capi/strata.h"
#include "strata/runtime/session.hpp"

namespace strata::capi {

/// Throws usage for names and values that strata_option does not list.
runtime::SessionOptions session_options(const strata_option* options, std::size_t count);

}  // namespace strata::capi
