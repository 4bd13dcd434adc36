#include "strata/base/error.hpp"
#include "strata/data/wav.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  try {
    strata::data::parse_wav(std::as_bytes(std::span(data, size)));
  } catch (const strata::Error& error) {
    if (error.code() == strata::ErrorCode::internal) throw;
  }
  return 0;
}
