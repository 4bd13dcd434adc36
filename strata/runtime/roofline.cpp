#include "strata/runtime/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/base/log.hpp"
#include "strata/kernels/speed.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {
namespace {

constexpr std::string_view header = "strata roofline 1";
constexpr int tries = 9;              // the fastest counts: others share the machine
constexpr double try_seconds = 4e-3;  // at least, so that the clock's own time does not matter

/// One thread's part of a measurement.
struct Part {
  const kernels::SpeedLoops* loops;
  const float* data;    // read, or null: compute
  std::int64_t floats;  // of each thread
  std::int64_t repeats;
  volatile float* sink;
};

void work(void* context, std::int64_t begin, std::int64_t end, int) noexcept {
  const Part& part = *static_cast<const Part*>(context);
  float sum = 0;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    if (!part.data) {
      sum += part.loops->multiply_adds(part.repeats, 0.5f);
      continue;
    }
    for (std::int64_t i = 0; i < part.repeats; ++i) {
      sum += part.loops->read(part.data + unit * part.floats, part.floats);
    }
  }
  *part.sink = sum;
}

double seconds_of(ThreadPool& pool, Part& part) {
  const auto start = std::chrono::steady_clock::now();
  pool.run(pool.size(), work, &part);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Repeats of every thread per second, at best.
double fastest(ThreadPool& pool, Part part) {
  part.repeats = 1;
  while (seconds_of(pool, part) < try_seconds) part.repeats *= 2;
  double best = 0;
  for (int i = 0; i < tries; ++i)
    best = std::max(best, double(part.repeats) / seconds_of(pool, part));
  return best;
}

/// Bytes of data that each thread reads to measure a level, and up to which the level counts.
struct Probe {
  double read, up_to;
};

constexpr std::size_t level_count = 6;

/// Beyond the second cache systems report sizes that other processors share, so a ladder of sizes
/// finds where reading gets slower; each rung counts up to the next one.
std::vector<Probe> probes(int threads) {
  const auto l1 = double(this_machine().l1_bytes), l2 = double(this_machine().l2_bytes);
  std::vector<Probe> list{{l1 / 2, threads * l1}, {l2 / 2, threads * l2}};
  constexpr double ladder = 4, largest = 256 << 20;
  for (double all = 2 * threads * l2; list.size() < level_count; all *= ladder) {
    const double size = list.size() + 1 == level_count ? largest : std::min(all, largest);
    list.push_back({size / threads, size * ladder});
  }
  return list;
}

std::string file_name(std::string_view key) {
  std::string name = "roofline-";
  for (const char c : key.substr(0, 120)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      name += c;
    else if (name.back() != '-')
      name += '-';
  }
  return name + ".txt";
}

}  // namespace

double Roofline::bandwidth(double bytes) const {
  for (const Level& level : levels) {
    if (bytes <= level.bytes) return level.bytes_per_s;
  }
  return levels.empty() ? 0 : levels.back().bytes_per_s;
}

double Roofline::bound_seconds(double flops, double bytes) const {
  const double compute = flops_per_s > 0 ? flops / flops_per_s : 0;
  const double rate = bandwidth(bytes);
  return std::max(compute, rate > 0 ? bytes / rate : 0);
}

Roofline measure_roofline(Isa isa, ThreadPool& pool) {
  const kernels::SpeedLoops& loops = kernels::speed_loops(isa);
  volatile float sink = 0;
  Roofline roofline;
  roofline.flops_per_s =
      fastest(pool, {&loops, nullptr, 0, 1, &sink}) * double(loops.operations) * pool.size();
  const std::vector<Probe> all = probes(pool.size());
  const auto floats_of = [](const Probe& probe) {
    return std::max(std::int64_t(probe.read) / 4 / 256, std::int64_t(1)) * 256;
  };
  const std::int64_t most =
      floats_of(*std::ranges::max_element(all, {}, [](const Probe& p) { return p.read; }));
  const Arena memory(std::size_t(most) * 4 * std::size_t(pool.size()));
  // Zeroed pages may all be one page of the system until they are written.
  std::fill_n(reinterpret_cast<float*>(memory.data()), most * pool.size(), 1.0f);
  const auto* data = reinterpret_cast<const float*>(memory.data());
  for (const Probe& probe : all) {
    const std::int64_t floats = floats_of(probe);
    const double per_s = fastest(pool, {&loops, data, floats, 1, &sink});
    roofline.levels.push_back({probe.up_to, per_s * double(floats) * 4 * pool.size()});
  }
  // What is farther away is not read faster: then the nearer level was disturbed.
  for (std::size_t i = roofline.levels.size() - 1; i > 0; --i) {
    double& nearer = roofline.levels[i - 1].bytes_per_s;
    nearer = std::max(nearer, roofline.levels[i].bytes_per_s);
  }
  return roofline;
}

std::string roofline_key(Isa isa, int threads) {
  const Machine& machine = this_machine();
  return fmt::format("{} {} threads {} caches {} {} {}", to_string(isa), threads, machine.cpu_name,
                     machine.l1_bytes, machine.l2_bytes, machine.l3_bytes);
}

std::string to_text(const Roofline& roofline, std::string_view key) {
  std::string text = fmt::format("{}\n{}\n{}\n", header, key, roofline.flops_per_s);
  for (const Roofline::Level& level : roofline.levels) {
    text += fmt::format("{} {}\n", level.bytes, level.bytes_per_s);
  }
  return text + "end\n";
}

std::optional<Roofline> parse_roofline(std::string_view text, std::string_view key) {
  std::istringstream in{std::string(text)};
  std::string line;
  if (!std::getline(in, line) || line != header) return {};
  if (!std::getline(in, line) || line != key) return {};
  const auto good = [](double x) { return std::isfinite(x) && x > 0; };
  Roofline roofline;
  if (!(in >> roofline.flops_per_s) || !good(roofline.flops_per_s)) return {};
  for (std::size_t i = 0; i < level_count; ++i) {
    Roofline::Level level;
    if (!(in >> level.bytes >> level.bytes_per_s)) return {};
    if (!good(level.bytes) || !good(level.bytes_per_s)) return {};
    if (i > 0 && level.bytes < roofline.levels.back().bytes) return {};
    roofline.levels.push_back(level);
  }
  return in >> line && line == "end" ? std::optional(roofline) : std::nullopt;
}

Roofline cached_roofline(Isa isa, ThreadPool& pool, const std::filesystem::path& folder,
                         bool anew) {
  const std::string key = roofline_key(isa, pool.size());
  const std::filesystem::path file = folder / file_name(key);
  constexpr std::size_t limit = 4096;
  try {
    const auto known = anew ? std::nullopt : parse_roofline(read_file(file, limit), key);
    if (known) return *known;
  } catch (const Error&) {
    // Not there yet, or not readable: measured anew.
  }
  const Roofline roofline = measure_roofline(isa, pool);
  if (folder.empty()) return roofline;
  try {
    std::error_code ignored;  // what is wrong shows when the file is written
    std::filesystem::create_directories(folder, ignored);
    write_file(file, to_text(roofline, key));
  } catch (const Error& error) {
    log_warning("the roofline of this machine is not kept: {}", error.what());
  }
  return roofline;
}

std::filesystem::path cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value ? value : "");
  };
  // The specification has relative paths ignored.
  if (const auto folder = variable("XDG_CACHE_HOME"); folder.is_absolute())
    return folder / "strata";
  const auto home = variable("HOME");
  return home.is_absolute() ? home / ".cache" / "strata" : std::filesystem::path();
}

}  // namespace strata::runtime
