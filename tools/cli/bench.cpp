#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/check/difference.hpp"
#include "strata/eval/counters.hpp"
#include "strata/eval/latency.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/apart.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/saved_choices.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/study/environment.hpp"
#include "strata/tune/float_twins.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/explain.hpp"
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
  bool explain_each = false;  // and so explain
  bool counters = false;
};

/// Set-up times in seconds, in order.
struct SetUp {
  double load = 0;             // file to graph
  double compile = 0;          // passes, choice of kernels, packing
  std::optional<double> bind;  // sizes and memory; none where the first run does it
};

/// How far results lie from those of f32, on the inputs that were timed.
struct PrecisionError {
  double relative =
      0;  ///< largest difference over the largest magnitude of an output, of the worst
  std::string output;
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
  Isa isa = Isa::baseline;
  kernels::Precision precision = kernels::Precision::f32;
  std::optional<PrecisionError> error;  // of precisions below f32
  DimValues dims;
  std::size_t segments = 0;  // 0: one plan
  std::size_t arena_bytes = 0;
  std::vector<const runtime::Program*> programs;    // of the session
  std::vector<double> step_seconds;                 // medians, of one plan; empty unless explained
  std::shared_ptr<const runtime::Binding> binding;  // the one plan
  std::vector<eval::Counted> counted;
  int counted_runs = 0;
  bool interrupted = false;
  std::vector<eval::Warning> warnings;
  runtime::SavedChoices choices;      // of the file, unless ignored
  std::optional<std::size_t> mapped;  // packed weights used where they lie in the file
};

std::string command_of(const Options& options) {
  CommandLine command("bench");
  options.model.add_to(command);
  options.plan.add_to(command);
  command.option("--seconds", fmt::format("{}", options.seconds));
  command.flag("--explain", options.explain).flag("--counters", options.counters);
  command.flag("--json", options.json);
  return command.text();
}

json steps_json(const Measured& measured) {
  auto list = json::array();
  for (const runtime::Program* program : measured.programs) {
    const std::vector<tune::FloatTwin> twins = tune::float_twins(*program);
    for (const runtime::Step& step : program->steps()) {
      const auto number = std::size_t(&step - program->steps().data());
      const auto twin = std::ranges::find(twins, number, &tune::FloatTwin::step);
      auto rejections = json::array();
      for (const runtime::Rejection& rejection : step.rejections) {
        rejections.push_back({{"row", rejection.row}, {"reason", rejection.reason}});
      }
      const bool timed = list.size() < measured.step_seconds.size();
      const double seconds = timed ? measured.step_seconds[list.size()] : 0;
      list.push_back({{"name", step.name},
                      {"op", step.op},
                      {"row", step.row->name},
                      {"weights", step.weights},
                      {"ms", timed ? json(milliseconds(seconds)) : json()},
                      {"modelled_ms", milliseconds(step.estimate)},
                      {"float_modelled_ms",
                       twin == twins.end() ? json() : json(milliseconds(twin->float_seconds))},
                      {"rejected", rejections}});
    }
  }
  return list;
}

/// Steps that run as one, and why.
json blocks_json(const Measured& measured) {
  auto list = json::array();
  if (!measured.binding) return list;
  const auto& steps = measured.binding->program().steps();
  for (const runtime::BoundBlock& block : measured.binding->blocks()) {
    auto names = json::array();
    for (const std::size_t step : block.steps) names.push_back(steps[step].name);
    list.push_back({{"steps", names},
                    {"row", measured.binding->steps()[block.steps.back()].row->name},
                    {"band_rows", block.band_rows},
                    {"kept_bytes", block.kept_bytes},
                    {"modelled_saving_ms", milliseconds(block.saved_seconds)}});
  }
  return list;
}

/// What could be one step and is not.
std::vector<runtime::Apart> all_apart(const Measured& measured) {
  std::vector<runtime::Apart> all;
  for (const runtime::Program* program : measured.programs) {
    const std::vector<runtime::Apart> chains = runtime::chains_apart(*program);
    all.insert(all.end(), chains.begin(), chains.end());
  }
  if (!measured.binding) return all;
  const std::vector<runtime::Apart> blocks = runtime::blocks_apart(*measured.binding);
  all.insert(all.end(), blocks.begin(), blocks.end());
  return all;
}

