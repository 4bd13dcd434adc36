#include <CLI/CLI.hpp>

#include <atomic>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/data/npy.hpp"
#include "strata/eval/agreement.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/eval/metric.hpp"
#include "strata/ir/grids.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/terminal.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

// With fewer classes, being among the five best says nothing.
constexpr std::int64_t classes_for_top5 = 20;
constexpr std::size_t label_width = 14;

struct Options {
  ModelOptions model;
  PlanOptions plan{.threads = 0};
  InputOptions input;
  std::string data;
  std::string output;
  std::string predictions;
  std::string truth;
  std::string reference;
  std::vector<std::string> metrics;
  std::int64_t batch = 0;
  std::int64_t limit = 0;
  bool json = false;
};

/// A model ready to be judged on its data.
struct Judged {
  std::unique_ptr<data::Dataset> dataset;
  std::optional<Grid> input_grid;
  std::vector<std::optional<Grid>> output_grids;
  std::optional<runtime::Session> session;
};

Judged open(const Options& options, const ModelOptions& model, const PlanOptions& plan) {
  Judged judged;
  formats::Model loaded = model.load_model();
  const ir::Graph& graph = loaded.graph;
  const data::DatasetOptions dataset_options = options.input.dataset(graph, model.path);
  judged.input_grid = dataset_options.grid;
  for (const ir::ValueId id : graph.outputs) {
    judged.output_grids.push_back(ir::grid_by_producer(graph, id));
  }
  judged.dataset = data::open_dataset(options.data, dataset_options);
  runtime::SessionOptions session_options = plan.session_for(loaded);
  session_options.threads = 1;  // the workers are eval's
  judged.session.emplace(std::move(loaded.graph), session_options);
  return judged;
}

std::vector<std::int64_t> chosen_items(const data::Dataset& dataset, std::int64_t limit) {
  std::vector<std::int64_t> items = eval::all_items(dataset);
  if (limit > 0 && std::size_t(limit) < items.size()) items.resize(std::size_t(limit));
  return items;
}

std::string interval_text(const data::Interval& interval) {
  return fmt::format("95 % interval {} to {}", report::format_percent(interval.low),
                     report::format_percent(interval.high));
}

std::string accuracy_text(const data::Accuracy& accuracy) {
  return fmt::format("{} ({} of {}), {}", report::format_percent(accuracy.value()),
                     report::format_count(accuracy.correct), report::format_count(accuracy.count),
                     interval_text(accuracy.interval()));
}

std::string figure_text(const eval::Figure& figure) {
  if (figure.counted) return accuracy_text(*figure.counted);
  std::string text = fmt::format("{} ({})", report::format_percent(figure.value), figure.basis);
  if (figure.interval) text += ", " + interval_text(*figure.interval);
  return text;
}

/// "label     text", the text wrapped.
std::string field(std::string_view label, std::string_view text) {
  const std::size_t width =
      report::is_terminal(stdout) ? report::terminal_width(stdout) : std::size_t(80);
  return fmt::format("{:<{}}{}\n", label, label_width, report::wrapped(text, width, label_width));
}

nlohmann::json to_json(const data::Accuracy& accuracy) {
  const data::Interval interval = accuracy.interval();
  return {{"correct", accuracy.correct},
          {"count", accuracy.count},
          {"accuracy", accuracy.value()},
          {"interval", {interval.low, interval.high}}};
}

nlohmann::json to_json(const eval::Figure& figure) {
  nlohmann::json document = {{"value", figure.value}, {"basis", figure.basis}};
  if (figure.interval) document["interval"] = {figure.interval->low, figure.interval->high};
  return document;
}

std::string command_of(const Options& options) {
  CommandLine command("eval");
  options.model.add_to(command);
  command.option("--data", options.data);
  options.input.add_to(command);
  options.plan.add_to(command);
  for (const std::string& metric : options.metrics) command.option("--metric", metric);
  command.option("--truth", options.truth);
  command.option("--reference", options.reference);
  if (options.batch) command.option("--batch", std::to_string(options.batch));
  if (options.limit) command.option("--limit", std::to_string(options.limit));
  command.option("--output", options.output);
  return command.text();
}

/// What JSON output has whatever was measured.
nlohmann::json document_of(const Options& options, const data::Dataset& dataset, bool complete,
                           std::span<const eval::Warning> warnings) {
  return {{"model", options.model.path},    {"data", options.data},
          {"items", dataset.size()},        {"description", dataset.description()},
          {"complete", complete},           {"interrupted", !complete},
          {"command", command_of(options)}, {"warnings", describe(warnings)}};
}

