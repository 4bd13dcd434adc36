#pragma once

#include <fmt/core.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace strata {

/// What kind of thing went wrong; decides the exit code of the command line.
enum class ErrorCode {
  usage,        ///< the caller asked for something that makes no sense
  model,        ///< a file or graph is malformed
  unsupported,  ///< well formed, but Strata cannot do it
  io,           ///< the operating system refused
  internal,     ///< a defect in Strata
};

/// The one exception type. `what()` reads outermost context first:
/// "reading net.onnx: node conv1 (Conv): bias has 31 elements, expected 32".
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message);

  ErrorCode code() const noexcept { return code_; }
  const char* what() const noexcept override { return text_.c_str(); }

  /// Prepends "context: " to the text.
  void add_context(std::string_view context);

 private:
  ErrorCode code_;
  std::string text_;
};

/// Throws an Error with a formatted message. Say where, what, with the values, and what is
/// accepted.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Runs `body`; an Error that leaves it gets the text of `describe()` prepended.
template <class Describe, class Body>
decltype(auto) with_context(Describe&& describe, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.add_context(describe());
    throw;
  }
}

namespace detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

}  // namespace strata

/// A programming mistake, never bad input: kept in release builds, throws ErrorCode::internal.
#define STRATA_ASSERT(expression) \
  ((expression) ? void(0) : ::strata::detail::assertion_failed(#expression, __FILE__, __LINE__))