json apart_json(const Measured& measured) {
  auto list = json::array();
  for (const runtime::Apart& apart : all_apart(measured)) {
    list.push_back({{"nodes", apart.nodes}, {"reason", apart.reason}});
  }
  return list;
}

json counters_json(const Measured& measured) {
  json document = {{"runs", measured.counted_runs}, {"refused", json::object()}};
  for (const eval::Counted& figure : measured.counted) {
    const std::string name(figure.name);
    document[name] = figure.per_run ? json(*figure.per_run) : json();
    if (!figure.per_run) document["refused"][name] = figure.reason;
  }
  return document;
}

json error_json(const std::optional<PrecisionError>& error) {
  if (!error) return {};
  return {{"output", error->output},
          {"relative", std::isfinite(error->relative) ? json(error->relative) : json()}};
}

void print_json(const Options& options, const Measured& measured) {
  // Interrupted before the first counted run, there are no figures.
  const auto of_runs = [&](double seconds) {
    return measured.latency.runs.empty() ? json() : json(milliseconds(seconds));
  };
  const auto& bind = measured.set_up.bind;
  json document = {{"file", options.model.path},
                   {"command", command_of(options)},
                   {"clock", "wall"},
                   {"device", study::device_document(study::this_environment(measured.isa))},
                   {"interrupted", measured.interrupted},
                   {"threads", measured.threads},
                   {"isa", to_string(measured.isa)},
                   {"precision", to_string(measured.precision)},
                   {"choices_of_file", measured.choices.any()},
                   {"mapped_weights", measured.mapped ? json(*measured.mapped) : json()},
                   {"error", error_json(measured.error)},
                   {"machine", this_machine().cpu_name},
                   {"load_ms", milliseconds(measured.set_up.load)},
                   {"compile_ms", milliseconds(measured.set_up.compile)},
                   {"bind_ms", bind ? json(milliseconds(*bind)) : json()},
                   {"cold_ms", milliseconds(measured.latency.cold)},
                   {"p50_ms", of_runs(measured.latency.p50)},
                   {"p90_ms", of_runs(measured.latency.p90)},
                   {"p99_ms", of_runs(measured.latency.p99)},
                   {"min_ms", of_runs(measured.latency.fastest)},
                   {"mean_ms", of_runs(measured.latency.mean)},
                   {"runs", measured.latency.runs.size()},
                   {"peak_arena_bytes", measured.arena_bytes},
                   {"segments", measured.segments ? json(measured.segments) : json()},
                   {"dims", json::object()}};
  for (const auto& [symbol, value] : measured.dims.items()) document["dims"][symbol] = value;
  document["warnings"] = describe(measured.warnings);
  if (options.counters) document["counters"] = counters_json(measured);
  if (options.explain) {
    document["steps"] = steps_json(measured);
    document["blocks"] = blocks_json(measured);
    document["apart"] = apart_json(measured);
  }
  print_document(document);
}

/// The same in words.
std::string blocks_text(const Measured& measured) {
  std::string text;
  for (const json& block : blocks_json(measured)) {
    text += text.empty() ? "\nblocks (--off blocks runs their steps one by one)\n" : "";
    std::string names;
    for (const json& name : block["steps"]) {
      names += (names.empty() ? "" : ", ") + report::printable(name.get<std::string>());
    }
    text += fmt::format(
        "  {}\n    by bands of {} rows: {:.1f} KiB between them are never whole; modelled to save "
        "{:.2f} us\n",
        names, block["band_rows"].get<std::int64_t>(),
        double(block["kept_bytes"].get<std::size_t>()) / 1024,
        block["modelled_saving_ms"].get<double>() * 1e3);
  }
  return text;
}