/// What all ways to judge begin and end with.
class Evaluation {
 public:
  Evaluation(const Options& options, const data::Dataset& dataset, std::uint64_t passes)
      : options_(options),
        dataset_(dataset),
        items_(chosen_items(dataset, options.limit)),
        bar_("evaluating", items_.size() * passes),
        warnings_(eval::data_warnings(dataset)) {
    eval_options_.threads = options.plan.threads.value_or(1);
    eval_options_.batch = options.batch;
    eval_options_.output = options.output;
    eval_options_.memory_budget = options.plan.session().memory_budget;
    eval_options_.progress = [this](std::int64_t count) { bar_.advance(std::uint64_t(count)); };
    eval_options_.cancel = &watch_interrupts();
  }

  const std::vector<std::int64_t>& items() const { return items_; }
  const eval::EvalOptions& eval_options() const { return eval_options_; }
  void warn_of(const std::optional<eval::Warning>& warning) {
    if (warning) warnings_.push_back(*warning);
  }

  /// Prints what was found in `finished` items: `fields` for people, `figures` for programs.
  ExitCode end(std::size_t finished, const std::string& fields, nlohmann::json figures) {
    const bool complete = finished == items_.size();
    bar_.finish();
    warn(warnings_);
    if (options_.json) {
      nlohmann::json document = document_of(options_, dataset_, complete, warnings_);
      document.update(figures);
      print_document(document);
      return complete ? success : interrupted;
    }
    std::string text = report::printable(
        fmt::format("{} on {}, {}", options_.model.path, options_.data, dataset_.description()));
    text += '\n' + fields;
    if (!complete) {
      text += fmt::format("interrupted: this is what the first {} of {} items say\n",
                          report::format_count(std::int64_t(finished)),
                          report::format_count(std::int64_t(items_.size())));
    }
    print(text);
    return complete ? success : interrupted;
  }

 private:
  const Options& options_;
  const data::Dataset& dataset_;
  std::vector<std::int64_t> items_;
  report::ProgressBar bar_;
  eval::EvalOptions eval_options_;
  std::vector<eval::Warning> warnings_;
};

ExitCode evaluate(const Options& options) {
  const Judged judged = open(options, options.model, options.plan);
  Evaluation evaluation(options, *judged.dataset, 1);
  const std::vector<std::int64_t>& items = evaluation.items();
  const eval::ItemRun run(*judged.session, *judged.dataset, evaluation.eval_options());
  const eval::MetricInputs inputs{.run = run,
                                  .indices = items,
                                  .output = run.find_output(options.output),
                                  .truth = options.truth,
                                  .input_grid = judged.input_grid,
                                  .output_grids = judged.output_grids};
  const bool usual = options.metrics.empty();
  std::vector<std::unique_ptr<eval::Metric>> metrics;
  for (const std::string& name :
       usual ? std::vector<std::string>{"top1", "top5"} : options.metrics) {
    metrics.push_back(eval::find_metric(name).make(inputs));
  }
  std::vector<std::int32_t> predictions(options.predictions.empty() ? 0 : items.size());
  std::atomic<std::int64_t> classes = 0;
  const std::size_t finished = run.run(items, [&](const eval::ItemResult& result) {
    for (const auto& metric : metrics) metric->judge(result);
    classes = result.output(inputs.output).elements();
    if (!predictions.empty()) {
      predictions[result.position] = data::argmax(result.values(inputs.output));
    }
  });
  if (!options.predictions.empty()) {
    predictions.resize(finished);
    const Shape shape{std::int64_t(finished)};
    data::write_npy(options.predictions, Tensor::from<std::int32_t>(shape, predictions));
  }

  std::string fields;
  nlohmann::json document = {{"metrics", nlohmann::json::object()}};
  for (const auto& metric : metrics) {
    for (const eval::Figure& figure : metric->figures(finished)) {
      if (usual && figure.key == "top5" && classes < classes_for_top5) continue;
      fields += field(figure.label, figure_text(figure));
      document["metrics"][figure.key] = to_json(figure);
      if (figure.key == "top1") {
        document.update(to_json(*figure.counted));
        evaluation.warn_of(eval::chance_warning(*figure.counted, classes));
      } else if (figure.key == "top5") {
        document["top5"] = to_json(*figure.counted);
      }
    }
  }
  return evaluation.end(finished, fields, std::move(document));
}

