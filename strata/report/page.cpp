#include "strata/report/page.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "strata/report/text.hpp"

namespace strata::report {
namespace {

/// JSON that no HTML parser takes for markup, whatever the strings hold.
std::string embeddable(const nlohmann::json& json) {
  std::string out;
  const std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string html_page(const Page& page, const nlohmann::json& document) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>\n",
      html_escape(page.title));
  for (const std::string_view style : page.styles) html.append(style);
  html += "</style>\n</head>\n<body>\n<main>\n" + page.body + "</main>\n";
  html += "<script type=\"application/json\" id=\"report-data\">" + embeddable(document) +
          "</script>\n";
  for (const std::string_view script : page.scripts) {
    html.append("<script>\n").append(script).append("</script>\n");
  }
  return html + "</body>\n</html>\n";
}

}  // namespace strata::report
