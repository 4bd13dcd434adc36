#include "strata/study/environment.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include <ctime>
#include <nlohmann/json.hpp>

namespace strata::study {
namespace {

std::string operating_system() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string compiler_name() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#else
  return "unknown";
#endif
}

std::vector<std::string> isa_names(Isa isa) {
  std::vector<std::string> names;
  for (const Isa one : {Isa::avx2, Isa::avx512, Isa::avx512_vnni, Isa::avx512_bf16, Isa::neon}) {
    if (has_isa(isa, one)) names.push_back(to_string(one));
  }
  return names;
}

}  // namespace

Environment this_environment(Isa isa) {
  Environment environment;
  environment.cpu = this_machine().cpu_name;
  environment.isa = isa_names(isa);
  environment.cores = usable_threads();
  environment.memory_bytes =
      std::int64_t(sysconf(_SC_PHYS_PAGES)) * std::int64_t(sysconf(_SC_PAGE_SIZE));
  environment.os = operating_system();
  environment.compiler = compiler_name();
  environment.strata = STRATA_VERSION;
  const std::string identity =
      fmt::format("{}|{}|{}", environment.cpu, std::uint32_t(isa), environment.cores);
  environment.fingerprint = fmt::format("{}:{}c:{:016x}", to_string(isa), environment.cores,
                                        XXH3_64bits(identity.data(), identity.size()));
  return environment;
}

nlohmann::json device_document(const Environment& environment) {
  return {{"cpu", environment.cpu},
          {"fingerprint", environment.fingerprint},
          {"isa", environment.isa},
          {"cores", environment.cores},
          {"memory_bytes", environment.memory_bytes},
          {"os", environment.os}};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string hash_text(std::string_view bytes) {
  return fmt::format("xxh3:{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace strata::study
