#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "strata/base/error.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/terminal.hpp"
#include "strata/report/text.hpp"
#include "strata/study/optimize.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/losses.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using report::format_bytes;
using report::format_count;
using report::format_percent;
using report::format_ratio;
using report::format_seconds;

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string data;
  std::string max_drop = "1%";
  std::string time = "1m";
  std::string memory_budget;
  std::string output;
  std::string report;
  std::string front;
  int threads = 0;
  study::OptimizeOptions job;
};

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return {};
  return value;
}

/// "1%", or the fraction "0.01". A bare number from 0.1 on could be either: 0.5 would be read as a
/// half percent by some and as 50 points by others.
double parse_drop(std::string_view option, std::string_view text) {
  constexpr double ambiguous = 0.1;
  const bool percent = text.ends_with('%');
  const std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
  const auto number = parse_number(digits);
  const double fraction = number.value_or(-1) / (percent ? 100 : 1);
  if (!percent && fraction >= ambiguous && std::isfinite(fraction)) {
    fail(ErrorCode::usage,
         "{}: '{}' given; write {}% to allow a drop of {} points (fractions are accepted below {})",
         option, text, digits, digits, ambiguous);
  }
  if (!(fraction >= 0 && fraction < 1)) {
    fail(ErrorCode::usage,
         "{}: '{}' given, a percentage such as 1% or a fraction such as 0.01 expected", option,
         text);
  }
  return fraction;
}

/// "90", "90s", "5m", "1h"; "none" gives nothing.
std::optional<double> parse_time(std::string_view option, std::string_view text) {
  if (text == "none") return std::nullopt;
  constexpr std::pair<char, double> units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
  std::string_view digits = text;
  double factor = 1;
  for (const auto& [unit, seconds] : units) {
    if (!text.ends_with(unit)) continue;
    factor = seconds;
    digits.remove_suffix(1);
  }
  const auto number = parse_number(digits);
  if (!number || !(*number > 0)) {
    fail(ErrorCode::usage, "{}: '{}' given, a time such as 90s, 5m or 1h, or none, expected",
         option, text);
  }
  return *number * factor;
}

/// Everything that has an influence, defaults included.
std::string command_of(const Options& options) {
  CommandLine command("optimize");
  options.model.add_to(command);
  command.option("--data", options.data);
  options.input.add_to(command);
  command.option("--max-drop", options.max_drop);
  command.option("--time", options.time);
  command.option("--memory-budget", options.memory_budget);
  command.option("--threads", std::to_string(options.job.threads));
  command.option("--seed", std::to_string(options.job.seed));
  command.option("--search-share", fmt::format("{}", options.job.search_share));
  command.option("--strategy", options.job.strategy);
  command.option("-o", options.job.output.string());
  command.option("--report", options.job.report.string());
  command.option("--front", options.job.front.string());
  return command.text();
}

/// Before the search, not after it: outputs can be written and do not overwrite each other.
void check_outputs(const study::OptimizeOptions& job) {
  const std::pair<const char*, std::filesystem::path> files[] = {
      {"MODEL", job.model}, {"-o", job.output}, {"--report", job.report}, {"--front", job.front}};
  for (std::size_t i = 1; i < std::size(files); ++i) {
    const auto& [option, path] = files[i];
    check_folder(option, path);
    for (std::size_t j = 0; j < i; ++j) {
      if (same_file(path, files[j].second)) {
        fail(ErrorCode::usage, "{} and {} are the same file, {}", files[j].first, option,
             path.string());
      }
    }
  }
  const auto format = formats::format_named(job.output.string());
  if (!format || format == formats::Format::text) {
    fail(ErrorCode::usage, "-o {}: the name tells the format; accepted: *{}, *{}, *{}",
         job.output.string(), formats::onnx_suffix, formats::tflite_suffix,
         formats::container_suffix);
  }
}

/// In the model's own format, as far as it is one that is written.
std::filesystem::path default_output(const std::filesystem::path& model) {
  const auto format = formats::format_named(model.string());
  const std::string_view suffix = format == formats::Format::tflite      ? formats::tflite_suffix
                                  : format == formats::Format::container ? formats::container_suffix
                                                                         : formats::onnx_suffix;
  return model.stem().string() + ".optimized" + std::string(suffix);
}

/// Fills in what follows from other options.
void resolve(Options& options) {
  study::OptimizeOptions& job = options.job;
  job.model = options.model.path;
  job.max_drop = parse_drop("--max-drop", options.max_drop);
  if (!options.memory_budget.empty()) {
    job.memory_budget = parse_size("--memory-budget", options.memory_budget);
  }
  job.time_s = parse_time("--time", options.time);
  job.threads = options.threads ? options.threads : usable_threads();
  job.output =
      options.output.empty() ? default_output(job.model) : std::filesystem::path(options.output);
  const auto beside = [&](const std::string& given, const char* ending) {
    if (!given.empty()) return std::filesystem::path(given);
    return job.output.parent_path() / (job.output.stem().string() + ending);
  };
  job.report = beside(options.report, ".html");
  job.front = beside(options.front, ".front.json");
  job.command = command_of(options);
  check_outputs(job);
}

