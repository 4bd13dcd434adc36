#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/eval/profile_document.hpp"
#include "strata/eval/runner.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/report/html.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/study/environment.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/profile_segments.hpp"
#include "tools/cli/run_inputs.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;
using report::format_seconds;

struct Options {
  ModelOptions model;
  PlanOptions plan;
  InputOptions input;
  std::vector<std::string> files;
  double seconds = 1.0;
  std::string json_file, trace_file, html_file;
  bool memory = false;
  bool roofline = false;
};

std::string command_of(const Options& options) {
  CommandLine command("profile");
  options.model.add_to(command);
  options.plan.add_to(command);
  for (const std::string& file : options.files) command.option("--input", file);
  options.input.add_to(command);
  command.option("--seconds", fmt::format("{}", options.seconds)).flag("--memory", options.memory);
  command.option("--json", options.json_file).option("--trace", options.trace_file);
  command.option("--html", options.html_file).flag("--roofline", options.roofline);
  return command.text();
}

std::string giga(double per_second) {
  return per_second > 0 ? report::format_ratio(per_second / 1e9) : "";
}

std::string percent(double part) { return report::format_percent(part, 1); }

/// The kernel's name without the instruction set where the heading tells it.
std::string kernel_of(const json& document, const json& step) {
  const std::string kernel = step["kernel"], isa = document["isa"];
  const std::size_t at = kernel.rfind('_');
  const bool told = at != std::string::npos && isa.starts_with(kernel.substr(at + 1));
  return told ? kernel.substr(0, at) : kernel;
}

/// How near to the roofline, with a mark where the step is beyond it.
std::string bound_of(const json& step) {
  if (step["of_bound"].is_null()) return "–";
  const std::string part = report::format_percent(step["of_bound"], 0);
  if (step["beyond_bound"].is_null()) return part;
  return part + (step["bound_by"] == "compute" ? "*" : "+");
}

void print_steps(const json& document) {
  using report::Align;
  const double run = document["run_s"];
  const report::TimeUnit unit = report::time_unit(run);
  report::Table table({{"#", "", Align::right},
                       {"step", "", Align::left, true, 20},
                       {"kernel", "", Align::left, true, 10},
                       {"time", unit.name},
                       {"share", "", Align::right},
                       {"GFLOP/s"},
                       {"GB/s"},
                       {"bound", "", Align::right}});
  std::size_t number = 0;
  std::map<std::string, std::string> notes;  // by mark
  for (const json& step : document["steps"]) {
    ++number;
    if (step["skipped"]) continue;
    const std::string bound = bound_of(step);
    if (!step["beyond_bound"].is_null())
      notes[bound.substr(bound.size() - 1)] = step["beyond_bound"];
    table.add_row({std::to_string(number), step["name"].get<std::string>(),
                   kernel_of(document, step), unit.text(step["time_s"]), percent(step["share"]),
                   giga(step["flops_per_s"]), giga(step["bytes_per_s"]), bound});
  }
  const auto rest = [&](const char* name, double seconds) {
    table.add_row({"", name, "", unit.text(seconds), percent(run > 0 ? seconds / run : 0)});
  };
  table.add_rule();
  rest("copies of results", document["finish_s"]);
  rest("gaps between steps", document["gaps_s"]);
  rest("run", run);
  print(table, 80);
  for (const auto& [mark, note] : notes) print(fmt::format("{} {}\n", mark, note));
}

