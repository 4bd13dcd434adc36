#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace strata::report {

/// What a self-contained HTML page is made of.
struct Page {
  std::string title;
  std::string body;  ///< markup of what the page shows
  std::initializer_list<std::string_view> styles, scripts;
};

/// The page with the document it shows embedded as JSON in #report-data; no external requests.
std::string html_page(const Page& page, const nlohmann::json& document);

}  // namespace strata::report