/// Columns that fit where nothing says how many there are.
constexpr std::size_t usual_width = 80;
constexpr std::size_t label_width = 10;

std::size_t width_of(std::FILE* stream) {
  return report::is_terminal(stream) ? report::terminal_width(stream) : usual_width;
}

/// "label     text", the text wrapped.
std::string field(std::string_view label, std::string_view text, std::FILE* stream = stdout) {
  return fmt::format("{:<{}}{}\n", label, label_width,
                     report::wrapped(text, width_of(stream), label_width));
}

/// One of the lines that tell of the front while it grows.
std::string live_line(std::string_view at, std::string_view name, std::string_view accuracy,
                      std::string_view latency, std::string_view file) {
  constexpr std::size_t others = 41, narrowest = 16, widest = 60;
  const std::size_t width =
      std::clamp(width_of(stderr) - std::min(width_of(stderr), others), narrowest, widest);
  const std::string shown = report::shortened(report::printable(name), width);
  return fmt::format("{:>8}  {}{}  {:>8}  {:>7}  {:>8}", at, shown,
                     std::string(width - report::display_width(shown), ' '), accuracy, latency,
                     file);
}

std::string live_line(const study::Candidate& candidate) {
  const study::Measured& measured = candidate.measured;
  return live_line(
      format_seconds(candidate.at_s), candidate.name, format_percent(measured.accuracy()),
      fmt::format("{:.3f}", measured.ratio.median), format_bytes(double(measured.file_bytes)));
}

/// What the user sees while the search runs, on stderr.
class Watcher {
 public:
  study::OptimizeObserver observer() {
    study::OptimizeObserver observer;
    observer.started = [this](const study::OptimizeStart& start) { tell_start(start); };
    observer.warned = [](const eval::Warning& warning) { warn(warning.text); };
    observer.search.stage = [this](std::string_view what) { say(std::string(what)); };
    observer.search.planned = [this](const study::SearchEstimate& estimate) { begin(estimate); };
    observer.search.measured = [this](const study::Candidate& candidate, bool on_front) {
      if (bar_) bar_->advance();
      if (!bar_) {
        default_ = candidate;
      } else if (on_front) {
        show(live_line(candidate));
      }
    };
    observer.search.confirming = [this](const study::Candidate& candidate) {
      finish();
      say("confirming " + report::printable(candidate.name));
    };
    observer.judging = [this](std::size_t records) {
      finish();
      say(fmt::format("judging on {} held-out records", format_count(std::int64_t(records))));
    };
    return observer;
  }
  void finish() {
    if (bar_) bar_->finish();
  }
  /// From any thread.
  void tell_interrupt() {
    say("interrupted: ending within seconds with what is known by now; Ctrl-C again ends at once, "
        "without a result");
  }

 private:
  static std::string layers_text(std::size_t count) {
    if (count == 0) return "no layer has float weights, so only how it runs is varied";
    return fmt::format("{} layer{} with float weights", count, count == 1 ? "" : "s");
  }

  void tell_start(const study::OptimizeStart& start) {
    say(fmt::format("{}; {} records to search with, {} for the verdict{}",
                    layers_text(start.layers), format_count(std::int64_t(start.search_records)),
                    format_count(std::int64_t(start.verdict_records)),
                    start.unused_records
                        ? fmt::format(", {} left out to keep to the time", start.unused_records)
                        : ""));
  }

  void begin(const study::SearchEstimate& estimate) {
    say(
        fmt::format("{} search: up to {} candidates, about {} without a limit; Ctrl-C ends it and "
                    "delivers what is known by then",
                    estimate.strategy, format_count(std::int64_t(estimate.candidates)),
                    format_seconds(estimate.seconds)));
    show("");
    show(live_line("at", "new on the Pareto front", "accuracy", "× given", "file"));
    if (default_) show(live_line(*default_));
    bar_ = std::make_unique<report::ProgressBar>("searching", estimate.candidates);
  }

  void say(const std::string& text) { show(report::wrapped(text, width_of(stderr), 0)); }

  void show(const std::string& line) {
    if (bar_) {
      bar_->print(line);
    } else {
      fmt::print(stderr, "{}\n", line);
    }
  }

  std::unique_ptr<report::ProgressBar> bar_;
  std::optional<study::Candidate> default_;
};

