#pragma once

#include <string>
#include <string_view>

namespace strata::report {

/// A word as a shell takes it, in quotes where it needs them: "conv1", "'conv 1'".
std::string shell_quoted(std::string_view word);

}  // namespace strata::report
