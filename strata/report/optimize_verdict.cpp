#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/optimize_page.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

/// "2.35× smaller", or how it is when it is not.
std::string compared(double before, double after, const char* less, const char* more,
                     const char* same) {
  constexpr double noticeable = 1.005;  // what two decimals of a factor show
  if (!(before > 0) || !(after > 0)) return same;
  if (before / after >= noticeable)
    return fmt::format("{}× {}", format_ratio(before / after), less);
  if (after / before >= noticeable)
    return fmt::format("{}× {}", format_ratio(after / before), more);
  return same;
}

/// "1.13× faster"; what the interval of the ratio leaves open is said to be open.
std::string compared_speed(const Candidate& before, const Candidate& after) {
  constexpr double tolerance = 0.01;  // differences below it do not count
  if (after.latency_ratio) {
    const Estimate& ratio = *after.latency_ratio;
    const double low = ratio.low.value_or(ratio.value), high = ratio.high.value_or(ratio.value);
    const bool open = low <= 1 && high >= 1;
    if (open && (low < 1 - tolerance || high > 1 + tolerance)) return "speed undecided";
  }
  return compared(before.latency_s.value, after.latency_s.value, "faster", "slower", "same speed");
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : "s");
}

/// "2025-01-31 12:04 UTC" of "2025-01-31T12:04:31Z"; other texts stay.
std::string readable_time(const std::string& text) {
  if (text.size() != 20 || text[10] != 'T' || text[19] != 'Z') return html_escape(text);
  return html_escape(text.substr(0, 10) + ' ' + text.substr(11, 5) + " UTC");
}

std::string judged_on(const OptimizeDocument& document) {
  const JsonView data = document.root.object("data");
  const std::int64_t count = data.integer("verdict_count");
  if (count > 0) return plural(count, "record") + " the search never saw";
  return plural(data.integer("search_count"), "record") + " of the search (none were held out)";
}

std::string how_it_ended(const OptimizeDocument& document) {
  const std::string ended = document.root.string("ended");
  const std::string elapsed = format_seconds(document.root.number("elapsed_s"));
  const auto count = static_cast<std::int64_t>(document.candidates.size());
  const char* how = ended == "complete"      ? "Search complete"
                    : ended == "time"        ? "Stopped by the time limit"
                    : ended == "interrupted" ? "Interrupted"
                                             : nullptr;
  if (!how) {
    fail(ErrorCode::model, "ended: is '{}', expected complete, time or interrupted",
         printable(ended));
  }
  return fmt::format("{}: {} in {}", how, plural(count, "candidate"), elapsed);
}

std::string limits_text(const OptimizeDocument& document) {
  const JsonView limits = document.root.object("limits");
  const std::optional<double> time = limits.optional_number("time_s");
  const std::optional<double> memory = limits.optional_number("memory_bytes");
  return fmt::format("Limits: accuracy {} points, time {}{}",
                     format_points(-limits.number("max_drop")),
                     time ? format_seconds(*time) : "unlimited",
                     memory ? ", memory " + format_bytes(*memory) : "");
}

/// Whether the limit holds on the held-out records, and how surely.
std::string limit_chip(const OptimizeDocument& document) {
  const double limit = document.root.object("limits").number("max_drop");
  const JsonView verdict = document.root.object("verdict");
  const Estimate drop = verdict.estimate("drop");
  const bool holds = verdict.has("holds") ? verdict.flag("holds") : drop.value <= limit;
  if (!holds) return "<span class=\"chip bad\">Accuracy limit exceeded</span>";
  if (drop.high.value_or(drop.value) > limit) {
    return "<span class=\"chip warn\">Within the accuracy limit, not beyond doubt</span>";
  }
  return "<span class=\"chip good\">Within the accuracy limit</span>";
}

std::string card(const std::string& title, const std::string& badge, const std::string& value,
                 const std::string& before, const std::string& note) {
  return fmt::format(
      "<div class=\"card\"><h3>{} {}</h3><p class=\"value\">{}</p>"
      "<p class=\"before\">{}</p><p class=\"note\">{}</p></div>\n",
      title, badge, value, before, note);
}

