#include "strata/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace strata {
namespace {

std::atomic<LogLevel> lowest_level = LogLevel::warning;

struct SinkSlot {
  std::mutex mutex;
  std::shared_ptr<const LogSink> sink;
};

// Never destroyed: worker threads and static destructors may still log while the process ends.
SinkSlot& sink_slot() {
  static SinkSlot* slot = new SinkSlot;
  return *slot;
}

void write_to_stderr(LogLevel level, std::string_view message) {
  static spdlog::logger* logger = [] {
    auto* made = new spdlog::logger("strata", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("strata: %l: %v");
    made->set_level(spdlog::level::debug);
    return made;
  }();
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                  spdlog::level::warn, spdlog::level::err};
  logger->log(levels[int(level)], spdlog::string_view_t(message.data(), message.size()));
  logger->flush();
}

}  // namespace

void set_log_sink(LogSink sink) {
  auto replacement = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  std::lock_guard lock(sink_slot().mutex);
  sink_slot().sink = std::move(replacement);
}

void set_log_level(LogLevel lowest) { lowest_level = lowest; }

void log_message(LogLevel level, std::string_view message) {
  if (level < lowest_level) return;
  std::shared_ptr<const LogSink> sink;
  {
    std::lock_guard lock(sink_slot().mutex);
    sink = sink_slot().sink;
  }
  // Called outside the lock, so that a sink may itself log or replace the sink.
  if (sink) {
    (*sink)(level, message);
  } else {
    write_to_stderr(level, message);
  }
}

}  // namespace strata
