#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/report/numbers.hpp"
#include "strata/report/optimize_page.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

/// Escaped, with places to break after the separators that node names have.
std::string breakable(std::string_view name) {
  std::string html;
  for (const char c : html_escape(name)) {
    html += c;
    if (c == '/' || c == '.' || c == '_' || c == '=') html += "<wbr>";
  }
  return html;
}

std::string count_cell(std::optional<double> value) {
  return value ? format_count(std::llround(*value)) : "–";
}

/// One unit for a whole column of sizes; as optimize.js has it.
struct ByteUnit {
  double bytes;
  const char* name;

  std::string text(std::optional<double> value) const {
    return value ? fmt::format("{:.2f}", *value / bytes) : "–";
  }
};

ByteUnit unit_for_bytes(double largest) {
  return largest < 0x1p22 ? ByteUnit{0x1p10, "KiB"} : ByteUnit{0x1p20, "MiB"};
}

ByteUnit size_unit(const OptimizeDocument& document) {
  return unit_for_bytes(document.baseline->file_bytes);
}
ByteUnit memory_unit(const OptimizeDocument& document) {
  return unit_for_bytes(document.baseline->peak_bytes);
}

TimeUnit latency_unit(const OptimizeDocument& document) {
  return time_unit(document.baseline->latency_s.value);
}

std::string changes_cell(const Candidate& candidate) {
  if (candidate.changes.empty()) return "";
  std::string list;
  for (const std::string& change : candidate.changes) {
    list += fmt::format("<li>{}</li>", breakable(change));
  }
  return fmt::format("<details><summary>{} change{}</summary><ul>{}</ul></details>",
                     candidate.changes.size(), candidate.changes.size() == 1 ? "" : "s", list);
}

std::string marks(const OptimizeDocument& document, const Candidate& candidate) {
  std::string html;
  if (&candidate == document.chosen) html += " <span class=\"tag chosen\">chosen</span>";
  if (&candidate == document.baseline) html += " <span class=\"tag\">original</span>";
  return html;
}

/// The cells of accuracy, latency, file and memory.
std::string figure_cells(const OptimizeDocument& document, const Candidate& candidate) {
  if (candidate.failed()) return "<td class=\"num soft\" colspan=\"4\">not measured</td>";
  return fmt::format(
      "<td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td>"
      "<td class=\"num\">{}</td>",
      format_percent(candidate.accuracy.value),
      latency_unit(document).text(candidate.latency_s.value),
      size_unit(document).text(candidate.file_bytes),
      memory_unit(document).text(candidate.peak_bytes));
}

std::string figure_headers(const OptimizeDocument& document) {
  const auto header = [&](const std::string& title, const char* figure) {
    return fmt::format("<th class=\"num\">{}<br>{}</th>", title, document.clock_badge(figure));
  };
  return header("Accuracy", "accuracy") +
         header(fmt::format("Latency [{}]", latency_unit(document).name), "latency") +
         header(fmt::format("File [{}]", size_unit(document).name), "file_bytes") +
         header(fmt::format("Memory [{}]", memory_unit(document).name), "peak_bytes");
}

std::string legend(std::initializer_list<std::pair<const char*, const char*>> entries) {
  std::string html = "<p class=\"legend\">";
  for (const auto& [style, text] : entries) {
    html += fmt::format("<span><i class=\"{}\"></i>{}</span>", style, text);
  }
  return html + "</p>\n";
}

std::string chart(const char* id, const char* title, const char* description) {
  return fmt::format(
      "<figure><figcaption>{}</figcaption><div class=\"canvas\"><canvas id=\"{}\" role=\"img\" "
      "aria-label=\"{}\"></canvas></div></figure>\n",
      title, id, description);
}

std::string rejected_rows(const JsonView& layer) {
  const std::vector<JsonView> rejected = layer.optional_array("rejected");
  if (rejected.empty()) return "";
  std::string items;
  for (const JsonView& row : rejected) {
    items += fmt::format("<li><code>{}</code> {}</li>", breakable(row.string("variant")),
                         html_escape(row.string("reason")));
  }
  return fmt::format("<details><summary>{} rejected</summary><ul>{}</ul></details>",
                     rejected.size(), items);
}

std::string source_line(const JsonView& layer) {
  const std::vector<std::string> sources = layer.strings("source");
  if (sources.size() < 2) return "";
  std::string text;
  for (const std::string& source : sources) text += (text.empty() ? "" : ", ") + breakable(source);
  return fmt::format("<details><summary>{} source nodes</summary><p>{}</p></details>",
                     sources.size(), text);
}

struct LayerTotals {
  double seconds = 0, longest_s = 0, macs = 0, bytes = 0;

  TimeUnit unit() const { return time_unit(longest_s); }
  ByteUnit byte_unit() const { return unit_for_bytes(bytes); }
};