void print_front(const study::OptimizeOutcome& outcome) {
  report::Table table({{"candidate", "", report::Align::left, true, 16, true},
                       {"accuracy"},
                       {"× given"},
                       {"latency"},
                       {"file"},
                       {"memory"},
                       {"", "", report::Align::left}});
  const auto add = [&](const study::Candidate& c) {
    const bool is_chosen = c.id == outcome.search.chosen;
    const auto style = is_chosen ? report::Style::bold : report::Style::plain;
    table.add_row({{c.name, style},
                   {format_percent(c.measured.accuracy()), style},
                   {fmt::format("{:.3f}", c.measured.ratio.median), style},
                   {format_seconds(c.measured.latency.median), style},
                   {format_bytes(double(c.measured.file_bytes)), style},
                   {format_bytes(double(c.measured.peak_bytes)), style},
                   {is_chosen            ? "chosen"
                    : c.rejected.empty() ? ""
                                         : "beyond",
                    style}});
  };
  add(outcome.original());
  table.add_rule();
  bool beyond = !outcome.original().rejected.empty();
  std::vector<int> shown = outcome.search.front;
  const bool on_front = std::ranges::count(shown, outcome.search.chosen) != 0;
  if (!on_front) shown.push_back(outcome.search.chosen);
  for (const int id : shown) {
    const study::Candidate& candidate = outcome.search.candidates[std::size_t(id)];
    if (id != 0) add(candidate);
    beyond |= id != outcome.search.chosen && !candidate.rejected.empty();
  }
  print(table, usual_width);
  if (beyond) print("beyond: not within the limits\n");
  if (!on_front && outcome.search.chosen != 0) {
    print_wrapped(
        "The chosen one lies beside the front: what beats it there does so by less than "
        "measurements can tell.\n");
  }
}

std::string ended_text(const study::OptimizeOutcome& outcome) {
  const char* how = outcome.search.ended == study::Ended::complete ? "complete"
                    : outcome.search.ended == study::Ended::time   ? "ended by the time limit"
                                                                   : "interrupted";
  const std::size_t count = outcome.search.candidates.size();
  return fmt::format("{} candidate{} in {}, {}", count, count == 1 ? "" : "s",
                     format_seconds(outcome.search.elapsed_s), how);
}

std::string verdict_text(const study::OptimizeOptions& job, const study::OptimizeOutcome& outcome) {
  const study::Verdict& verdict = outcome.verdict;
  const data::PairedDrop& drop = verdict.drop;
  const bool labelled = outcome.measure == "top-1";
  std::string text = field(
      "verdict",
      fmt::format("{} of {} held-out records {}{}", format_percent(verdict.chosen.value()),
                  format_count(drop.count),
                  labelled ? "right, it was " + format_percent(verdict.original.value())
                           : "predicted like the original",
                  verdict.complete
                      ? ""
                      : fmt::format("; ended before all {} were judged",
                                    format_count(std::int64_t(outcome.records.verdict_records)))));
  text += field("drop", fmt::format("{} points, 95 % interval {} to {} ({} lost, {} gained); {} of "
                                    "predictions agree",
                                    report::format_points(drop.drop),
                                    report::format_points(drop.interval.low),
                                    report::format_points(drop.interval.high), drop.lost,
                                    drop.gained, format_percent(verdict.agreement)));
  if (outcome.holds && outcome.search.chosen != 0 && drop.interval.high > job.max_drop) {
    text += field("", fmt::format("within the limit of {:.2f} points, though not beyond doubt: the "
                                  "interval reaches further",
                                  100 * job.max_drop));
  }
  return text;
}

void print_outcome(const study::OptimizeOptions& job, const study::OptimizeOutcome& outcome) {
  const study::Candidate& chosen = outcome.chosen();
  const study::Measured& measured = chosen.measured;
  std::string text = "\n" + field("chosen", report::printable(chosen.name));
  text += field("why", report::printable(outcome.search.reason));
  text += verdict_text(job, outcome);
  // The model as given may have become a file of another format.
  const auto bytes = double(std::filesystem::file_size(job.output));
  text += field("file", fmt::format("{}, {} of {}", format_bytes(bytes),
                                    format_ratio(bytes / double(outcome.original_bytes)),
                                    format_bytes(double(outcome.original_bytes))));
  text += field("latency",
                fmt::format("{}, {} of the model as given", format_seconds(measured.latency.median),
                            study::describe_ratio(measured.ratio, {})));
  text += field("memory", format_bytes(double(measured.peak_bytes)));
  std::string_view label = "written";
  for (const auto& path : {job.output, job.report, job.front}) {
    text += field(label, report::printable(path.string()));
    label = "";
  }
  print(text);
  if (outcome.holds) return;
  warn(
      fmt::format("on the held-out records the accuracy falls by {} points, more than the limit "
                  "of {:.2f}",
                  report::format_points(outcome.verdict.drop.drop), 100 * job.max_drop));
}

