#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/eval/profile_document.hpp"
#include "strata/eval/runner.hpp"
#include "strata/report/html.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/study/environment.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;
using report::format_seconds;

struct Options {
  ModelOptions model;
  PlanOptions plan;
  double seconds = 1.0;
  std::string json_file, trace_file, html_file;
  bool memory = false;
};

std::string command_of(const Options& options) {
  CommandLine command("profile");
  options.model.add_to(command);
  options.plan.add_to(command);
  command.option("--seconds", fmt::format("{}", options.seconds)).flag("--memory", options.memory);
  command.option("--json", options.json_file).option("--trace", options.trace_file);
  command.option("--html", options.html_file);
  return command.text();
}

std::string giga(double per_second) {
  return per_second > 0 ? report::format_ratio(per_second / 1e9) : "";
}

void print_steps(const json& document) {
  report::Table table({{"step", "", report::Align::left, true},
                       {"kernel", "", report::Align::left, true},
                       {"time"},
                       {"share", "%"},
                       {"GFLOP/s"},
                       {"GB/s"},
                       {"bound", "%"}});
  for (const json& step : document["steps"]) {
    if (step["skipped"]) continue;
    table.add_row({step["name"].get<std::string>(), step["kernel"].get<std::string>(),
                   format_seconds(step["time_s"]),
                   fmt::format("{:.1f}", 100 * step["share"].get<double>()),
                   giga(step["flops_per_s"]), giga(step["bytes_per_s"]),
                   fmt::format("{:.0f}", 100 * step["of_bound"].get<double>())});
  }
  print(table, 80);
}

void print_memory(const json& document) {
  const json& steps = document["steps"];
  report::Table table({{"values", "", report::Align::left, true},
                       {"offset"},
                       {"size"},
                       {"from", "", report::Align::left, true},
                       {"to", "", report::Align::left, true}});
  const auto name = [&](std::size_t at) {
    return at < steps.size() ? steps[at]["name"].get<std::string>() : std::string("the end");
  };
  for (const json& block : document["arena"]["blocks"]) {
    std::string values;
    for (const json& value : block["values"]) {
      values += (values.empty() ? "" : ", ") + value.get<std::string>();
    }
    table.add_row({values.empty() ? "scratch" : values,
                   report::format_count(block["offset"].get<std::int64_t>()),
                   report::format_bytes(block["bytes"]), name(block["first"]),
                   name(block["last"])});
  }
  print("\n");
  print(table, 80);
}

/// The nodes against the run they are part of, and what lies between them.
void print_totals(const json& document) {
  double gaps = 0, bound = 0;
  std::pair<double, std::string> widest{0, ""};
  for (const json& step : document["steps"]) {
    gaps += step["gap_s"].get<double>();
    bound += step["bound_s"].get<double>();
    widest = std::max(widest, {step["gap_s"], step["name"]});
  }
  std::string text = fmt::format(
      "\nrun      {} ({} runs), nodes add up to {}: {} of it\n", format_seconds(document["run_s"]),
      report::format_count(document["runs"].get<std::int64_t>()),
      format_seconds(document["nodes_s"]), report::format_percent(document["nodes_of_run"], 1));
  text += fmt::format("gaps     {} in all, the widest {} before {}\n", format_seconds(gaps),
                      format_seconds(widest.first), report::printable(widest.second));
  const json& roofline = document["roofline"];
  text += fmt::format("bound    {} by this machine's {}FLOP/s and {}B/s from memory\n",
                      format_seconds(bound), report::format_si(roofline["flops_per_s"]),
                      report::format_si(roofline["levels"].back()["bytes_per_s"]));
  text += fmt::format("memory   {} for activations and scratch\n",
                      report::format_bytes(document["arena"]["peak_bytes"]));
  if (document["interrupted"]) text += "interrupted: these are the figures until then\n";
  print(text + "Wall times, means of the middle half of the runs; inputs are random, seed 1.\n");
}

