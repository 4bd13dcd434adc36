#include "strata/report/html.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/embedded.hpp"

namespace strata::report {
namespace {

using Json = nlohmann::json;

Json sample() {
  std::ifstream file(STRATA_SOURCE_DIR "/tests/report/sample_optimize.json");
  return Json::parse(file);
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

std::string error_of(const Json& document) {
  try {
    render_optimize_report(document);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    return error.what();
  }
  return "";
}

/// The page without the embedded library and data: what our own code wrote.
std::string markup(const std::string& page) { return page.substr(0, page.find("<script")); }

TEST(html, shows_the_verdict) {
  const std::string page = markup(render_optimize_report(sample()));
  for (const char* text :
       {"2.35× smaller, 1.13× faster", "90.46 % accuracy, 0.31 points below the original",
        "650 records the search never saw", "Within the accuracy limit", "44.0 KiB",
        "strata optimize demo/kws/kws_dscnn_fp32.onnx", "x86-64:avx512:2c:6f1d2a90",
        "needs rows of at least 16 elements, got 12", "2025-01-31 12:04 UTC",
        "no kernel takes bf16 weights in this layout"}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
  const Json document = sample();
  EXPECT_EQ(count(page, "rejected</summary>"), document["layers"].size());
  EXPECT_EQ(count(page, "<span class=\"status "), document["candidates"].size());
}

TEST(html, leaves_open_what_the_interval_leaves_open) {
  Json document = sample();
  for (Json& candidate : document["candidates"]) {
    if (candidate["id"] != document["verdict"]["chosen"]) continue;
    candidate["latency_ratio"] = {{"value", 1.6}, {"low", 0.9}, {"high", 2.5}};
  }
  EXPECT_NE(markup(render_optimize_report(document)).find("smaller, speed undecided"),
            std::string::npos);
}

TEST(html, shows_warnings_and_believes_the_verdict) {
  Json document = sample();
  EXPECT_EQ(markup(render_optimize_report(document)).find("class=\"warnings\""), std::string::npos);
  document["warnings"] = {{{"kind", "near_chance"}, {"text", "labels <wrong>?"}}};
  document["verdict"]["holds"] = false;
  document["limits"]["memory_bytes"] = 65536;
  const std::string page = markup(render_optimize_report(document));
  EXPECT_NE(page.find("<ul class=\"warnings\"><li>labels &lt;wrong&gt;?</li></ul>"),
            std::string::npos);
  EXPECT_NE(page.find("Accuracy limit exceeded"), std::string::npos);
  EXPECT_NE(page.find("memory 64.0 KiB"), std::string::npos);
}

TEST(html, needs_nothing_from_outside) {
  const std::string page = render_optimize_report(sample());
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(count(markup(page), "href="), count(markup(page), "href=\"data:"));
  EXPECT_EQ(count(markup(page), " src="), 0u);
  EXPECT_EQ(embedded::optimize_css.find("url("), std::string_view::npos);
  EXPECT_NE(embedded::chart_js.find("Chart.js v"), std::string_view::npos);
  // Whatever ends a script element early would spill the rest onto the page.
  EXPECT_EQ(embedded::chart_js.find("</script"), std::string_view::npos);
  EXPECT_EQ(embedded::optimize_js.find("</script"), std::string_view::npos);
  EXPECT_EQ(count(page, "</script>"), 3u);
}

TEST(html, embedded_data_is_the_document) {
  const std::string page = render_optimize_report(sample());
  const std::string open = "id=\"report-data\">";
  const std::size_t begin = page.find(open) + open.size();
  EXPECT_EQ(Json::parse(page.substr(begin, page.find("</script>", begin) - begin)), sample());
}

/// Puts the text into every string of the document, except those with a fixed set of values.
void replace_strings(Json& json, const std::string& key, const std::string& text) {
  static const std::vector<std::string> fixed = {"schema", "ended", "status", "clocks"};
  if (std::find(fixed.begin(), fixed.end(), key) != fixed.end()) return;
  if (json.is_string()) json = text;
  if (json.is_array()) {
    for (Json& element : json) replace_strings(element, key, text);
  }
  if (json.is_object()) {
    for (auto& [name, value] : json.items()) replace_strings(value, name, text);
    if (key == "versions" || key == "options") json[text] = text;
  }
}

TEST(html, hostile_names_stay_text) {
  const std::string attack = "</script><script>alert(1)</script><img src=x onerror='a'>\"&\xFF\x1b";
  Json document = sample();
  replace_strings(document, "", attack);
  const std::string page = render_optimize_report(document);
  EXPECT_EQ(count(page, "</script>"), 3u);
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find('\xFF'), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_NE(page.find("&lt;/<wbr>script&gt;"), std::string::npos);
}

TEST(html, tags_are_balanced) {
  const std::string page = markup(render_optimize_report(sample()));
  for (const char* tag : {"section", "table", "tr", "td", "th", "div", "details", "ul", "li", "dl",
                          "p", "span", "header", "figure"}) {
    const std::string name = tag;
    EXPECT_EQ(count(page, "<" + name + ">") + count(page, "<" + name + " "),
              count(page, "</" + name + ">"))
        << tag;
  }
}

TEST(html, other_outcomes) {
  Json document = sample();
  document["verdict"]["chosen"] = document["verdict"]["baseline"];
  document["verdict"]["drop"] = 0;
  EXPECT_NE(render_optimize_report(document).find("The original model stays"), std::string::npos);
  EXPECT_NE(render_optimize_report(document).find("the same as the original"), std::string::npos);

  document = sample();
  document["verdict"]["drop"] = {{"value", 0.02}, {"low", 0.01}, {"high", 0.03}};
  EXPECT_NE(render_optimize_report(document).find("Accuracy limit exceeded"), std::string::npos);
  document["verdict"]["drop"] = {{"value", 0.005}, {"low", -0.01}, {"high", 0.02}};
  EXPECT_NE(render_optimize_report(document).find("not beyond doubt"), std::string::npos);

  document = sample();
  document["ended"] = "interrupted";
  document["data"]["verdict_count"] = 0;
  document["limits"]["time_s"] = nullptr;
  const std::string page = render_optimize_report(document);
  EXPECT_NE(page.find("Interrupted: 53 candidates"), std::string::npos);
  EXPECT_NE(page.find("none were held out"), std::string::npos);
  EXPECT_NE(page.find("time unlimited"), std::string::npos);
}

TEST(html, renders_the_least_document) {
  Json document = sample();
  document["layers"] = Json::array();
  document["candidates"] = Json::array({document["candidates"][0]});
  document["verdict"]["chosen"] = 0;
  for (const char* key : {"accuracy_baseline", "accuracy_chosen", "drop"}) {
    document["verdict"][key] = 1;
  }
  document["options"] = Json::object();
  document.erase("output");
  const std::string page = markup(render_optimize_report(document));
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(page.find("inf%"), std::string::npos);
}

TEST(html, every_required_field_is_asked_for_by_name) {
  const Json complete = sample();
  for (const auto& [key, value] : complete.items()) {
    if (key == "output") continue;
    Json document = complete;
    document.erase(key);
    EXPECT_TRUE(error_of(document).starts_with("optimize report: " + key + ": missing, expected"))
        << key << ": " << error_of(document);
    document[key] = true;
    EXPECT_TRUE(error_of(document).starts_with("optimize report: " + key + ": is true, expected"))
        << key << ": " << error_of(document);
  }
}

TEST(html, errors_name_the_field) {
  Json document = sample();
  document["verdict"].erase("chosen");
  EXPECT_EQ(error_of(document), "optimize report: verdict.chosen: missing, expected an integer");
  document["verdict"]["chosen"] = 999;
  EXPECT_EQ(error_of(document),
            "optimize report: verdict.chosen: is 999, expected the id of a measured candidate");
  document = sample();
  document["layers"][2]["rejected"][1]["reason"] = 5;
  EXPECT_EQ(error_of(document),
            "optimize report: layers[2].rejected[1].reason: is 5, expected a "
            "string");
  document = sample();
  document["clocks"]["latency"] = "sundial";
  EXPECT_EQ(error_of(document),
            "optimize report: clocks.latency: is 'sundial', expected wall, "
            "simulated, modelled or exact");
  EXPECT_EQ(error_of(Json(3)), "optimize report: document: is 3, expected an object");
}

}  // namespace
}  // namespace strata::report
