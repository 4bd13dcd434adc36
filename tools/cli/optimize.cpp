#include <CLI/CLI.hpp>

#include <charconv>
#include <memory>

#include "strata/base/error.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/text.hpp"
#include "strata/study/optimize.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
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

/// "1%" or "0.01".
double parse_fraction(std::string_view option, std::string_view text) {
  const bool percent = text.ends_with('%');
  const auto number = parse_number(percent ? text.substr(0, text.size() - 1) : text);
  const double fraction = number.value_or(-1) / (percent ? 100 : 1);
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

std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/%:@";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Everything that has an influence, defaults included.
std::string command_line(const Options& options) {
  std::string text = "strata optimize " + quoted(options.model.path);
  const auto add = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) text += fmt::format(" {} {}", option, quoted(value));
  };
  if (options.model.follow_links) text += " --follow-links";
  add("--data", options.data);
  add("--labels", options.input.labels);
  add("--preprocess", options.input.preprocess);
  for (const auto& [key, value] : options.input.image_keys) add("--" + key, value);
  add("--max-drop", options.max_drop);
  add("--time", options.time);
  add("--threads", std::to_string(options.job.threads));
  add("--seed", std::to_string(options.job.seed));
  add("--search-share", fmt::format("{}", options.job.search_share));
  add("--strategy", options.job.strategy);
  add("-o", options.job.output.string());
  add("--report", options.job.report.string());
  add("--front", options.job.front.string());
  return text;
}

/// Before the search, not after it: outputs can be written and do not overwrite each other.
void check_outputs(const study::OptimizeOptions& job) {
  const std::pair<const char*, std::filesystem::path> files[] = {
      {"MODEL", job.model}, {"-o", job.output}, {"--report", job.report}, {"--front", job.front}};
  std::error_code ignored;
  for (std::size_t i = 1; i < std::size(files); ++i) {
    const auto& [option, path] = files[i];
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    if (!std::filesystem::is_directory(folder, ignored)) {
      fail(ErrorCode::usage, "{}: there is no folder {}", option, folder.string());
    }
    if (std::filesystem::is_directory(path, ignored)) {
      fail(ErrorCode::usage, "{}: {} is a folder, a file expected", option, path.string());
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (std::filesystem::weakly_canonical(path, ignored) ==
          std::filesystem::weakly_canonical(files[j].second, ignored)) {
        fail(ErrorCode::usage, "{} and {} are the same file, {}", files[j].first, option,
             path.string());
      }
    }
  }
}

/// Fills in what follows from other options.
void resolve(Options& options) {
  study::OptimizeOptions& job = options.job;
  job.model = options.model.path;
  job.max_drop = parse_fraction("--max-drop", options.max_drop);
  job.time_s = parse_time("--time", options.time);
  job.threads = options.threads ? options.threads : usable_threads();
  job.output = options.output.empty()
                   ? std::filesystem::path(job.model.stem().string() + ".optimized.onnx")
                   : std::filesystem::path(options.output);
  const auto beside = [&](const std::string& given, const char* ending) {
    if (!given.empty()) return std::filesystem::path(given);
    return job.output.parent_path() / (job.output.stem().string() + ending);
  };
  job.report = beside(options.report, ".html");
  job.front = beside(options.front, ".front.json");
  job.command = command_line(options);
  check_outputs(job);
}

/// Columns of the lines that tell of the front while it grows.
constexpr const char* live_format = "{:>8}  {:<52.52}  {:>9}  {:>8}  {:>12}";

std::string live_line(const study::Candidate& candidate) {
  const study::Measured& measured = candidate.measured;
  return fmt::format(fmt::runtime(live_format), format_seconds(candidate.at_s),
                     report::printable(candidate.name), format_percent(measured.accuracy()),
                     format_ratio(measured.ratio.median), format_count(measured.file_bytes));
}

/// What the user sees while the search runs, on stderr.
class Watcher {
 public:
  study::OptimizeObserver observer() {
    study::OptimizeObserver observer;
    observer.started = [this](const study::OptimizeStart& start) {
      say(
          fmt::format("{} layers with weights; {} records to search with, {} held out for the "
                      "verdict{}",
                      start.layers, format_count(std::int64_t(start.search_records)),
                      format_count(std::int64_t(start.verdict_records)),
                      start.unused_records
                          ? fmt::format(", {} left out to keep to the time", start.unused_records)
                          : ""));
    };
    observer.search.planned = [this](const study::SearchEstimate& estimate) {
      say(fmt::format(
          "{} search: up to {} candidates, about {} without a limit; Ctrl-C ends it and "
          "delivers the best so far",
          estimate.strategy, format_count(std::int64_t(estimate.candidates)),
          format_seconds(estimate.seconds)));
      say("New on the Pareto front (latency relative to the model as given):");
      say(fmt::format(fmt::runtime(live_format), "at", "candidate", "accuracy", "latency",
                      "file bytes"));
      if (default_) say(live_line(*default_));
      bar_ = std::make_unique<report::ProgressBar>("searching", estimate.candidates);
    };
    observer.search.measured = [this](const study::Candidate& candidate, bool on_front) {
      if (bar_) bar_->advance();
      if (!bar_) {
        default_ = candidate;
      } else if (on_front) {
        say(live_line(candidate));
      }
    };
    return observer;
  }
  void finish() {
    if (bar_) bar_->finish();
  }

