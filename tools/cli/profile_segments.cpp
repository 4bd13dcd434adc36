#include "tools/cli/profile_segments.hpp"

#include <nlohmann/json.hpp>

#include "strata/base/file.hpp"
#include "strata/eval/segment_profile.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;
using report::format_seconds;

std::string giga(double per_second) {
  return per_second > 0 ? report::format_ratio(per_second / 1e9) : "";
}

/// Calls in a run: a mean, as branches may be taken now and then.
std::string calls_of(const json& figures) {
  return fmt::format("{:.4g}", double(figures["calls"]));
}

void print_segments(const json& document) {
  report::Table table({{"segment or step", "", report::Align::left, true},
                       {"kernel", "", report::Align::left, true},
                       {"calls"},
                       {"time"},
                       {"share", "%"},
                       {"GFLOP/s"},
                       {"GB/s"}});
  const auto share = [](const json& figures) {
    return fmt::format("{:.1f}", 100 * figures["share"].get<double>());
  };
  for (const json& segment : document["segments"]) {
    const std::string body = segment["body"];
    const std::string number = fmt::format("segment {}", segment["number"].get<std::size_t>());
    table.add_row({body.empty() ? number : number + " in " + body, "", calls_of(segment),
                   format_seconds(segment["time_s"]), share(segment), "", ""});
    for (const json& step : segment["steps"]) {
      table.add_row({"  " + step["name"].get<std::string>(), step["kernel"].get<std::string>(),
                     calls_of(step), format_seconds(step["time_s"]), share(step),
                     giga(step["flops_per_s"]), giga(step["bytes_per_s"])});
    }
  }
  print(table, 80);
}

void print_totals(const json& document) {
  const double run = document["run_s"], between = document["between_s"];
  std::string text =
      fmt::format("\nrun      {} ({} runs), segments add up to {}\n", format_seconds(run),
                  report::format_count(document["runs"].get<std::int64_t>()),
                  format_seconds(document["segments_s"]));
  text +=
      fmt::format("between  {}, {} of it: planning, control flow, copies\n",
                  format_seconds(between), report::format_percent(run > 0 ? between / run : 0, 1));
  text += fmt::format("beside   {} a run that nobody looks into\n",
                      format_seconds(document["plain_run_s"]));
  text += fmt::format("memory   {} at most: one plan's, and values between segments\n",
                      report::format_bytes(double(document["peak_bytes"])));
  if (document["interrupted"]) text += "interrupted: these are the figures until then\n";
  print(text +
        "Wall times, means of the middle half of the runs; calls and times are of one run.\n");
}

std::string text_of(const json& document, int indent) {
  return document.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

ExitCode profile_in_segments(runtime::Session& session, std::span<const Tensor> inputs,
                             const SegmentReport& report, const json& about) {
  runtime::ProfileOptions options;
  options.seconds = report.seconds;
  const std::atomic<bool>& stop = watch_interrupts();
  options.stopped = [&] { return stop.load(); };
  const eval::SegmentProfile profile = eval::profile_segments(session, inputs, options);
  json document = eval::segment_document(profile, session);
  document.update(about);
  document["interrupted"] = stop.load();
  if (!report.trace_file.empty()) {
    write_file(report.trace_file, text_of(eval::segment_trace(document, profile), -1));
  }
  if (report.json_file == "-") {
    print_document(document);
    return stop ? interrupted : success;
  }
  if (!report.json_file.empty()) write_file(report.json_file, text_of(document, 2));
  print(report.heading);
  print_segments(document);
  print_totals(document);
  return stop ? interrupted : success;
}

}  // namespace strata::cli