std::string with_interval(const Estimate& estimate) {
  if (!estimate.low || !estimate.high) return format_percent(estimate.value);
  return fmt::format("{} <span class=\"soft\">({:.2f} to {:.2f})</span>",
                     format_percent(estimate.value), 100 * *estimate.low, 100 * *estimate.high);
}

std::string points_with_interval(const Estimate& estimate) {
  if (!estimate.low || !estimate.high) return format_points(estimate.value);
  return fmt::format("{} <span class=\"soft\">({} to {})</span>", format_points(estimate.value),
                     format_points(*estimate.low), format_points(*estimate.high));
}

std::string cards(const OptimizeDocument& document) {
  const JsonView verdict = document.root.object("verdict");
  const Estimate accuracy = verdict.estimate("accuracy_chosen");
  const Estimate drop = verdict.estimate("drop");
  const Candidate& before = *document.baseline;
  const Candidate& after = *document.chosen;
  const auto bytes = [](double value) { return format_count(std::llround(value)) + " bytes"; };
  std::string html = "<div class=\"cards\">\n";
  html += card("Accuracy", document.clock_badge("accuracy"), format_percent(accuracy.value),
               "original " + format_percent(verdict.estimate("accuracy_baseline").value),
               fmt::format("{} points, {}", format_points(-drop.value),
                           html_escape(document.root.object("data").string("metric"))));
  html +=
      card("Model file", document.clock_badge("file_bytes"), format_bytes(after.file_bytes),
           "original " + format_bytes(before.file_bytes),
           fmt::format("{} of the original, {}", format_ratio(after.file_bytes / before.file_bytes),
                       bytes(after.file_bytes)));
  html += card("Latency", document.clock_badge("latency"), format_seconds(after.latency_s.value),
               "original " + format_seconds(before.latency_s.value),
               fmt::format("{} of the original, median",
                           format_ratio(after.latency_s.value / before.latency_s.value)));
  html += card("Working memory", document.clock_badge("peak_bytes"), format_bytes(after.peak_bytes),
               "original " + format_bytes(before.peak_bytes),
               "peak of the arena, " + bytes(after.peak_bytes));
  return html + "</div>\n";
}

struct Interval {
  std::string label, style;
  Estimate estimate;
};

/// Steps of 1, 2 or 5 times a power of ten that cut `span` into at most five.
double tick_step(double span) {
  const double raw = span / 5;
  const double magnitude = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * magnitude) return factor * magnitude;
  }
  return 10 * magnitude;
}

struct Mark {
  double at = 0;
  const char* style = "";
  std::string label;
};

/// Dots with their intervals above a common axis; values are fractions, shown in hundredths.
std::string interval_plot(const std::vector<Interval>& rows, const std::vector<Mark>& marks,
                          bool is_difference) {
  double low = INFINITY, high = -INFINITY;
  const auto include = [&](double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const Interval& row : rows) {
    include(row.estimate.low.value_or(row.estimate.value));
    include(row.estimate.high.value_or(row.estimate.value));
  }
  for (const Mark& mark : marks) include(mark.at);
  const double margin = std::max(0.08 * (high - low), 0.0005);
  low -= margin;
  high += margin;
  const auto percent = [&](double value) { return 100 * (value - low) / (high - low); };
  const double step = tick_step(high - low);
  const int decimals = step < 0.00999 ? (step < 0.000999 ? 2 : 1) : 0;
  std::string lines, labels;
  for (double tick = std::ceil(low / step) * step; tick <= high; tick += step) {
    lines += fmt::format("<i class=\"grid\" style=\"left:{:.2f}%\"></i>", percent(tick));
    labels +=
        fmt::format("<span style=\"left:{:.2f}%\">{}</span>", percent(tick),
                    is_difference ? format_points(tick, decimals) : format_percent(tick, decimals));
  }
  for (const Mark& mark : marks) {
    lines += fmt::format("<i class=\"mark {}\" style=\"left:{:.2f}%\" title=\"{}\"></i>",
                         mark.style, percent(mark.at), mark.label);
  }
  std::string html = "<div class=\"intervals\">\n";
  for (const Interval& row : rows) {
    const double from = row.estimate.low.value_or(row.estimate.value);
    const double to = row.estimate.high.value_or(row.estimate.value);
    html += fmt::format(
        "<div class=\"label\">{}</div><div class=\"track\">{}<b class=\"{}\" style=\"left:{:.2f}%;"
        "width:{:.2f}%\"></b><em class=\"{}\" style=\"left:{:.2f}%\"></em></div>"
        "<div class=\"figure\">{}</div>\n",
        row.label, lines, row.style, percent(from), percent(to) - percent(from), row.style,
        percent(row.estimate.value),
        is_difference ? points_with_interval(row.estimate) : with_interval(row.estimate));
  }
  return html + "<div></div><div class=\"axis\">" + labels + "</div><div></div></div>\n";
}

