#pragma once

#include <atomic>

namespace strata::cli {

/// Set by the first Ctrl-C (SIGINT) or SIGTERM after this call; a second one ends the process.
const std::atomic<bool>& watch_interrupts();

}  // namespace strata::cli