std::string layer_row(const JsonView& layer, std::size_t number, const LayerTotals& totals) {
  const std::optional<double> time = layer.optional_number("time_s");
  const double share = time && totals.seconds > 0 ? *time / totals.seconds : 0;
  const double bar = time && totals.longest_s > 0 ? *time / totals.longest_s : 0;
  const std::string output = layer.optional_string("output");
  const std::string encoding = layer.optional_string("encoding");
  return fmt::format(
      "<tr><td class=\"num soft\">{}</td><td><b class=\"name\">{}</b><span class=\"sub\">{}{}{}"
      "</span>{}</td><td class=\"encoding\">{}</td><td><code>{}</code>{}</td><td "
      "class=\"num\">{}</td>"
      "<td class=\"share\"><i style=\"width:{:.1f}%\"></i><span>{}</span></td>"
      "<td class=\"num\">{}</td><td class=\"num\">{}</td></tr>\n",
      number, breakable(layer.string("name")), html_escape(layer.string("op")),
      output.empty() ? "" : " · ", html_escape(output), source_line(layer),
      encoding.empty() ? "–" : html_escape(encoding), breakable(layer.string("variant")),
      rejected_rows(layer), totals.unit().text(time), 100 * bar,
      time ? format_percent(share, 1) : "–", count_cell(layer.optional_number("macs")),
      totals.byte_unit().text(layer.optional_number("weight_bytes")));
}

std::string definition_list(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string html = "<dl>";
  for (const auto& [name, value] : entries) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escape(name),
                        value.empty() ? "–" : breakable(value));
  }
  return html + "</dl>\n";
}

}  // namespace

std::string front_section(const OptimizeDocument& document) {
  std::vector<const Candidate*> front;
  for (const Candidate& candidate : document.candidates) {
    const bool listed = candidate.front || &candidate == document.chosen;
    if (listed && !candidate.failed()) front.push_back(&candidate);
  }
  std::stable_sort(front.begin(), front.end(), [](const Candidate* a, const Candidate* b) {
    return a->file_bytes < b->file_bytes;
  });
  std::string html = fmt::format(
      "<section>\n<h2>What could be had</h2>\n<p class=\"about\">Every candidate, judged on {} "
      "records of the search. On the front are those that no other beats in everything; the chosen "
      "one is "
      "listed with them.</p>\n",
      format_count(document.root.object("data").integer("search_count")));
  html += legend({{"chosen", "chosen"},
                  {"original", "original"},
                  {"front", "on the front"},
                  {"kept", "within the limits"},
                  {"rejected", "rejected"},
                  {"limit", "limit"}});
  html += "<div class=\"charts\">\n";
  html += chart("chart-latency", "Accuracy and latency",
                "Scatter chart of accuracy against latency of all candidates");
  html += chart("chart-bytes", "Accuracy and file size",
                "Scatter chart of accuracy against file size of all candidates");
  html +=
      "</div>\n<noscript><p class=\"about\">The charts need JavaScript; the tables hold the "
      "same figures.</p></noscript>\n";
  html += "<div class=\"scroll\"><table>\n<thead><tr><th>On the front</th><th>Changes</th>" +
          figure_headers(document) + "</tr></thead>\n<tbody>\n";
  for (const Candidate* candidate : front) {
    html +=
        fmt::format("<tr{}><td><b>{}</b>{}{}</td><td>{}</td>{}</tr>\n",
                    candidate == document.chosen ? " class=\"chosen\"" : "",
                    html_escape(candidate->name), marks(document, *candidate),
                    candidate->status == "rejected" ? " <span class=\"tag\">rejected</span>" : "",
                    changes_cell(*candidate), figure_cells(document, *candidate));
  }
  return html + "</tbody></table></div>\n</section>\n";
}

std::string layers_section(const OptimizeDocument& document) {
  const std::vector<JsonView> layers = document.root.array("layers");
  LayerTotals totals;
  for (const JsonView& layer : layers) {
    const double time = layer.optional_number("time_s").value_or(0);
    totals.seconds += time;
    totals.longest_s = std::max(totals.longest_s, time);
    totals.macs += layer.optional_number("macs").value_or(0);
    totals.bytes += layer.optional_number("weight_bytes").value_or(0);
  }
  std::string html = fmt::format(
      "<section>\n<h2>Layer by layer</h2>\n<p class=\"about\">The chosen program in execution "
      "order. Each node was offered to every kernel; the list under a kernel says why the others "
      "were not taken.</p>\n<div class=\"scroll\"><table class=\"layers\">\n<thead><tr><th "
      "class=\"num\">#</th><th>Node</th><th>Weights as</th><th>Kernel</th><th class=\"num\">Time "
      "[{}]<br>{}</th><th>Share</th><th class=\"num\">MACs<br>{}</th><th class=\"num\">Weights "
      "[{}]<br>{}</th></tr></thead>\n<tbody>\n",
      totals.unit().name, document.clock_badge("layer_time"), document.clock_badge("macs"),
      totals.byte_unit().name, document.clock_badge("file_bytes"));
  for (std::size_t i = 0; i < layers.size(); ++i) html += layer_row(layers[i], i + 1, totals);
  html += fmt::format(
      "</tbody>\n<tfoot><tr><td></td><td>Sum</td><td></td><td></td><td class=\"num\">{}</td>"
      "<td></td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr></tfoot>\n</table></div>\n",
      totals.unit().text(totals.seconds), count_cell(totals.macs),
      totals.byte_unit().text(totals.bytes));
  return html + "</section>\n";
}

