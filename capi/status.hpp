#pragma once

#include <exception>
#include <new>

#include "capi/strata.h"
#include "strata/base/error.hpp"

namespace strata::capi {

strata_status status_of(ErrorCode code);

/// Keeps the text for strata_error_message on this thread; gives `status`.
strata_status report(strata_status status, const char* message) noexcept;
const char* last_message() noexcept;

/// Runs `body`, which gives a status; whatever it throws becomes one.
template <class Body>
strata_status guarded(Body&& body) noexcept {
  try {
    return body();
  } catch (const Error& error) {
    return report(status_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return report(STRATA_IO, "out of memory");
  } catch (const std::exception& error) {
    return report(STRATA_INTERNAL, error.what());
  } catch (...) {
    return report(STRATA_INTERNAL, "an exception of an unknown type");
  }
}

/// What a caller's pointer refers to. Throws usage if it is null; `name` is the parameter's.
template <class T>
T& given(T* pointer, const char* name) {
  if (!pointer) fail(ErrorCode::usage, "{} is null", name);
  return *pointer;
}

}  // namespace strata::capi
