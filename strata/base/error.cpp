#include "strata/base/error.hpp"

namespace strata {

Error::Error(ErrorCode code, std::string message) : code_(code), text_(std::move(message)) {}

void Error::add_context(std::string_view context) {
  std::string text;
  text.reserve(context.size() + 2 + text_.size());
  text.append(context).append(": ").append(text_);
  text_ = std::move(text);
}

namespace detail {

void assertion_failed(const char* expression, const char* file, int line) {
  fail(ErrorCode::internal, "{}:{}: assertion failed: {}", file, line, expression);
}

}  // namespace detail
}  // namespace strata
