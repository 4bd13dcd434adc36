#include "capi/status.hpp"

#include <string>

namespace strata::capi {
namespace {

thread_local std::string last;

}  // namespace

strata_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return STRATA_USAGE;
    case ErrorCode::model:
      return STRATA_MODEL;
    case ErrorCode::unsupported:
      return STRATA_UNSUPPORTED;
    case ErrorCode::io:
      return STRATA_IO;
    case ErrorCode::internal:
      break;
  }
  return STRATA_INTERNAL;
}

strata_status report(strata_status status, const char* message) noexcept {
  try {
    last = message;
  } catch (...) {
    last.clear();  // no memory even for the text; the status says the kind
  }
  return status;
}

const char* last_message() noexcept { return last.c_str(); }

}  // namespace strata::capi
