#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/embedded.hpp"
#include "strata/report/html.hpp"
#include "strata/report/json_view.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/page.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

constexpr std::string_view wall = "<span class=\"clock wall\">measured wall time</span>";
constexpr std::string_view modelled = "<span class=\"clock modelled\">modelled</span>";
constexpr std::string_view exact = "<span class=\"clock\">exact, from the plan</span>";

std::string card(std::string_view title, std::string_view clock, const std::string& value,
                 const std::string& note) {
  return fmt::format(
      "<div class=\"card\"><h3>{} {}</h3><div class=\"value\">{}</div><div class=\"note\">{}</div>"
      "</div>\n",
      title, clock, value, note);
}

double sum_of(const JsonView& document, const char* key) {
  double sum = 0;
  for (const JsonView& step : document.array("steps")) {
    sum += step.optional_number(key).value_or(0);
  }
  return sum;
}

std::string headline(const JsonView& document) {
  const double run = document.number("run_s"), nodes = document.number("nodes_s");
  const double flops = sum_of(document, "flops");
  const JsonView roofline = document.object("roofline");
  const double peak = roofline.number("flops_per_s");
  const std::vector<JsonView> levels = roofline.array("levels");
  const double memory = levels.empty() ? 0 : levels.back().number("bytes_per_s");
  const JsonView arena = document.object("arena");
  const std::int64_t threads = document.integer("threads");
  std::string html = fmt::format(
      "<header>\n<p class=\"eyebrow\"><span>Strata · profile</span><time>{}</time></p>\n"
      "<p class=\"model\">{}</p>\n<h1>{} a run</h1>\n"
      "<p class=\"lead\">{}, {} thread{}, {} runs. The nodes add up to {}, {} of it. Runs beside "
      "these that nobody looked into took {}.</p>\n"
      "</header>\n<div class=\"cards\">\n",
      html_escape(document.string("created")), html_escape(document.object("model").string("name")),
      format_seconds(run), html_escape(document.object("device").string("cpu")), threads,
      threads == 1 ? "" : "s", format_count(document.integer("runs")), format_seconds(nodes),
      format_percent(run > 0 ? nodes / run : 0, 1), format_seconds(document.number("plain_run_s")));
  html += card("Arithmetic", wall, format_si(run > 0 ? flops / run : 0) + "FLOP/s",
               fmt::format("{} of the {}FLOP/s that this machine reaches in registers",
                           format_percent(peak > 0 && run > 0 ? flops / run / peak : 0, 0),
                           format_si(peak)));
  html += card("Bound", modelled, format_seconds(sum_of(document, "bound_s")),
               fmt::format("least time of the nodes in f32 by measured peaks; memory is read at "
                           "{}B/s",
                           format_si(memory)));
  html += card("Gaps", wall, format_seconds(document.number("gaps_s")),
               fmt::format("between the nodes; {} readings of the clock are taken off, {} each",
                           format_count(document.integer("clock_reads")),
                           format_seconds(document.number("clock_read_s"))));
  html += card("Arena", exact, format_bytes(arena.number("peak_bytes")),
               fmt::format("{} are alive at once", format_bytes(arena.number("bound_bytes"))));
  return html + "</div>\n";
}

std::string timeline() {
  return "<section>\n<h2>When, and where in memory</h2>\n"
         "<p class=\"about\">One run, the one of median length. Above, the steps; below, the "
         "arena: "
         "each block is a tensor, or scratch (pale), at its place from its first to its last use. "
         "Scroll to zoom, drag to move.</p>\n"
         "<div class=\"tools\"><button type=\"button\" id=\"by-time\" aria-pressed=\"true\">Wall "
         "time</button><button type=\"button\" id=\"by-step\" aria-pressed=\"false\">Equal steps"
         "</button><button type=\"button\" id=\"whole\">Whole run</button></div>\n"
         "<div class=\"timeline\"><canvas id=\"map\" role=\"img\" aria-label=\"Timeline of the "
         "steps "
         "and map of the arena; the tables below list both\"></canvas><div id=\"tip\" hidden></div>"
         "</div>\n<p class=\"legend\" id=\"kernels\"></p>\n</section>\n";
}

