#include "strata/base/error.hpp"
#include "strata/data/archive.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const strata::MappedFile file(std::make_shared<int>(), std::as_bytes(std::span(data, size)));
  strata::data::ArchiveLimits limits;
  limits.unpacked_bytes = std::size_t(16) << 20;
  try {
    strata::data::read_archive(
        file, strata::data::ArchiveKind::any, [](std::string_view) { return true; }, limits);
  } catch (const strata::Error& error) {
    if (error.code() == strata::ErrorCode::internal) throw;
  }
  return 0;
}
