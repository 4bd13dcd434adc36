#pragma once

#include <string_view>

/// Texts that the build compiles in (cmake/StrataEmbed.cmake).
namespace strata::report::embedded {

extern const std::string_view chart_js;      ///< Chart.js, minified (MIT licence, stated inside)
extern const std::string_view optimize_css;  ///< assets/optimize.css
extern const std::string_view optimize_js;   ///< assets/optimize.js
extern const std::string_view profile_css;   ///< assets/profile.css, on top of optimize.css
extern const std::string_view profile_js;    ///< assets/profile.js

}  // namespace strata::report::embedded
