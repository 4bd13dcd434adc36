#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "strata/base/cpu.hpp"

namespace strata::study {

/// The machine and the program that figures come from.
struct Environment {
  std::string cpu;
  std::vector<std::string> isa;
  int cores = 0;  ///< that this process may use
  std::int64_t memory_bytes = 0;
  std::string os;
  std::string compiler;
  std::string strata;  ///< version
  /// Equal for equal processor, instruction sets and cores: figures of different fingerprints are
  /// not compared.
  std::string fingerprint;
};

/// What is here; `isa`: the instruction sets that programs were compiled for.
Environment this_environment(Isa isa);

/// {"cpu", "fingerprint", "isa", "cores", "memory_bytes", "os"}, as JSON output names a device.
nlohmann::json device_document(const Environment& environment);

/// "2025-01-31T12:00:00Z", now.
std::string utc_now();

/// "xxh3:" and 16 hexadecimal digits: the XXH3 hash of these bytes.
std::string hash_text(std::string_view bytes);

}  // namespace strata::study