std::string search_section(const OptimizeDocument& document) {
  std::string html =
      "<section>\n<h2>How the search went</h2>\n<p class=\"about\">Each candidate in the order of "
      "measurement. The line is the smallest file within the limits so far.</p>\n";
  html += legend({{"chosen", "chosen"},
                  {"original", "original"},
                  {"front", "on the front"},
                  {"kept", "within the limits"},
                  {"rejected", "rejected"}});
  html += chart("chart-search", "File size of each candidate",
                "Chart of file size over the candidates in the order of the search");
  html += fmt::format(
      "<details class=\"trace\"><summary>Every candidate ({})</summary>\n<div class=\"scroll\">"
      "<table>\n<thead><tr><th class=\"num\">#</th><th class=\"num\">At</th><th>Phase</th>"
      "<th>Candidate</th><th>Changes</th>{}<th>Outcome</th></tr></thead>\n<tbody>\n",
      document.candidates.size(), figure_headers(document));
  for (const Candidate& candidate : document.candidates) {
    html += fmt::format(
        "<tr{}><td class=\"num soft\">{}</td><td class=\"num soft\">{}</td><td>{}</td><td>{}{}</td>"
        "<td>{}</td>{}<td class=\"outcome\"><span class=\"status {}\">{}</span> <span "
        "class=\"soft\">{}</span></td>"
        "</tr>\n",
        &candidate == document.chosen ? " class=\"chosen\"" : "", candidate.id,
        candidate.at_s ? format_seconds(*candidate.at_s) : "–", html_escape(candidate.phase),
        html_escape(candidate.name), marks(document, candidate), changes_cell(candidate),
        figure_cells(document, candidate), candidate.status, candidate.status,
        html_escape(candidate.note));
  }
  return html + "</tbody></table></div></details>\n</section>\n";
}

std::string environment_section(const OptimizeDocument& document) {
  const JsonView& root = document.root;
  const JsonView environment = root.object("environment");
  const JsonView device = environment.object("device");
  std::vector<std::pair<std::string, std::string>> machine = {
      {"Processor", device.string("cpu")}, {"Fingerprint", device.string("fingerprint")}};
  std::string isa;
  for (const std::string& name : device.strings("isa")) isa += (isa.empty() ? "" : ", ") + name;
  if (!isa.empty()) machine.emplace_back("Instruction sets", isa);
  if (device.has("cores")) machine.emplace_back("Cores", count_cell(device.number("cores")));
  if (device.has("memory_bytes")) {
    machine.emplace_back("Memory", format_bytes(device.number("memory_bytes")));
  }
  if (device.has("os")) machine.emplace_back("System", device.string("os"));
  machine.emplace_back("Threads", count_cell(static_cast<double>(environment.integer("threads"))));
  for (const auto& [name, version] : environment.object("versions").entries()) {
    machine.emplace_back(name, version);
  }
  const JsonView data = root.object("data");
  const JsonView model = root.object("model");
  std::vector<std::pair<std::string, std::string>> input = {
      {"Model", model.string("name")}, {"Size", format_bytes(model.number("bytes"))}};
  if (model.has("hash")) input.emplace_back("Hash", model.string("hash"));
  input.emplace_back("Data", data.string("name"));
  input.emplace_back("Search records", format_count(data.integer("search_count")));
  input.emplace_back("Verdict records", format_count(data.integer("verdict_count")));
  return fmt::format(
      "<section>\n<h2>Do it again</h2>\n<div class=\"command\"><button type=\"button\" "
      "id=\"copy\" hidden>Copy</button><pre><code>{}</code></pre></div>\n<div class=\"facts\">\n"
      "<div><h3>Device</h3>{}</div>\n<div><h3>Input</h3>{}</div>\n<div><h3>Options</h3>{}</div>\n"
      "</div>\n<p class=\"about kinds\"><span class=\"clock wall\">measured</span> wall time on "
      "this device <span class=\"clock simulated\">simulated</span> cycles of a simulated device "
      "<span class=\"clock modelled\">modelled</span> estimated, not measured <span class=\"clock "
      "exact\">counted</span> or fixed by the plan, no error of measurement</p>\n</section>\n",
      html_escape(root.string("command")), definition_list(machine), definition_list(input),
      definition_list(root.object("options").entries()));
}

}  // namespace strata::report
