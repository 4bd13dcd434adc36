#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/eval/latency.hpp"
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

constexpr int step_runs = 20;

struct Options {
  ModelOptions model;
  PlanOptions plan;
  double seconds = 1.0;
  bool json = false;
  bool explain = false;
};

/// Set-up times in seconds, in order.
struct SetUp {
  double load = 0;     // file to graph
  double compile = 0;  // passes, choice of kernels, packing
  double bind = 0;     // sizes and memory
};

class Stopwatch {
 public:
  /// Seconds since the last lap, or since construction.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

double milliseconds(double seconds) { return seconds * 1e3; }

struct Measured {
  SetUp set_up;
  eval::Latency latency;
  int threads = 1;
  DimValues dims;
  std::vector<double> step_seconds;  // medians; empty unless explained
  bool interrupted = false;
};

std::string command_of(const Options& options) {
  CommandLine command("bench");
  options.model.add_to(command);
  options.plan.add_to(command);
  command.option("--seconds", fmt::format("{}", options.seconds));
  command.flag("--explain", options.explain).flag("--json", options.json);
  return command.text();
}

void print_json(const Options& options, const Measured& measured, const runtime::Binding& binding) {
  // Interrupted before the first counted run, there are no figures.
  const auto of_runs = [&](double seconds) {
    return measured.latency.runs.empty() ? json() : json(milliseconds(seconds));
  };
  json document = {
      {"file", options.model.path},
      {"command", command_of(options)},
      {"clock", "wall"},
      {"device", study::device_document(study::this_environment(binding.program().target().isa))},
      {"interrupted", measured.interrupted},
      {"threads", measured.threads},
      {"isa", to_string(binding.program().target().isa)},
      {"machine", this_machine().cpu_name},
      {"load_ms", milliseconds(measured.set_up.load)},
      {"compile_ms", milliseconds(measured.set_up.compile)},
      {"bind_ms", milliseconds(measured.set_up.bind)},
      {"cold_ms", milliseconds(measured.latency.cold)},
      {"p50_ms", of_runs(measured.latency.p50)},
      {"p90_ms", of_runs(measured.latency.p90)},
      {"p99_ms", of_runs(measured.latency.p99)},
      {"min_ms", of_runs(measured.latency.fastest)},
      {"mean_ms", of_runs(measured.latency.mean)},
      {"runs", measured.latency.runs.size()},
      {"peak_arena_bytes", binding.peak_bytes()},
      {"dims", json::object()}};
  for (const auto& [symbol, value] : measured.dims.items()) document["dims"][symbol] = value;
  if (options.explain) {
    document["steps"] = json::array();
    const auto& steps = binding.program().steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      json rejections = json::array();
      for (const runtime::Rejection& rejection : steps[i].rejections) {
        rejections.push_back({{"row", rejection.row}, {"reason", rejection.reason}});
      }
      document["steps"].push_back({{"name", steps[i].name},
                                   {"op", steps[i].op},
                                   {"row", steps[i].row->name},
                                   {"weights", steps[i].weights},
                                   {"ms", milliseconds(measured.step_seconds[i])},
                                   {"modelled_ms", milliseconds(steps[i].estimate)},
                                   {"rejected", rejections}});
    }
  }
  print_document(document);
}

void print_steps(const Measured& measured, const runtime::Program& program) {
  report::Table table({{"step", "", report::Align::left, true},
                       {"op"},
                       {"kernel"},
                       {"weights"},
                       {"time"},
                       {"modelled"}});
  for (std::size_t i = 0; i < program.steps().size(); ++i) {
    const runtime::Step& step = program.steps()[i];
    table.add_row({step.name, step.op, std::string(step.row->name), step.weights,
                   report::format_seconds(measured.step_seconds[i]),
                   report::format_seconds(step.estimate)});
  }
  print("\n");
  print(table);
  std::string text = "\nrejected kernels\n";
  for (const runtime::Step& step : program.steps()) {
    if (step.rejections.empty()) continue;
    text += fmt::format("  {}\n", report::printable(step.name));
    for (const runtime::Rejection& rejection : step.rejections) {
      text += fmt::format("    {}: {}\n", rejection.row, rejection.reason);
    }
  }
  print(text);
}

