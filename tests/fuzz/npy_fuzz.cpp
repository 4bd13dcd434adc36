// An array, or an archive of arrays where the bytes begin like a zip.
#include "strata/base/error.hpp"
#include "strata/data/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    if (size > 0 && data[0] == 'P') {
      strata::data::parse_npz(bytes, std::size_t(64) << 20);
    } else {
      strata::data::parse_npy(bytes);
    }
  } catch (const strata::Error& error) {
    if (error.code() == strata::ErrorCode::internal) throw;
  }
  return 0;
}
