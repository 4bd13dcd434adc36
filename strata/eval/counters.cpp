#include "strata/eval/counters.hpp"

#include <fmt/core.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace strata::eval {
namespace {

struct Kind {
  std::string_view name;
  std::uint64_t config;
};
constexpr Kind kinds[] = {{"cycles", PERF_COUNT_HW_CPU_CYCLES},
                          {"instructions", PERF_COUNT_HW_INSTRUCTIONS},
                          {"cache_references", PERF_COUNT_HW_CACHE_REFERENCES},
                          {"cache_misses", PERF_COUNT_HW_CACHE_MISSES}};

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string why_refused(int error) {
  std::string text = fmt::format("perf_event_open: {}", std::strerror(error));
  if (error == EACCES || error == EPERM) {
    const std::string level = first_line("/proc/sys/kernel/perf_event_paranoid");
    text += fmt::format(" (kernel.perf_event_paranoid is {}; 2 or less, or CAP_PERFMON, is needed)",
                        level.empty() ? "not known" : level);
  } else if (error == ENOENT || error == EOPNOTSUPP || error == ENODEV) {
    text += " (no such counter here; virtual machines often hide them)";
  } else if (error == ENOSYS) {
    text += " (this kernel or container has no such call)";
  }
  return text;
}

/// A number in a file, if it can be read.
std::optional<double> microjoules(const std::string& file) {
  std::ifstream stream(file);
  double value = 0;
  if (stream >> value) return value;
  return std::nullopt;
}

}  // namespace

Counters::Counters(std::string powercap) {
  open_events();
  find_packages(powercap);
}

Counters::~Counters() {
  for (const Event& event : events_) {
    if (event.file >= 0) close(event.file);
  }
}

void Counters::open_events() {
  for (const Kind& kind : kinds) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = kind.config;
    attributes.disabled = 1;
    attributes.inherit = 1;  // threads started from now on
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    const long file =
        syscall(SYS_perf_event_open, &attributes, 0, -1, -1, (unsigned long)PERF_FLAG_FD_CLOEXEC);
    events_.push_back({kind.name, int(file), file < 0 ? why_refused(errno) : ""});
  }
}

/// Packages only: their parts ("intel-rapl:0:0") are counted in them.
void Counters::find_packages(const std::string& powercap) {
  std::error_code error;
  std::string unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(powercap, error)) {
    const std::string name = first_line(entry.path() / "name");
    if (!name.starts_with("package")) continue;
    Package package{.file = (entry.path() / "energy_uj").string()};
    package.range = microjoules((entry.path() / "max_energy_range_uj").string()).value_or(0);
    if (microjoules(package.file)) {
      packages_.push_back(package);
    } else {
      unreadable = package.file;
    }
  }
  if (!unreadable.empty()) {
    packages_.clear();  // the energy of some packages is no energy of the machine
    no_energy_ = fmt::format("{} cannot be read (often only root may)", unreadable);
  } else if (packages_.empty()) {
    no_energy_ = fmt::format("no processor package with an energy counter in {}", powercap);
  }
}

std::vector<Counted> Counters::measure(int runs, const std::function<void()>& run) {
  struct Reading {
    std::uint64_t value = 0, enabled = 0, running = 0;  // as read_format orders them
  };
  for (Package& package : packages_) package.start = microjoules(package.file).value_or(0);
  for (const Event& event : events_) {
    if (event.file < 0) continue;
    ioctl(event.file, PERF_EVENT_IOC_RESET, 0);
    ioctl(event.file, PERF_EVENT_IOC_ENABLE, 0);
  }
  for (int i = 0; i < runs; ++i) run();
  for (const Event& event : events_) {
    if (event.file >= 0) ioctl(event.file, PERF_EVENT_IOC_DISABLE, 0);
  }
  std::vector<Counted> counted;
  for (const Event& event : events_) {
    Counted figure{event.name, std::nullopt, event.reason};
    Reading reading;
    if (event.file >= 0) {
      if (read(event.file, &reading, sizeof reading) != ssize_t(sizeof reading)) {
        figure.reason = fmt::format("reading the counter: {}", std::strerror(errno));
      } else if (reading.running == 0) {
        figure.reason = "the counter never ran: others use all that the processor has";
      } else {
        // Where events share a counter, each is there for a part of the time.
        figure.per_run = double(reading.value) * double(reading.enabled) / double(reading.running) /
                         double(runs);
      }
    }
    counted.push_back(std::move(figure));
  }
  Counted energy{"energy_j", std::nullopt, no_energy_};
  for (const Package& package : packages_) {
    double used = microjoules(package.file).value_or(package.start) - package.start;
    if (used < 0) used += package.range;
    energy.per_run = energy.per_run.value_or(0) + used * 1e-6 / double(runs);
  }
  counted.push_back(std::move(energy));
  return counted;
}

}  // namespace strata::eval