void print_memory(const json& document) {
  const json& steps = document["steps"];
  report::Table table({{"values", "", report::Align::left, true, 12},
                       {"offset"},
                       {"size"},
                       {"from", "", report::Align::left, true, 12},
                       {"to", "", report::Align::left, true, 12}});
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

/// What the figures of the table were measured against, and what bounds them.
std::string totals(const json& document) {
  using report::format_count;
  std::pair<double, std::string> widest{0, ""};
  double bound = 0;
  std::size_t ran = 0, bounded = 0;
  for (const json& step : document["steps"]) {
    if (step["skipped"]) continue;
    ++ran;
    widest = std::max(widest, {step["gap_s"], report::printable(step["name"].get<std::string>())});
    if (step["bound_s"].is_null()) continue;
    ++bounded;
    bound += step["bound_s"].get<double>();
  }
  const auto line = [](const char* name, const std::string& text) {
    return fmt::format("{:<9}{}\n", name, text);
  };
  const double plain = document["plain_of_run"];
  const json& roofline = document["roofline"];
  std::string text = line(
      "nodes", fmt::format("{}, {} of the run of {}", format_seconds(document["nodes_s"]),
                           percent(document["nodes_of_run"]), format_seconds(document["run_s"])));
  text += line("gaps",
               fmt::format("{} in all, the widest {} before {}", format_seconds(document["gaps_s"]),
                           format_seconds(widest.first), report::shortened(widest.second, 30)));
  text += line("beside", fmt::format("{} a run that nobody looks into: {} of the run above",
                                     format_seconds(document["plain_run_s"]), percent(plain)));
  text += line("clock", fmt::format("{} readings of {} taken off the run",
                                    format_count(document["clock_reads"].get<std::int64_t>()),
                                    format_seconds(document["clock_read_s"])));
  text += line("bound", fmt::format("{} for {} of {} steps: {}FLOP/s in f32, {}B/s from memory",
                                    format_seconds(bound), bounded, ran,
                                    report::format_si(roofline["flops_per_s"]),
                                    report::format_si(roofline["levels"].back()["bytes_per_s"])));
  text += line("memory", report::format_bytes(document["arena"]["peak_bytes"]) +
                             " for activations and scratch");
  return text +
         fmt::format("Wall times: means over {} of {} pairs of runs, the middle half by length\n",
                     format_count(document["runs_kept"].get<std::int64_t>()),
                     format_count(document["runs"].get<std::int64_t>()));
}

void print_totals(const json& document) {
  constexpr double doubtful = 0.05;
  std::string text = "\n" + totals(document);
  if (std::abs(document["plain_of_run"].get<double>() - 1) > doubtful) {
    text += "The two kinds of runs differ by more than 5 %: others use this machine.\n";
  }
  if (document["interrupted"]) text += "interrupted: these are the figures until then\n";
  print(text);
}

void print_text(const Options& options, const json& document) {
  const std::int64_t threads = document["threads"];
  print_wrapped(fmt::format("{}, {} thread{}, {}, {}\ninputs: {}\n\n",
                            report::printable(options.model.path), threads, threads == 1 ? "" : "s",
                            document["isa"].get<std::string>(),
                            document["device"]["cpu"].get<std::string>(),
                            report::printable(document["inputs"].get<std::string>())));
  print_steps(document);
  if (options.memory) print_memory(document);
  print_totals(document);
}

std::string text_of(const json& document, int indent) {
  return document.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

/// Session-wide sizes; null for models that have no one plan.
std::shared_ptr<const runtime::Binding> bind(const runtime::Session& session, const DimValues& dims,
                                             const runtime::SessionOptions& options) {
  if (!session.is_static()) return nullptr;
  runtime::BindOptions bind_options;
  bind_options.threads = session.threads();
  bind_options.memory_budget = options.memory_budget;
  return runtime::Binding::bind(session.shared_program(), dims, bind_options);
}

/// The tensors to run on, none for random ones, and the sizes that follow.
std::vector<Tensor> read_inputs(const Options& options, const ir::Graph& graph, DimValues& dims) {
  if (options.files.empty()) {
    dims = runtime::typical_dims(graph, options.model.dim_values(graph));
    return {};
  }
  std::vector<RunInputs> runs =
      read_run_inputs(options.files, graph, options.model.path, options.input);
  if (runs.size() != 1) {
    fail(ErrorCode::usage, "--input: files for {} runs given, one is profiled", runs.size());
  }
  std::vector<Shape> shapes;
  for (const Tensor& tensor : runs[0].tensors) shapes.push_back(tensor.shape());
  dims = ir::bind_inputs(graph, shapes);
  return std::move(runs[0].tensors);
}

std::string inputs_text(const Options& options) {
  std::string text;
  for (const std::string& file : options.files) text += (text.empty() ? "" : ", ") + file;
  return text.empty() ? "random, seed 1" : text;
}

/// What a document says of where its figures come from.
json about(const Options& options, Isa isa) {
  const auto name = std::filesystem::path(options.model.path).filename().string();
  return {{"created", study::utc_now()},
          {"command", command_of(options)},
          {"device", study::device_document(study::this_environment(isa))},
          {"model", {{"name", name}, {"path", options.model.path}}},
          {"inputs", inputs_text(options)}};
}

ExitCode profile_segments(const Options& options, runtime::Session& session,
                          std::vector<Tensor> inputs, const DimValues& dims, Isa isa) {
  if (options.memory || !options.html_file.empty()) {
    fail(ErrorCode::usage,
         "--memory and --html show the memory of one plan; sizes in this model depend on data, so "
         "it runs in {} segments: accepted are --json and --trace",
         session.segments().size());
  }
  if (inputs.empty()) {
    std::vector<Shape> shapes;
    for (const ir::TensorType& type : session.input_types()) {
      shapes.push_back(evaluate(type.shape, dims));
    }
    inputs = eval::seeded_inputs(session.graph(), shapes, 1);
  }
  json told = about(options, isa);
  told["isa"] = to_string(isa);
  SegmentReport shown{options.seconds, {}, options.json_file, options.trace_file};
  shown.heading = fmt::format("{}, {} thread{}, {}, in segments\ninputs: {}\n\n",
                              report::printable(options.model.path), session.threads(),
                              session.threads() == 1 ? "" : "s", to_string(isa),
                              report::printable(inputs_text(options)));
  return profile_in_segments(session, inputs, shown, told);
}

ExitCode profile(const Options& options) {
  formats::Model model = options.model.load_model();
  const ir::Graph& graph = model.graph;
  DimValues dims;
  const std::vector<Tensor> inputs = read_inputs(options, graph, dims);
  const runtime::SessionOptions session_options = options.plan.session_for(model, dims);
  const DimValues assumed = options.files.empty() ? dims : DimValues();
  const auto [session, binding] = at_sizes(assumed, [&] {
    auto made = std::make_unique<runtime::Session>(std::move(model.graph), session_options);
    auto bound = bind(*made, dims, session_options);
    return std::pair(std::move(made), std::move(bound));
  });
  if (!binding) {
    return at_sizes(assumed, [&] {
      return profile_segments(options, *session, inputs, dims, session_options.target.isa);
    });
  }
  const auto pool = std::make_shared<ThreadPool>(session->threads());
  const Isa isa = binding->program().target().isa;
  const runtime::Roofline roofline =
      runtime::cached_roofline(isa, *pool, runtime::cache_folder(), options.roofline);

  eval::Runner runner(binding, pool, inputs);
  runtime::ProfileOptions profile_options;
  profile_options.seconds = options.seconds;
  const std::atomic<bool>& stop = watch_interrupts();
  profile_options.stopped = [&] { return stop.load(); };
  const runtime::Profile figures = runner.profile(profile_options);

  json document = eval::profile_document(*binding, figures, roofline);
  document.update(about(options, isa));
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
  add_input_files(app, options->files);
  add_input_options(app, options->input, false);
  app.add_option("--seconds", options->seconds, "how long to measure, after the warm-up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_flag("--memory", options->memory, "also list which value lies where in the arena");
  app.add_flag("--roofline", options->roofline,
               "measure again what the machine can do at best, as after a time when it was busy");
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
      "Runs are timed in pairs, as they are and step by step; what reading the clock takes "
      "is taken off, so that steps, gaps and copies add up to the run. 'bound' is the share "
      "of a step's time that this machine needs at least for its arithmetic in f32 and its "
      "bytes (roofline; measured once, kept in ~/.cache/strata, --roofline measures again); '–': "
      "it has no such bound.\n"
      "All times are wall time. docs/profile.md explains the figures. Ctrl-C ends early with\n"
      "what was measured.");
  return [options] { return profile(*options); };
}

}  // namespace

const Command profile_command{"profile", "Show where time and memory of a run go", declare};

}  // namespace strata::cli