 private:
  void say(const std::string& line) {
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
  report::Table table({{"candidate", "", report::Align::left, true},
                       {"accuracy", ""},
                       {"latency", "× float"},
                       {"latency", ""},
                       {"file", "bytes"},
                       {"memory", "bytes"},
                       {"", "", report::Align::left}});
  const auto add = [&](const study::Candidate& c) {
    const bool is_chosen = c.id == outcome.search.chosen;
    const auto style = is_chosen ? report::Style::bold : report::Style::plain;
    table.add_row({{c.name, style},
                   {format_percent(c.measured.accuracy()), style},
                   {fmt::format("{:.3f}", c.measured.ratio.median), style},
                   {format_seconds(c.measured.latency.median), style},
                   {format_count(c.measured.file_bytes), style},
                   {format_count(c.measured.peak_bytes), style},
                   {is_chosen            ? "chosen"
                    : c.rejected.empty() ? ""
                                         : "beyond the limits",
                    style}});
  };
  add(outcome.original());
  table.add_rule();
  for (const int id : outcome.search.front) {
    if (id != 0) add(outcome.search.candidates[std::size_t(id)]);
  }
  print(table);
}

std::string ended_text(const study::OptimizeOutcome& outcome) {
  const char* how = outcome.search.ended == study::Ended::complete ? "complete"
                    : outcome.search.ended == study::Ended::time   ? "ended by the time limit"
                                                                   : "interrupted";
  return fmt::format("{} candidates in {}, {}", outcome.search.candidates.size(),
                     format_seconds(outcome.search.elapsed_s), how);
}

void print_outcome(const study::OptimizeOptions& job, const study::OptimizeOutcome& outcome) {
  const study::Candidate& chosen = outcome.chosen();
  const study::Verdict& verdict = outcome.verdict;
  const data::PairedDrop& drop = verdict.drop;
  std::string text = fmt::format("\nchosen    {}\n", report::printable(chosen.name));
  text += fmt::format("why       {}\n", outcome.search.reason);
  text += fmt::format("verdict   on {} held-out records: accuracy {}, it was {}\n",
                      format_count(drop.count), format_percent(verdict.chosen.value()),
                      format_percent(verdict.original.value()));
  text += fmt::format(
      "          drop {} points, 95 % interval {} to {} ({} lost, {} gained); {} of predictions "
      "agree\n",
      report::format_points(drop.drop), report::format_points(drop.interval.low),
      report::format_points(drop.interval.high), drop.lost, drop.gained,
      format_percent(verdict.agreement));
  text +=
      fmt::format("file      {} bytes, {} of {}\n", format_count(chosen.measured.file_bytes),
                  format_ratio(double(chosen.measured.file_bytes) / double(outcome.original_bytes)),
                  format_count(outcome.original_bytes));
  text += fmt::format(
      "written   {}\n          {}\n          {}\n", report::printable(job.output.string()),
      report::printable(job.report.string()), report::printable(job.front.string()));
  print(text);
  if (outcome.holds) return;
  fmt::print(stderr,
             "strata: {}: on the held-out records the accuracy falls by {} points, more than the "
             "limit of {}\n",
             report::paint("warning", report::Style::yellow, report::use_colour(stderr)),
             report::format_points(drop.drop), report::format_points(job.max_drop));
}

void optimize(Options& options) {
  resolve(options);
  ir::Graph graph = options.model.load();
  const auto dataset =
      data::open_dataset(options.data, options.input.dataset(graph, options.model.path));
  options.job.data_name = fmt::format("{} ({})", options.data, dataset->description());
  fmt::print(stderr, "{}, {}; {}\n", report::printable(options.model.path),
             format_bytes(double(std::filesystem::file_size(options.model.path))),
             report::printable(dataset->description()));
  const std::atomic<bool>& interrupted = watch_interrupts();
  Watcher watcher;
  const study::OptimizeOutcome outcome = study::optimize_model(
      options.job, std::move(graph), *dataset, [&] { return interrupted.load(); },
      watcher.observer());
  watcher.finish();
  print(fmt::format("Pareto front: {}\n", ended_text(outcome)));
  print_front(outcome);
  print_outcome(options.job, outcome);
}

std::function<void()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  study::OptimizeOptions& job = options->job;
  app.add_option("MODEL", options->model.path, "model file: ONNX, or Strata's text form")
      ->required();
  app.add_flag("--follow-links", options->model.follow_links,
               "let symbolic links to external weights lead out of the model's folder");
  app.add_option("--data", options->data, "labelled data, of any kind that 'strata eval' takes")
      ->type_name("PATH")
      ->required();
  add_input_options(app, options->input, true);
  app.add_option("--max-drop", options->max_drop,
                 "most accuracy to lose on the search records, as 1% or 0.01")
      ->capture_default_str()
      ->type_name("DROP");
  app.add_option("--time", options->time, "limit for the search, as 90s, 5m or 1h; none: no limit")
      ->capture_default_str()
      ->type_name("TIME");
  app.add_option("-o,--output", options->output,
                 "the optimised model (default: MODEL's name with .optimized.onnx, here)")
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
      "Tries encodings of each layer's weights, kernels, fusion and threads, and measures each\n"
      "version's accuracy, latency, file and memory on this machine. Takes the smallest file that\n"
      "keeps the accuracy and is not slower. docs/optimize.md explains how it judges.");
  return [options] { optimize(*options); };
}

}  // namespace

const Command optimize_command{
    "optimize", "Find the smallest version of a model that keeps its accuracy and speed", declare};

}  // namespace strata::cli
