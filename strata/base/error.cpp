#include "strata/base/error.hpp"

namespace strata {

Error::Error(ErrorCode code, std::string message) : code_(code), text_(std::move(message)) {}

void Error::add_context(std::string_view context) {
  // "reading net.onnx" before "net.onnx: No such file": the name is said once.
  const std::string_view subject = std::string_view(text_).substr(0, text_.find(": "));
  const bool said = subject.size() < text_.size() && !subject.empty() &&
                    (context == subject || context.ends_with(" " + std::string(subject)));
  text_ = std::string(context) + (said ? text_.substr(subject.size()) : ": " + text_);
}

namespace detail {

void assertion_failed(const char* expression, const char* file, int line) {
  fail(ErrorCode::internal, "{}:{}: assertion failed: {}", file, line, expression);
}

}  // namespace detail
}  // namespace strata
