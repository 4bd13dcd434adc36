#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::eval {

/// What one run takes of something that the machine counts, or why it cannot be read.
struct Counted {
  std::string_view name;  ///< cycles, instructions, cache_references, cache_misses, energy_j
  std::optional<double> per_run;
  std::string reason;  ///< set if there is no figure
};

/// Reads the processor's counters (Linux perf_event_open) over this thread and those it starts
/// later, in user mode, and the energy of the whole machine's processors (powercap). Make it before
/// the threads whose work it is to count.
class Counters {
 public:
  /// `powercap`: where the system shows energy, for tests.
  explicit Counters(std::string powercap = "/sys/class/powercap");
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// What the calls of `run`, `runs` of them, took on average. What refuses does not fail: it says
  /// why.
  std::vector<Counted> measure(int runs, const std::function<void()>& run);

 private:
  struct Event {
    std::string_view name;
    int file = -1;
    std::string reason;
  };
  /// A processor package's counter of microjoules, which starts again at 0 beyond `range`.
  struct Package {
    std::string file;
    double range = 0;
    double start = 0;
  };

  void open_events();
  void find_packages(const std::string& powercap);

  std::vector<Event> events_;
  std::vector<Package> packages_;
  std::string no_energy_;
};

}  // namespace strata::eval