std::string warnings_box(const OptimizeDocument& document) {
  std::string items;
  for (const JsonView& warning : document.root.optional_array("warnings")) {
    items += fmt::format("<li>{}</li>", html_escape(warning.string("text")));
  }
  return items.empty() ? "" : "<ul class=\"warnings\">" + items + "</ul>\n";
}

}  // namespace

std::string headline_section(const OptimizeDocument& document) {
  const JsonView& root = document.root;
  const JsonView verdict = root.object("verdict");
  const Estimate drop = verdict.estimate("drop");
  std::string title = "The original model stays";
  if (document.chosen != document.baseline) {
    title = compared(document.baseline->file_bytes, document.chosen->file_bytes, "smaller",
                     "larger", "Same size") +
            ", " + compared_speed(*document.baseline, *document.chosen);
  }
  std::string change = "the same as the original";
  if (const std::string points = format_points(std::abs(drop.value)); points != "0.00") {
    change = fmt::format("{} points {} the original", points.substr(1),
                         drop.value > 0 ? "below" : "above");
  }
  std::string html = fmt::format(
      "<header>\n<p class=\"eyebrow\"><span>Strata · optimize</span><time>{}</time></p>\n"
      "<p class=\"model\">{}</p>\n<h1>{}</h1>\n"
      "<p class=\"lead\">{} {}, {}, on {}.</p>\n<p class=\"reason\">{}</p>\n",
      readable_time(root.string("created")), html_escape(root.object("model").string("name")),
      title, format_percent(verdict.estimate("accuracy_chosen").value),
      root.object("data").string("metric") == "top-1" ? "accuracy" : "agreement", change,
      judged_on(document), html_escape(verdict.string("reason")));
  html += fmt::format(
      "<p class=\"chips\">{}<span class=\"chip\">{}</span><span class=\"chip\">{}</span></p>\n",
      limit_chip(document), limits_text(document), how_it_ended(document));
  if (root.has("output")) {
    html += fmt::format("<p class=\"output\">Chosen: <b>{}</b>, written to <code>{}</code></p>\n",
                        html_escape(document.chosen->name),
                        html_escape(root.object("output").string("path")));
  }
  return html + warnings_box(document) + "</header>\n" + cards(document);
}

std::string accuracy_section(const OptimizeDocument& document) {
  const JsonView verdict = document.root.object("verdict");
  const Estimate drop = verdict.estimate("drop");
  Estimate change{-drop.value, {}, {}};
  if (drop.low && drop.high) change = {-drop.value, -*drop.high, -*drop.low};
  std::string html = fmt::format(
      "<section>\n<h2>Does it still work?</h2>\n"
      "<p class=\"about\">Accuracy ({}) on {}, with 95 % intervals.</p>\n",
      html_escape(document.root.object("data").string("metric")), judged_on(document));
  html += interval_plot({{"Original", "original", verdict.estimate("accuracy_baseline")},
                         {"Chosen", "chosen", verdict.estimate("accuracy_chosen")}},
                        {}, false);
  html +=
      "<p class=\"about\">The same records judged both, so their difference in percentage points "
      "is known better than either accuracy. The dashed line is the limit.</p>\n";
  const double limit = document.root.object("limits").number("max_drop");
  html += interval_plot({{"Change", "chosen", change}},
                        {{0, "zero", "no change"}, {-limit, "limit", "limit"}}, true);
  if (verdict.has("lost") && verdict.has("gained")) {
    html += fmt::format(
        "<p class=\"about\">{} that the original gets right and the chosen one wrong, {} the other "
        "way round.</p>\n",
        plural(verdict.integer("lost"), "record"), format_count(verdict.integer("gained")));
  }
  return html + "</section>\n";
}

}  // namespace strata::report
