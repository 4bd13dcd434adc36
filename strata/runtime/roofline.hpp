#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/base/thread_pool.hpp"

namespace strata::runtime {

/// How fast this machine can compute and read at best, by measurement (Williams, Waterman and
/// Patterson 2009): no kernel of f32 can take less time than bound_seconds.
struct Roofline {
  struct Level {
    double bytes = 0;        ///< data of at most this size stays in caches as near as that
    double bytes_per_s = 0;  ///< reading it
  };
  double flops_per_s = 0;     ///< f32, a multiply-add counts as two
  std::vector<Level> levels;  ///< nearest first; the last is main memory, whatever the size

  /// Of reading that many bytes again and again.
  double bandwidth(double bytes) const;
  /// Least time for the work: the slower of computing and reading decides.
  double bound_seconds(double flops, double bytes) const;
};

/// Takes about half a second. All threads of the pool compute and read at once.
Roofline measure_roofline(Isa isa, ThreadPool& pool);

/// What figures of a roofline hold for: processor, instruction sets, threads and cache sizes.
std::string roofline_key(Isa isa, int threads);

/// The file's form, and back; nothing if the text is damaged or of another key.
std::string to_text(const Roofline& roofline, std::string_view key);
std::optional<Roofline> parse_roofline(std::string_view text, std::string_view key);

/// From a file in this folder, or else (or `anew`) measured and written there (aside, then
/// renamed). A folder that cannot be written is a warning in the log.
Roofline cached_roofline(Isa isa, ThreadPool& pool, const std::filesystem::path& folder,
                         bool anew = false);

/// $XDG_CACHE_HOME/strata or ~/.cache/strata (XDG base directory specification); empty if neither
/// is known.
std::filesystem::path cache_folder();

}  // namespace strata::runtime