/// Those with one reason under it.
std::string apart_text(const Measured& measured) {
  std::map<std::string, std::string> chains;
  for (const runtime::Apart& apart : all_apart(measured)) {
    std::string names;
    for (const std::string& name : apart.nodes) {
      names += (names.empty() ? "    " : ", ") + report::printable(name);
    }
    chains[apart.reason] += names + "\n";
  }
  std::string text = chains.empty() ? "" : "\napart: what could be one step and is not\n";
  for (const auto& [reason, names] : chains) text += fmt::format("  {}\n{}", reason, names);
  return text;
}

/// Where this machine computes a product on floats as fast as the model does on integers.
std::string integers_text(const runtime::Program& program) {
  std::string text;
  std::size_t losing = 0;
  const std::vector<tune::FloatTwin> twins = tune::float_twins(program);
  for (const tune::FloatTwin& twin : twins) {
    if (!twin.integers_lose()) continue;
    ++losing;
    text += fmt::format(
        "  {}: {} modelled, {} on floats\n", report::printable(program.steps()[twin.step].name),
        report::format_seconds(twin.seconds), report::format_seconds(twin.float_seconds));
  }
  if (twins.empty()) return "";
  return fmt::format("\nproducts on integers: {}, of which {} would not be slower on floats\n{}",
                     twins.size(), losing, text);
}

/// The longest time that a table of steps shows.
double longest_step(const Measured& measured) {
  double longest = 0;
  for (const double seconds : measured.step_seconds) longest = std::max(longest, seconds);
  for (const runtime::Program* program : measured.programs) {
    for (const runtime::Step& step : program->steps()) longest = std::max(longest, step.estimate);
  }
  return longest;
}

void print_steps(const Measured& measured, bool each) {
  const report::TimeUnit unit = report::time_unit(longest_step(measured));
  report::Table table({{"step", "", report::Align::left, true, 20},
                       {"op", "", report::Align::left, true, 10},
                       {"kernel", "", report::Align::left, true, 12},
                       {"weights"},
                       {"time", unit.name},
                       {"model", unit.name}});
  std::size_t at = 0;
  for (const runtime::Program* program : measured.programs) {
    for (const runtime::Step& step : program->steps()) {
      const bool timed = at < measured.step_seconds.size();
      table.add_row({step.name, step.op, std::string(step.row->name), step.weights,
                     timed ? unit.text(measured.step_seconds[at]) : "–", unit.text(step.estimate)});
      ++at;
    }
  }
  print("\n");
  print(table, 80);
  std::string choices = kernels_text(measured.programs, each);
  for (const runtime::Program* program : measured.programs) choices += integers_text(*program);
  print_wrapped(choices + blocks_text(measured) + apart_text(measured));
}

std::string counters_text(const Measured& measured) {
  std::string figures;
  std::vector<std::pair<std::string, std::string>> refused;  // reason, names
  for (const eval::Counted& figure : measured.counted) {
    std::string name(figure.name == "energy_j" ? "energy" : figure.name);
    std::ranges::replace(name, '_', ' ');
    if (figure.per_run) {
      figures += fmt::format("{}{} {}", figures.empty() ? "" : ", ", name,
                             report::format_si(*figure.per_run));
      if (figure.name == "energy_j") figures += "J (all that the machine's processors took)";
    } else if (refused.empty() || refused.back().first != figure.reason) {
      refused.emplace_back(figure.reason, name);
    } else {
      refused.back().second += ", " + name;
    }
  }
  std::string text = figures.empty() ? "counters none that this machine lets one read\n"
                                     : fmt::format("counters {}  (means of {} runs)\n", figures,
                                                   measured.counted_runs);
  for (const auto& [reason, names] : refused) {
    text += fmt::format("         no {}: {}\n", names, report::printable(reason));
  }
  return text;
}

