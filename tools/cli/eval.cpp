#include <CLI/CLI.hpp>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/cpu.hpp"
#include "strata/base/error.hpp"
#include "strata/data/npy.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/eval/evaluate_segments.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

// With fewer classes, being among the five best says nothing.
constexpr std::int64_t classes_for_top5 = 20;

struct Options {
  ModelOptions model;
  PlanOptions plan{.threads = 0};
  InputOptions input;
  std::string data;
  std::string output;
  std::string predictions;
  std::int64_t batch = 0;
  std::int64_t limit = 0;
  bool json = false;
};

std::vector<std::int64_t> chosen_items(const data::Dataset& dataset, std::int64_t limit) {
  std::vector<std::int64_t> items = eval::all_items(dataset);
  if (limit > 0 && std::size_t(limit) < items.size()) items.resize(std::size_t(limit));
  return items;
}

std::string interval_text(const data::Accuracy& accuracy) {
  const data::Interval interval = accuracy.interval();
  return fmt::format("{} ({} of {}), 95 % interval {} to {}",
                     report::format_percent(accuracy.value()),
                     report::format_count(accuracy.correct), report::format_count(accuracy.count),
                     report::format_percent(interval.low), report::format_percent(interval.high));
}

nlohmann::json to_json(const data::Accuracy& accuracy) {
  const data::Interval interval = accuracy.interval();
  return {{"correct", accuracy.correct},
          {"count", accuracy.count},
          {"accuracy", accuracy.value()},
          {"interval", {interval.low, interval.high}}};
}

void print_text(const Options& options, const data::Dataset& dataset,
                const eval::Evaluation& result, std::int64_t asked) {
  std::string text = report::printable(
      fmt::format("{} on {}, {}", options.model.path, options.data, dataset.description()));
  text += '\n';
  text += fmt::format("accuracy  {}\n", interval_text(result.accuracy()));
  if (result.classes >= classes_for_top5) {
    text += fmt::format("top 5     {}\n", interval_text(result.top_accuracy()));
  }
  if (!result.complete) {
    text += fmt::format("interrupted: this is what the first {} of {} items say\n",
                        report::format_count(std::int64_t(result.predictions.size())),
                        report::format_count(asked));
  }
  print(text);
}

std::string command_of(const Options& options) {
  CommandLine command("eval");
  options.model.add_to(command);
  command.option("--data", options.data);
  options.input.add_to(command);
  options.plan.add_to(command);
  if (options.batch) command.option("--batch", std::to_string(options.batch));
  if (options.limit) command.option("--limit", std::to_string(options.limit));
  command.option("--output", options.output);
  return command.text();
}

void print_json(const Options& options, const data::Dataset& dataset,
                const eval::Evaluation& result, std::span<const eval::Warning> warnings) {
  nlohmann::json document = to_json(result.accuracy());
  document["model"] = options.model.path;
  document["data"] = options.data;
  document["description"] = dataset.description();
  document["items"] = dataset.size();
  document["complete"] = result.complete;
  document["interrupted"] = !result.complete;
  document["command"] = command_of(options);
  document["warnings"] = describe(warnings);
  if (result.classes >= classes_for_top5) document["top5"] = to_json(result.top_accuracy());
  print_document(document);
}

ExitCode evaluate(const Options& options) {
  ir::Graph graph = options.model.load();
  const auto dataset =
      data::open_dataset(options.data, options.input.dataset(graph, options.model.path));
  if (!dataset->labelled()) {
    fail(ErrorCode::usage, "{} has no labels; give --labels", options.data);
  }
  runtime::SessionOptions session_options = options.plan.session();
  session_options.threads = 1;  // the workers are eval's
  const runtime::Session session(std::move(graph), session_options);
  std::vector<eval::Warning> warnings = eval::data_warnings(*dataset);

  const std::vector<std::int64_t> items = chosen_items(*dataset, options.limit);
  report::ProgressBar bar("evaluating", items.size());
  eval::EvalOptions eval_options;
  eval_options.threads = options.plan.threads;
  eval_options.batch = options.batch;
  eval_options.output = options.output;
  eval_options.memory_budget = session_options.memory_budget;
  eval_options.progress = [&](std::int64_t count) { bar.advance(std::uint64_t(count)); };
  eval_options.cancel = &watch_interrupts();
  const eval::Evaluation result =
      session.is_static()
          ? eval::evaluate(session.shared_program(), *dataset, items, eval_options)
          : eval::evaluate_segments(session, *dataset, items, eval_options);
  bar.finish();
  if (!options.predictions.empty()) {
    const Shape shape{std::int64_t(result.predictions.size())};
    data::write_npy(options.predictions, Tensor::from<std::int32_t>(shape, result.predictions));
  }
  if (const auto warning = eval::chance_warning(result.accuracy(), result.classes)) {
    warnings.push_back(*warning);
  }
  warn(warnings);
  if (options.json) {
    print_json(options, *dataset, result, warnings);
  } else {
    print_text(options, *dataset, result, std::int64_t(items.size()));
  }
  return result.complete ? success : interrupted;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, false);
  app.add_option("--data", options->data,
                 "labelled data: a sidecar (.toml) or a folder with a dataset.toml, an array "
                 "(.npy, with --labels), CIFAR-10 records (.bin), or pictures in a folder, tar or "
                 "zip (by class folders, or a csv with --labels)")
      ->type_name("PATH")
      ->required();
  add_input_options(app, options->input, true);
  add_plan_options(app, options->plan);
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
      "A prediction is the index of the largest score. The interval is Wilson's. Threads take\n"
      "items each on their own, with one thread for each item. docs/data.md says what data may\n"
      "look like. Ctrl-C ends early with what is done (exit code 130).");
  return [options] { return evaluate(*options); };
}

}  // namespace

const Command eval_command{"eval", "Measure a model's accuracy on labelled data", declare};

}  // namespace strata::cli
