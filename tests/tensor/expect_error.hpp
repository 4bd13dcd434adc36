#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "strata/base/error.hpp"

namespace strata {

/// Expects `body` to throw an Error of this kind whose text contains `part`.
template <class Body>
void expect_error(ErrorCode code, std::string_view part, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error, expected one that says '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
        << "'" << error.what() << "' does not say '" << part << "'";
  }
}

}  // namespace strata