ExitCode compare_with_reference(const Options& options) {
  const Judged judged = open(options, options.model, options.plan);
  ModelOptions original = options.model;
  original.path = options.reference;
  PlanOptions exact = options.plan;
  exact.precision = "f32";
  const Judged reference = with_context([&] { return "reference " + options.reference; },
                                        [&] { return open(options, original, exact); });
  Evaluation evaluation(options, *judged.dataset, 2);
  const eval::ItemRun run(*judged.session, *judged.dataset, evaluation.eval_options());
  eval::EvalOptions reference_options = evaluation.eval_options();
  reference_options.batch = 0;
  const eval::ItemRun reference_run(*reference.session, *reference.dataset, reference_options);
  const std::size_t output = run.find_output(options.output);
  if (output >= reference_run.output_names().size()) {
    fail(ErrorCode::usage, "the reference has {} outputs; {} is number {} of the model",
         reference_run.output_names().size(), run.output_names()[output], output + 1);
  }
  const eval::Agreement result =
      eval::compare_outputs({reference_run, output, reference.output_grids[output]},
                            {run, output, judged.output_grids[output]}, evaluation.items());

  const double sqnr = result.sqnr_db();
  const std::string quality = std::isinf(sqnr) ? "exact" : fmt::format("{:.1f} dB", sqnr);
  std::string fields = field("agreement", accuracy_text(result.predictions));
  fields +=
      field("output error", fmt::format("{:.3g} of the reference's outputs (root of squares, {}); "
                                        "largest difference {:.3g}, largest value {:.3g}",
                                        result.relative_error, quality, result.largest_difference,
                                        result.largest_value));
  nlohmann::json document = {{"reference", options.reference},
                             {"agreement", to_json(result.predictions)},
                             {"output_error",
                              {{"relative", result.relative_error},
                               {"largest_difference", result.largest_difference},
                               {"largest_value", result.largest_value}}}};
  if (result.model) {
    const data::PairedDrop& drop = result.drop;
    fields += field("accuracy", accuracy_text(*result.model));
    fields += field("reference", accuracy_text(*result.reference));
    fields += field(
        "drop",
        fmt::format("{} points, 95 % interval {} to {} ({} lost, {} gained)",
                    report::format_points(drop.drop), report::format_points(drop.interval.low),
                    report::format_points(drop.interval.high), drop.lost, drop.gained));
    document.update(to_json(*result.model));
    document["reference_accuracy"] = to_json(*result.reference);
    document["drop"] = {{"value", drop.drop},
                        {"interval", {drop.interval.low, drop.interval.high}},
                        {"lost", drop.lost},
                        {"gained", drop.gained}};
  }
  return evaluation.end(std::size_t(result.predictions.count), fields, std::move(document));
}

ExitCode run_command(const Options& options) {
  if (!options.predictions.empty()) check_folder("--predictions", options.predictions);
  if (options.reference.empty()) return evaluate(options);
  if (!options.metrics.empty() || !options.predictions.empty() || !options.truth.empty()) {
    fail(ErrorCode::usage,
         "--reference compares outputs; --metric, --truth and --predictions judge one model");
  }
  return compare_with_reference(options);
}

std::string metric_names() {
  std::string text;
  for (const eval::MetricDef* metric : eval::all_metrics()) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", metric->name);
  }
  return text;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, false);
  app.add_option("--data", options->data,
                 "data: a sidecar (.toml) or a folder with a dataset.toml, an array (.npy, with "
                 "--labels), an idx file as of MNIST, CIFAR-10 records (.bin), or pictures or wav "
                 "clips in a folder, tar or zip (by class folders, or a csv with --labels)")
      ->type_name("PATH")
      ->required();
  add_input_options(app, options->input, true);
  add_plan_options(app, options->plan);
  app.get_option("--threads")
      ->description(
          "how many items are computed at the same time, by a thread each; 0: as many as this "
          "process may use (default)");
  app.add_option("--metric", options->metrics,
                 "what is measured, may be repeated: " + metric_names() +
                     " (default: top1, and top5 where there are many classes)")
      ->type_name("NAME")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--truth", options->truth,
                 "what is right where that is more than a class: masks for miou (a folder or "
                 "archive of pictures, or an .npy), boxes for map (a csv)")
      ->type_name("PATH");
  app.add_option("--reference", options->reference,
                 "compare with this model instead, usually the one that MODEL was made from: how "
                 "often both predict the same and how far outputs differ; data need no labels")
      ->type_name("MODEL");
  app.add_option("--batch", options->batch,
                 "items that run together, where the model leaves it open (default: 1); the result "
                 "does not depend on it")
      ->check(CLI::Range(std::int64_t(1), std::int64_t(65536)));
  app.add_option("--limit", options->limit, "only the first N items")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--output", options->output, "the output that is judged (default: the first)")
      ->type_name("NAME");
  app.add_option("--predictions", options->predictions,
                 "write the predicted class of each item to this .npy (i32)")
      ->type_name("FILE");
  app.add_flag("--json", options->json, "print one JSON object");
  app.footer(
      "A prediction is the index of the largest score. The interval is Wilson's. Threads take "
      "items each on their own, with one thread for each item. docs/data.md says what data may "
      "look like. Ctrl-C ends early with what is done (exit code 130).");
  return [options] { return run_command(*options); };
}

}  // namespace

const Command eval_command{"eval", "Measure how good a model is on data", declare};

}  // namespace strata::cli