std::string step_row(const JsonView& step, std::size_t number, double longest) {
  const double seconds = step.number("time_s");
  const auto figure = [&](double value, const std::string& text) {
    return fmt::format("<td class=\"num\" data-value=\"{:.6g}\">{}</td>", value, text);
  };
  const bool works = step.number("flops") > 0;
  const std::string beyond = step.optional_string("beyond_bound");
  const std::optional<double> of_bound = step.optional_number("of_bound");
  const std::string bound =
      of_bound ? fmt::format("{} <span class=\"sub\">{}</span>", format_percent(*of_bound, 0),
                             html_escape(beyond.empty() ? step.string("bound_by") : beyond))
               : "–";
  return fmt::format(
             "<tr data-step=\"{0}\"><td class=\"num soft\" data-value=\"{0}\">{1}</td><td>"
             "<span class=\"name\">{2}</span><span class=\"sub\">{3} <span class=\"kernel\">{4}"
             "</span></span></td>",
             number, number + 1, html_escape(step.string("name")), html_escape(step.string("op")),
             html_escape(step.string("kernel"))) +
         figure(seconds, format_seconds(seconds)) +
         fmt::format("<td class=\"share\"><i style=\"width:{:.1f}%\"></i><span>{}</span></td>",
                     longest > 0 ? 100 * seconds / longest : 0,
                     format_percent(step.number("share"), 1)) +
         figure(step.number("flops_per_s"),
                works ? format_ratio(step.number("flops_per_s") / 1e9) : "–") +
         figure(step.number("bytes_per_s"), format_ratio(step.number("bytes_per_s") / 1e9)) +
         figure(of_bound.value_or(0), bound) +
         figure(step.number("gap_s"), format_seconds(step.number("gap_s"))) + "</tr>\n";
}

std::string steps_table(const JsonView& document) {
  const std::vector<JsonView> steps = document.array("steps");
  double longest = 0;
  for (const JsonView& step : steps) longest = std::max(longest, step.number("time_s"));
  std::string html = fmt::format(
      "<section>\n<h2>Steps</h2>\n<p class=\"about\">Means of the middle half of the runs {}. "
      "Bytes are operands, results and "
      "weights, each once. \"Of bound\": how much of the time the machine needs at "
      "least for arithmetic in f32 and for the bytes, and which of both decides. Click a heading "
      "to "
      "sort.</p>\n"
      "<div class=\"scroll\"><table id=\"steps\">\n<thead><tr><th class=\"num\" data-key>#</th>"
      "<th>Node</th><th class=\"num\" data-key>Time</th><th>Share</th>"
      "<th class=\"num\" data-key>GFLOP/s</th><th class=\"num\" data-key>GB/s</th>"
      "<th class=\"num\" data-key>Of bound</th><th class=\"num\" data-key>Gap before</th></tr>"
      "</thead>\n<tbody>\n",
      wall);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].flag("skipped")) html += step_row(steps[i], i, longest);
  }
  return html + "</tbody>\n</table></div>\n</section>\n";
}

std::string arena_table(const JsonView& document) {
  const std::vector<JsonView> steps = document.array("steps");
  const auto step_name = [&](std::int64_t at) {
    return at < std::int64_t(steps.size()) ? html_escape(steps[std::size_t(at)].string("name"))
                                           : std::string("the end");
  };
  const std::vector<JsonView> blocks = document.object("arena").array("blocks");
  std::string html = fmt::format(
      "<section>\n<h2>Arena</h2>\n<p class=\"about\">Who lies where {}.</p>\n"
      "<details class=\"trace\"><summary>Every block ({})</summary>\n<div "
      "class=\"scroll\"><table>\n"
      "<thead><tr><th>Values</th><th class=\"num\">Offset</th><th class=\"num\">Size</th>"
      "<th>From</th><th>To</th></tr></thead>\n<tbody>\n",
      exact, blocks.size());
  for (const JsonView& block : blocks) {
    std::string values;
    for (const std::string& value : block.strings("values")) {
      values += (values.empty() ? "" : ", ") + html_escape(value);
    }
    html += fmt::format(
        "<tr><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td>{}</td><td>{}</td>"
        "</tr>\n",
        values.empty() ? "<span class=\"soft\">scratch</span>" : values,
        format_count(block.integer("offset")), format_bytes(block.number("bytes")),
        step_name(block.integer("first")), step_name(block.integer("last")));
  }
  return html + "</tbody>\n</table></div></details>\n</section>\n";
}

std::string origin(const JsonView& document) {
  const JsonView device = document.object("device");
  return fmt::format(
      "<section>\n<h2>Do it again</h2>\n<div class=\"command\"><pre><code>{}</code></pre></div>\n"
      "<div class=\"facts\"><div><h3>Machine</h3><dl><dt>Processor</dt><dd>{}</dd>"
      "<dt>Fingerprint</dt><dd>{}</dd><dt>System</dt><dd>{}</dd><dt>Instruction set</dt><dd>{}</dd>"
      "<dt>Threads</dt><dd>{}</dd></dl></div></div>\n</section>\n",
      html_escape(document.string("command")), html_escape(device.string("cpu")),
      html_escape(device.string("fingerprint")), html_escape(device.optional_string("os")),
      html_escape(document.string("isa")), document.integer("threads"));
}

std::string page(const nlohmann::json& profile) {
  const JsonView document(profile, "");
  const std::string body = headline(document) + timeline() + steps_table(document) +
                           arena_table(document) + origin(document);
  return html_page({document.object("model").string("name") + ": Strata profile",
                    body,
                    {embedded::optimize_css, embedded::profile_css},
                    {embedded::profile_js}},
                   profile);
}

}  // namespace

std::string render_profile_report(const nlohmann::json& profile) {
  return with_context([] { return "profile report"; }, [&] { return page(profile); });
}

}  // namespace strata::report
