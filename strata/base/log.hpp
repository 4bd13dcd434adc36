#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>

namespace strata {

enum class LogLevel { debug, info, warning, error };

/// Where messages go. The default writes warnings and errors to stderr.
using LogSink = std::function<void(LogLevel, std::string_view message)>;

/// Replaces the sink for the whole process; an empty one restores the default.
void set_log_sink(LogSink sink);
void set_log_level(LogLevel lowest);
void log_message(LogLevel level, std::string_view message);

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace strata