void print_text(const Options& options, const json& document) {
  const std::int64_t threads = document["threads"];
  print(fmt::format("{}, {} thread{}, {}, {}\n\n", report::printable(options.model.path), threads,
                    threads == 1 ? "" : "s", document["isa"].get<std::string>(),
                    document["device"]["cpu"].get<std::string>()));
  print_steps(document);
  if (options.memory) print_memory(document);
  print_totals(document);
}

std::string text_of(const json& document, int indent) {
  return document.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

/// Session-wide sizes; a message for models that have no one plan.
std::shared_ptr<const runtime::Binding> bind(const runtime::Session& session, const DimValues& dims,
                                             const runtime::SessionOptions& options) {
  if (!session.is_static()) {
    fail(ErrorCode::unsupported,
         "sizes in this model depend on data, so it runs in {} segments; profile takes models that "
         "run in one ('strata inspect' says where it is cut)",
         session.segments().size());
  }
  runtime::BindOptions bind_options;
  bind_options.threads = session.threads();
  bind_options.memory_budget = options.memory_budget;
  return runtime::Binding::bind(session.shared_program(), dims, bind_options);
}

ExitCode profile(const Options& options) {
  ir::Graph graph = options.model.load();
  const DimValues dims = runtime::typical_dims(graph, options.model.dim_values(graph));
  const runtime::SessionOptions session_options = options.plan.session(dims);
  const runtime::Session session(std::move(graph), session_options);
  const auto binding = bind(session, dims, session_options);
  const auto pool = std::make_shared<ThreadPool>(session.threads());
  const Isa isa = binding->program().target().isa;
  const runtime::Roofline roofline = runtime::cached_roofline(isa, *pool, runtime::cache_folder());

  eval::Runner runner(binding, pool);
  runtime::ProfileOptions profile_options;
  profile_options.seconds = options.seconds;
  const std::atomic<bool>& stop = watch_interrupts();
  profile_options.stopped = [&] { return stop.load(); };
  const runtime::Profile figures = runner.profile(profile_options);

  json document = eval::profile_document(*binding, figures, roofline);
  document["created"] = study::utc_now();
  document["command"] = command_of(options);
  document["device"] = study::device_document(study::this_environment(isa));
  document["model"] = {{"name", std::filesystem::path(options.model.path).filename().string()},
                       {"path", options.model.path}};
  document["inputs"] = "random, seed 1";
  document["interrupted"] = stop.load();
  if (!options.trace_file.empty()) {
    write_file(options.trace_file, text_of(eval::trace_document(document), -1));
  }
  if (!options.html_file.empty()) {
    write_file(options.html_file, report::render_profile_report(document));
  }
  if (options.json_file == "-") {
    print_document(document);
  } else {
    if (!options.json_file.empty()) write_file(options.json_file, text_of(document, 2));
    print_text(options, document);
  }
  return stop ? interrupted : success;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, true);
  add_plan_options(app, options->plan);
  app.add_option("--seconds", options->seconds, "how long to measure, after the warm-up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_flag("--memory", options->memory, "also list which value lies where in the arena");
  app.add_option("--json", options->json_file,
                 "write all figures; '-': to the output, instead of "
                 "the table")
      ->type_name("FILE");
  app.add_option("--trace", options->trace_file,
                 "write one run as a Chrome trace, which ui.perfetto.dev opens")
      ->type_name("FILE");
  app.add_option("--html", options->html_file,
                 "write a page with timeline, arena map and tables; it opens offline")
      ->type_name("FILE");
  app.footer(
      "Runs are timed alternately as they are and step by step. 'bound' is the share of a\n"
      "step's time that this machine needs at least for its arithmetic and bytes (roofline, f32);\n"
      "what it can do is measured once and kept in ~/.cache/strata. All times are wall time.\n"
      "docs/profile.md explains the figures. Ctrl-C ends early with what was measured.");
  return [options] { return profile(*options); };
}

}  // namespace

const Command profile_command{"profile", "Show where time and memory of a run go", declare};

}  // namespace strata::cli
