#include "strata/report/html.hpp"

#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/embedded.hpp"
#include "strata/report/optimize_page.hpp"
#include "strata/report/page.hpp"

namespace strata::report {
namespace {

std::string page(const nlohmann::json& report) {
  const OptimizeDocument document(JsonView(report, ""));
  std::string body;
  for (const auto section : {headline_section, accuracy_section, front_section, layers_section,
                             search_section, environment_section}) {
    body += section(document);
  }
  return html_page({document.root.object("model").string("name") + ": Strata optimize report",
                    body,
                    {embedded::optimize_css},
                    {embedded::chart_js, embedded::optimize_js}},
                   report);
}

}  // namespace

std::string render_optimize_report(const nlohmann::json& report) {
  return with_context([] { return "optimize report"; }, [&] { return page(report); });
}

}  // namespace strata::report