void tell_what_was_understood(const Options& options, const data::Dataset& dataset) {
  const study::OptimizeOptions& job = options.job;
  fmt::print(stderr, "{}, {}; {}\n", report::printable(options.model.path),
             format_bytes(double(std::filesystem::file_size(options.model.path))),
             report::printable(dataset.description()));
  if (!dataset.labelled()) {
    fmt::print(stderr, "the data have no labels: what counts as right is what {} predicts\n",
               report::printable(options.model.path));
  }
  fmt::print(stderr, "limits: {} may fall by {:.2f} points at most; {}{}\n",
             dataset.labelled() ? "accuracy" : "agreement", 100 * job.max_drop,
             job.time_s ? "done within " + format_seconds(*job.time_s) : "no time limit",
             job.memory_budget
                 ? fmt::format("; memory within {}", format_bytes(double(*job.memory_budget)))
                 : "");
}

ExitCode optimize(Options& options) {
  resolve(options);
  ir::Graph graph = options.model.load();
  tell_losses(graph, *formats::format_named(options.job.output.string()));
  const auto dataset =
      data::open_dataset(options.data, options.input.dataset(graph, options.model.path));
  options.job.data_name = fmt::format("{} ({})", options.data, dataset->description());
  tell_what_was_understood(options, *dataset);
  const std::atomic<bool>& stop = watch_interrupts();
  Watcher watcher;
  std::atomic<bool> told = false;
  const auto is_interrupted = [&] {
    if (stop && !told.exchange(true)) watcher.tell_interrupt();
    return stop.load();
  };
  const study::OptimizeOutcome outcome = study::optimize_model(
      options.job, std::move(graph), *dataset, is_interrupted, watcher.observer());
  watcher.finish();
  if (!outcome.delivered()) {
    warn("interrupted before the model as given was measured: nothing was written");
    return interrupted;
  }
  print(fmt::format("\nPareto front: {}\n\n", ended_text(outcome)));
  print_front(outcome);
  print_outcome(options.job, outcome);
  return success;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.verify = true;
  study::OptimizeOptions& job = options->job;
  app.add_option("MODEL", options->model.path,
                 "model file: ONNX, TensorFlow Lite, or Strata's container or text form")
      ->required();
  app.add_flag("--follow-links", options->model.follow_links,
               "let symbolic links to external weights lead out of the model's folder");
  app.add_option("--data", options->data,
                 "data, of any kind that 'strata eval' takes; without labels, agreement with "
                 "MODEL is what must not fall")
      ->type_name("PATH")
      ->required();
  add_input_options(app, options->input, true);
  app.add_option("--max-drop", options->max_drop,
                 "most accuracy to lose, in points of accuracy: 1% is from 90 % to 89 % at worst; "
                 "bare fractions are accepted below 0.1 (0.01 is 1%)")
      ->capture_default_str()
      ->type_name("DROP");
  app.add_option("--time", options->time,
                 "limit for everything, the verdict included, as 90s, 5m or 1h; none: no limit")
      ->capture_default_str()
      ->type_name("TIME");
  app.add_option("--memory-budget", options->memory_budget,
                 "most bytes for activations and scratch, such as 64K or 1M; versions that need "
                 "more are refused")
      ->type_name("SIZE");
  app.add_option("-o,--output", options->output,
                 "the optimised model: *.onnx, *.tflite, or *.strata for Strata's container, which "
                 "has every "
                 "encoding (default: MODEL's name with .optimized and its format, here)")
      ->type_name("FILE");
  app.add_option("--report", options->report, "the HTML report (default: beside the output)")
      ->type_name("FILE");
  app.add_option("--front", options->front, "the Pareto front as JSON (default: beside the output)")
      ->type_name("FILE");
  app.add_option("--threads", options->threads,
                 "most threads for one inference; 0: all that this process may use")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  app.add_option("--seed", job.seed, "splits the data into search and verdict records")
      ->capture_default_str();
  app.add_option("--search-share", job.search_share,
                 "share of the records to search with; the others give the verdict")
      ->capture_default_str();
  app.add_option("--strategy", job.strategy,
                 "staged, exhaustive, or auto: exhaustive where the time suffices")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "staged", "exhaustive"}));
  app.footer(
      "Tries encodings of each layer's weights, kernels, passes, precision and threads, and "
      "measures each version's accuracy, latency, file and memory on this machine. "
      "Takes what has the least bytes times time, keeps the accuracy and is not slower, see "
      "docs/optimize.md. Ctrl-C ends the search and delivers, within seconds, the best "
      "version that was confirmed (exit code 0), or nothing where not even the model as "
      "given was measured (130). Exit code 2 if no version fits the memory budget.");
  return [options] { return optimize(*options); };
}

}  // namespace

const Command optimize_command{
    "optimize", "Find a smaller, faster version of a model that keeps its accuracy", declare};

}  // namespace strata::cli