void print_text(const Options& options, const Measured& measured) {
  using report::format_seconds;
  const eval::Latency& latency = measured.latency;
  std::string text = report::printable(options.model.path);
  text += fmt::format(", {} thread{}, {}{}\n", measured.threads, measured.threads == 1 ? "" : "s",
                      to_string(measured.isa),
                      measured.precision == kernels::Precision::bf16 ? ", precision bf16" : "");
  for (const auto& [symbol, value] : measured.dims.items()) {
    text += fmt::format("{} = {}\n", report::printable(symbol), value);
  }
  if (measured.choices.any()) {
    text += "choices  of threads, precision, passes and kernels as the file says\n";
  }
  if (measured.mapped) text += fmt::format("packed   {} weights mapped\n", *measured.mapped);
  if (measured.segments) {
    text += fmt::format(
        "plan     sizes or branches depend on data: runs in {} segment{} ('inspect' shows them)\n",
        measured.segments, measured.segments == 1 ? "" : "s");
  }
  const auto& bind = measured.set_up.bind;
  text += fmt::format("set-up   load {}, compile {}, {}\n", format_seconds(measured.set_up.load),
                      format_seconds(measured.set_up.compile),
                      bind ? "bind " + format_seconds(*bind) : "the rest in the cold run");
  text += fmt::format("cold     {}\n", format_seconds(latency.cold));
  text += latency.runs.empty()
              ? "warm     not measured\n"
              : fmt::format("warm     p50 {}, p90 {}, p99 {}, fastest {}  ({} runs)\n",
                            format_seconds(latency.p50), format_seconds(latency.p90),
                            format_seconds(latency.p99), format_seconds(latency.fastest),
                            report::format_count(std::int64_t(latency.runs.size())));
  if (measured.error) {
    text += fmt::format("error    {:.2g} of the largest value of output {}, against f32\n",
                        measured.error->relative, report::printable(measured.error->output));
  }
  text += fmt::format("memory   {} for activations and scratch\n",
                      report::format_bytes(double(measured.arena_bytes)));
  if (options.counters) text += counters_text(measured);
  if (measured.interrupted) text += "interrupted: these are the figures until then\n";
  print_wrapped(text);
  if (options.explain) print_steps(measured, options.explain_each);
}

/// Times of doing nothing would pass for good ones.
void expect_work(const ir::Graph& graph, const DimValues& dims) {
  const bool idle = std::ranges::all_of(graph.inputs, [&](ir::ValueId id) {
    return evaluate(graph.value(id).type.shape, dims).elements() == 0;
  });
  if (!idle || graph.inputs.empty()) return;
  fail(ErrorCode::usage, "with these sizes every input is empty, and nothing is left to measure");
}

