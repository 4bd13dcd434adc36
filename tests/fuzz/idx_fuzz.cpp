#include "strata/base/error.hpp"
#include "strata/data/archive.hpp"
#include "strata/data/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const strata::MappedFile file(std::make_shared<int>(), std::as_bytes(std::span(data, size)));
  const bool compressed = size > 0 && data[0] == 0x1f;
  strata::data::ArchiveLimits limits;
  limits.unpacked_bytes = std::size_t(16) << 20;
  try {
    strata::data::parse_idx(
        strata::data::unpacked(file, compressed ? "x.idx.gz" : "x.idx", limits).bytes());
  } catch (const strata::Error& error) {
    if (error.code() == strata::ErrorCode::internal) throw;
  }
  return 0;
}