void print_text(const Options& options, const Measured& measured, const runtime::Binding& binding) {
  using report::format_seconds;
  const eval::Latency& latency = measured.latency;
  std::string text = report::printable(options.model.path);
  text += fmt::format(", {} thread{}, {}\n", measured.threads, measured.threads == 1 ? "" : "s",
                      to_string(binding.program().target().isa));
  for (const auto& [symbol, value] : measured.dims.items()) {
    text += fmt::format("{} = {}\n", report::printable(symbol), value);
  }
  text +=
      fmt::format("set-up   load {}, compile {}, bind {}\n", format_seconds(measured.set_up.load),
                  format_seconds(measured.set_up.compile), format_seconds(measured.set_up.bind));
  text += fmt::format("cold     {}\n", format_seconds(latency.cold));
  text += latency.runs.empty()
              ? "warm     not measured\n"
              : fmt::format("warm     p50 {}, p90 {}, p99 {}, fastest {}  ({} runs)\n",
                            format_seconds(latency.p50), format_seconds(latency.p90),
                            format_seconds(latency.p99), format_seconds(latency.fastest),
                            report::format_count(std::int64_t(latency.runs.size())));
  text += fmt::format("memory   {} for activations and scratch\n",
                      report::format_bytes(double(binding.peak_bytes())));
  if (measured.interrupted) text += "interrupted: these are the figures until then\n";
  print(text);
  if (options.explain) print_steps(measured, binding.program());
}

ExitCode bench(const Options& options) {
  Measured measured;
  Stopwatch watch;
  ir::Graph graph = options.model.load();
  measured.set_up.load = watch.lap();
  measured.dims = runtime::typical_dims(graph, options.model.dim_values(graph));
  const runtime::SessionOptions session_options = options.plan.session(measured.dims);
  watch.lap();
  const runtime::Session session(std::move(graph), session_options);
  measured.set_up.compile = watch.lap();
  measured.threads = session.threads();
  runtime::BindOptions bind_options;
  bind_options.threads = session.threads();
  bind_options.memory_budget = session_options.memory_budget;
  watch.lap();
  const auto binding =
      runtime::Binding::bind(session.shared_program(), measured.dims, bind_options);
  measured.set_up.bind = watch.lap();
  eval::Runner runner(binding, std::make_shared<ThreadPool>(session.threads()));

  eval::LatencyOptions latency_options;
  latency_options.seconds = options.seconds;
  const std::atomic<bool>& stop = watch_interrupts();
  latency_options.cancel = &stop;
  measured.latency = eval::measure_latency(runner, latency_options);
  if (options.explain) {
    measured.step_seconds = runner.time_steps(step_runs, [&] { return stop.load(); });
  }
  measured.interrupted = stop;
  if (options.json) {
    print_json(options, measured, runner.binding());
  } else {
    print_text(options, measured, runner.binding());
  }
  return measured.interrupted ? interrupted : success;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, true);
  add_plan_options(app, options->plan);
  app.add_option("--seconds", options->seconds, "how long to measure, after the warm-up")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_flag("--explain", options->explain,
               "also show each step's kernel, its time, and why other kernels were not taken");
  app.add_flag("--json", options->json, "print one JSON object");
  app.footer(
      "Inputs are random numbers from a fixed seed. 'cold' is the first run after loading, 'warm'\n"
      "are the runs after it; at least 10 are made. All times are wall time. Ctrl-C ends early "
      "with\n"
      "what was measured (exit code 130).");
  return [options] { return bench(*options); };
}

}  // namespace

const Command bench_command{"bench", "Measure how fast a model runs, and show why", declare};

}  // namespace strata::cli