/// Runs the model on one set of inputs again and again.
class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    if (options.counters) counters_.emplace();  // before there are threads to count
  }

  /// What refers to programs does so as long as this lives.
  Measured measure() {
    Stopwatch watch;
    formats::Model model = options_.model.load_model();
    const ir::Graph& graph = model.graph;
    measured_.set_up.load = watch.lap();
    measured_.dims = runtime::typical_dims(graph, options_.model.dim_values(graph));
    expect_work(graph, measured_.dims);
    const runtime::SessionOptions session_options =
        options_.plan.session_for(model, measured_.dims);
    measured_.isa = session_options.target.isa;
    if (!options_.plan.ignore_choices) {
      measured_.choices = runtime::saved_choices(model.info.metadata);
    }
    measured_.precision = session_options.target.precision;
    watch.lap();
    at_sizes(measured_.dims, [&] {
      runtime::Session& session = session_.emplace(std::move(model.graph), session_options);
      measured_.set_up.compile = watch.lap();
      if (!model.packed.weights.empty()) {
        measured_.mapped = session_options.target.packed->spared();
      }
      measured_.threads = session.threads();
      session.is_static() ? measure_plan(session, session_options) : measure_segments(session);
      if (measured_.precision != kernels::Precision::f32) {
        measured_.error = error_against_f32(session, session_options);
      }
    });
    measured_.interrupted = *stop_;
    return std::move(measured_);
  }

 private:
  void measure_plan(const runtime::Session& session,
                    const runtime::SessionOptions& session_options) {
    runtime::BindOptions bind_options;
    bind_options.threads = session.threads();
    bind_options.memory_budget = session_options.memory_budget;
    Stopwatch watch;
    const auto binding =
        runtime::Binding::bind(session.shared_program(), measured_.dims, bind_options);
    measured_.set_up.bind = watch.lap();
    measured_.arena_bytes = binding->peak_bytes();
    measured_.programs = {&session.program()};
    measured_.binding = binding;
    eval::Runner runner(binding, std::make_shared<ThreadPool>(session.threads()));
    take([&] { return runner.timed_run(); });
    if (options_.explain) {
      measured_.step_seconds = runner.time_steps(step_runs, [&] { return stop_->load(); });
    }
  }

  std::vector<Tensor> inputs(const runtime::Session& session) const {
    std::vector<Shape> shapes;
    for (const ir::TensorType& type : session.input_types()) {
      shapes.push_back(evaluate(type.shape, measured_.dims));
    }
    return eval::seeded_inputs(session.graph(), shapes, 1);
  }

  PrecisionError error_against_f32(runtime::Session& session,
                                   runtime::SessionOptions session_options) const {
    session_options.target.precision = kernels::Precision::f32;
    session_options.target.pins.clear();
    runtime::Session exact(options_.model.load(), session_options);
    const std::vector<Tensor> given = inputs(exact);
    const std::vector<Tensor> expected = exact.run(given), got = session.run(given);
    PrecisionError worst;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double relative = check::measure(expected[i], got[i]).relative();
      if (i == 0 || relative > worst.relative) worst = {relative, session.output_names()[i]};
    }
    return worst;
  }

  /// No one plan: whole runs, with what they allocate and bind.
  void measure_segments(runtime::Session& session) {
    measured_.segments = session.segments().size();
    const std::vector<Tensor> given = inputs(session);
    take([&] {
      Stopwatch watch;
      session.run(given);
      const double seconds = watch.lap();
      measured_.arena_bytes = std::max(measured_.arena_bytes, session.peak_bytes());
      return seconds;
    });
    for (const runtime::Binding* binding : session.bindings()) {
      if (std::ranges::count(measured_.programs, &binding->program()) == 0) {
        measured_.programs.push_back(&binding->program());
      }
    }
  }

  void take(const std::function<double()>& timed_run) {
    eval::LatencyOptions latency_options;
    latency_options.seconds = options_.seconds;
    latency_options.cancel = stop_ = &watch_interrupts();
    measured_.latency = eval::measure_latency(timed_run, latency_options);
    if (const auto busy = eval::busy_warning(measured_.latency, measured_.threads)) {
      measured_.warnings.push_back(*busy);
    }
    if (!counters_ || measured_.latency.runs.empty()) return;
    // As many runs as fit half the time that was asked for.
    const double most = options_.seconds / 2 / std::max(measured_.latency.mean, 1e-9);
    measured_.counted_runs = int(std::clamp(most, 10.0, 100'000.0));
    measured_.counted = counters_->measure(measured_.counted_runs, [&] { timed_run(); });
  }

  const Options& options_;
  const std::atomic<bool>* stop_ = nullptr;
  std::optional<eval::Counters> counters_;
  std::optional<runtime::Session> session_;
  Measured measured_;
};

ExitCode bench(const Options& options) {
  Bench measurement(options);
  const Measured measured = measurement.measure();
  warn(measured.warnings);
  if (options.json) {
    print_json(options, measured);
  } else {
    print_text(options, measured);
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
  app.add_flag("--explain-each", options->explain_each,
               "the same, each step by itself, with the modelled time of every kernel that could "
               "run it (as --json has it)");
  app.add_flag("--counters", options->counters,
               "also count cycles, instructions, cache misses and energy of a run, where the "
               "machine lets one read them");
  app.add_flag("--json", options->json, "print one JSON object");
  app.footer(
      "Inputs are random numbers from a fixed seed. 'cold' is the first run after loading, "
      "'warm' are the runs after it; at least 10 are made. All times are wall time. Where "
      "sizes depend on data, whole runs are timed, and memory is the largest sum of the "
      "segments' arenas. Counters are those of this program in user mode, energy that of all "
      "processors. Ctrl-C ends early with what was measured (exit code 130).");
  return [options] {
    options->explain |= options->explain_each;
    return bench(*options);
  };
}

}  // namespace

const Command bench_command{"bench", "Measure how fast a model runs, and show why", declare};

}  // namespace strata::cli
