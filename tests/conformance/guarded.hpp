#pragma once

#include <functional>
#include <string>

namespace strata::conformance {

/// Runs `body` in a process of its own, so that whatever happens in it is a result: what it
/// returns, "crash: ..." or "no end within N seconds". The caller has no threads.
std::string run_guarded(const std::function<std::string()>& body, int seconds);

}  // namespace strata::conformance
