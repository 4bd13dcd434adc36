#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace strata {

/// Instruction set extensions beyond the baseline of the architecture, as a bit mask.
enum class Isa : std::uint32_t {
  baseline = 0,
  avx2 = 1,         ///< AVX2, FMA and F16C
  avx512 = 2,       ///< AVX-512 F, BW, DQ, VL; implies avx2
  avx512_vnni = 4,  ///< implies avx512
  avx512_bf16 = 8,  ///< implies avx512
  neon = 16,
};

constexpr Isa operator|(Isa a, Isa b) { return Isa(std::uint32_t(a) | std::uint32_t(b)); }
constexpr Isa operator&(Isa a, Isa b) { return Isa(std::uint32_t(a) & std::uint32_t(b)); }

/// True if every extension in `needed` is in `available`.
constexpr bool has_isa(Isa available, Isa needed) { return (available & needed) == needed; }

/// What this processor and operating system can execute.
Isa detected_isa();

/// "baseline", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "neon": the mask up to and including
/// that level.
/// Throws usage for an unknown name or one that this processor lacks.
Isa parse_isa(std::string_view name);
/// The name of the highest level in the mask.
std::string to_string(Isa isa);

/// What cost estimates and tilings may assume about one core.
struct Machine {
  std::string cpu_name;
  std::size_t l1_bytes = 32 << 10;
  std::size_t l2_bytes = 1 << 20;
  std::size_t l3_bytes = 8 << 20;
};

/// Reads names and cache sizes from the operating system; falls back on the defaults above.
const Machine& this_machine();

/// Threads this process may really use: affinity mask, limited by the cgroup CPU quota; at least 1.
int usable_threads();

namespace detail {
/// The cgroup CPU quota (versions 1 and 2, nested groups) in processors, as found in the proc and
/// sys folders below `root`; infinity without one.
double cgroup_cpus(const std::filesystem::path& root);
}  // namespace detail

}  // namespace strata
