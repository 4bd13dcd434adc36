#include "strata/base/cpu.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"

namespace strata {
namespace {

struct Level {
  std::string_view name;
  Isa mask;
};

constexpr Isa avx512_mask = Isa::avx2 | Isa::avx512;
constexpr Level levels[] = {
    {"baseline", Isa::baseline},
    {"avx2", Isa::avx2},
    {"avx512", avx512_mask},
    {"avx512_vnni", avx512_mask | Isa::avx512_vnni},
    {"avx512_bf16", avx512_mask | Isa::avx512_vnni | Isa::avx512_bf16},
    {"neon", Isa::neon},
};

#if defined(__x86_64__)
struct Registers {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

constexpr bool bits_set(std::uint32_t word, std::initializer_list<int> bits) {
  return std::ranges::all_of(bits, [&](int bit) { return word >> bit & 1; });
}

/// Which register files the operating system saves on a task switch (XCR0).
std::uint32_t saved_state(const Registers& leaf1) {
  if (!bits_set(leaf1.c, {27})) return 0;  // OSXSAVE: xgetbv exists
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Bit numbers: Intel 64 and IA-32 Software Developer's Manual, volume 2A, CPUID.
Isa detect() {
  const Registers leaf1 = cpuid(1, 0);
  const Registers leaf7 = cpuid(7, 0);
  const std::uint32_t saved = saved_state(leaf1);
  constexpr std::uint32_t ymm_state = 0x6, zmm_state = 0xe6;

  const bool avx2 =
      (saved & ymm_state) == ymm_state && bits_set(leaf1.c, {12, 28, 29}) && bits_set(leaf7.b, {5});
  if (!avx2) return Isa::baseline;
  if ((saved & zmm_state) != zmm_state || !bits_set(leaf7.b, {16, 17, 30, 31})) return Isa::avx2;
  if (!bits_set(leaf7.c, {11})) return avx512_mask;
  const bool bf16 = leaf7.a >= 1 && bits_set(cpuid(7, 1).a, {5});
  return avx512_mask | Isa::avx512_vnni | (bf16 ? Isa::avx512_bf16 : Isa::baseline);
}
#elif defined(__aarch64__)
Isa detect() { return Isa::neon; }
#else
Isa detect() { return Isa::baseline; }
#endif

std::string read_cpu_name() {
  std::string info;
  try {
    info = read_file("/proc/cpuinfo", 64 << 20);
  } catch (const Error&) {
    return "unknown processor";
  }
  const auto key = info.find("model name");
  if (key == std::string::npos) return "unknown processor";
  const auto end = std::min(info.find('\n', key), info.size());
  const auto start = info.find_first_not_of(" \t", info.find(':', key) + 1);
  return start < end ? info.substr(start, end - start) : "unknown processor";
}

Machine read_machine() {
  Machine machine;
  machine.cpu_name = read_cpu_name();
  const auto take = [](std::size_t& size, int name) {
    if (const long bytes = sysconf(name); bytes > 0) size = std::size_t(bytes);
  };
  take(machine.l1_bytes, _SC_LEVEL1_DCACHE_SIZE);
  take(machine.l2_bytes, _SC_LEVEL2_CACHE_SIZE);
  take(machine.l3_bytes, _SC_LEVEL3_CACHE_SIZE);
  return machine;
}

int affinity_count() {
  struct FreeSet {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  // The kernel refuses a mask smaller than its own, so the size is found by doubling.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, FreeSet> set(CPU_ALLOC(cpus));
    if (!set) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    if (sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
    if (errno != EINVAL) break;
  }
  return int(std::thread::hardware_concurrency());
}

std::optional<std::string> read_if_there(const std::filesystem::path& path) {
  try {
    return read_file(path, 64 << 10);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The first two whitespace-separated words of a text, as positive numbers of microseconds.
double quotient(std::string_view text) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  double words[2];
  for (double& word : words) {
    const auto start = std::min(text.find_first_not_of(" \t\n"), text.size());
    std::int64_t value = 0;
    const auto [end, status] =
        std::from_chars(text.data() + start, text.data() + text.size(), value);
    if (status != std::errc() || value <= 0) return unlimited;  // "max", -1 or not a quota
    word = double(value);
    text.remove_prefix(std::size_t(end - text.data()));
  }
  return words[0] / words[1];
}

/// The tightest limit on the way from a control group up to the root of its mount.
double tightest(const std::filesystem::path& mount, std::string_view group) {
  double limit = std::numeric_limits<double>::infinity();
  std::filesystem::path relative = std::filesystem::path(group).relative_path();
  if (relative.string().find("..") != std::string::npos) relative.clear();
  for (;;) {
    const auto folder = mount / relative;
    if (const auto both = read_if_there(folder / "cpu.max"))
      limit = std::min(limit, quotient(*both));
    const auto quota = read_if_there(folder / "cpu.cfs_quota_us");
    const auto period = read_if_there(folder / "cpu.cfs_period_us");
    if (quota && period) limit = std::min(limit, quotient(*quota + " " + *period));
    if (relative.empty()) return limit;
    relative = relative.parent_path();
  }
}

}  // namespace

namespace detail {

double cgroup_cpus(const std::filesystem::path& root) {
  double limit = std::numeric_limits<double>::infinity();
  const auto mounts = root / "sys/fs/cgroup";
  std::string groups = read_if_there(root / "proc/self/cgroup").value_or("");
  for (std::string_view rest = groups; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // hierarchy:controllers:path, with no controllers named in version 2.
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto group = line.substr(second + 1);
    if (controllers.empty()) {
      limit = std::min({limit, tightest(mounts, group), tightest(mounts / "unified", group)});
    } else if (fmt::format(",{},", controllers).find(",cpu,") != std::string::npos) {
      limit =
          std::min({limit, tightest(mounts / "cpu", group), tightest(mounts / controllers, group)});
    }
  }
  return limit;
}

}  // namespace detail

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa parse_isa(std::string_view name) {
  const auto level = std::ranges::find(levels, name, &Level::name);
  std::string accepted;
  for (const Level& candidate : levels) {
    if (!has_isa(detected_isa(), candidate.mask)) continue;
    accepted += fmt::format("{}'{}'", accepted.empty() ? "" : ", ", candidate.name);
  }
  if (level == std::end(levels)) {
    fail(ErrorCode::usage, "unknown instruction set '{}', accepted are {}", name, accepted);
  }
  if (!has_isa(detected_isa(), level->mask)) {
    fail(ErrorCode::usage, "this processor has no '{}', accepted are {}", name, accepted);
  }
  return level->mask;
}

std::string to_string(Isa isa) {
  const auto highest = Isa(std::bit_floor(std::uint32_t(isa)));
  const auto level = std::ranges::find_if(
      levels, [&](const Level& candidate) { return has_isa(candidate.mask, highest); });
  return std::string(level == std::end(levels) ? "unknown" : level->name);
}

const Machine& this_machine() {
  static const Machine machine = read_machine();
  return machine;
}

int usable_threads() {
  const double quota = detail::cgroup_cpus("/");
  const int affinity = affinity_count();
  // Rounded down: one thread too many is stopped by the quota in the middle of a parallel loop.
  return std::max(1, quota < affinity ? int(quota) : affinity);
}

}  // namespace strata
