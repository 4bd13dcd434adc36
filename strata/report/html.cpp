#include "strata/report/html.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/embedded.hpp"
#include "strata/report/optimize_page.hpp"
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

std::string page(const nlohmann::json& report) {
  const OptimizeDocument document(JsonView(report, ""));
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}: Strata optimize report</title>\n<style>\n",
      html_escape(document.root.object("model").string("name")));
  html.append(embedded::optimize_css).append("</style>\n</head>\n<body>\n<main>\n");
  for (const auto section : {headline_section, accuracy_section, front_section, layers_section,
                             search_section, environment_section}) {
    html += section(document);
  }
  html += "</main>\n<script type=\"application/json\" id=\"report-data\">" + embeddable(report);
  html.append("</script>\n<script>").append(embedded::chart_js);
  html.append("</script>\n<script>\n").append(embedded::optimize_js);
  return html + "</script>\n</body>\n</html>\n";
}

}  // namespace

std::string render_optimize_report(const nlohmann::json& report) {
  return with_context([] { return "optimize report"; }, [&] { return page(report); });
}

}  // namespace strata::report
