#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include "strata/base/error.hpp"
#include "strata/data/metrics.hpp"
#include "strata/data/npy.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/run_inputs.hpp"

namespace strata::cli {
namespace {

constexpr int default_top = 5;

struct Options {
  ModelOptions model;
  PlanOptions plan;
  InputOptions input;
  std::vector<std::string> files;
  std::string output;
  int top = 0;  // 0: where the classes have names
};

/// Name, type and a few figures, for tensors of any size.
std::string summary(const std::string& name, const Tensor& tensor) {
  std::string text = report::printable(name);
  text += fmt::format(" {}{}", to_string(tensor.dtype()), to_string(tensor.shape()));
  const std::vector<float> values = tensor.to_float();
  if (values.empty()) return text + "\n";
  double sum = 0;
  for (const float value : values) sum += value;
  const auto [low, high] = std::ranges::minmax(values);
  text +=
      fmt::format("  min {:.6g}  mean {:.6g}  max {:.6g}", low, sum / double(values.size()), high);
  const auto wrong =
      std::ranges::count_if(values, [](float value) { return !std::isfinite(value); });
  if (wrong > 0) text += fmt::format("  ({} not finite)", wrong);
  text += "\n ";
  constexpr std::size_t shown = 8;
  for (std::size_t i = 0; i < std::min(shown, values.size()); ++i) {
    text += fmt::format(" {:.6g}", values[i]);
  }
  return text + (values.size() > shown ? " ...\n" : "\n");
}

report::Table top_table(std::span<const float> values, const std::vector<std::string>& names,
                        int top) {
  report::Table table({{"rank"}, {"score"}, {"class"}, {"name", "", report::Align::left}});
  int rank = 0;
  for (const std::int32_t label : data::top_k(values, std::size_t(top))) {
    table.add_row({std::to_string(++rank), fmt::format("{:.5g}", values[std::size_t(label)]),
                   std::to_string(label), names.empty() ? "" : data::class_name(names, label)});
  }
  return table;
}

/// The best of each row of scores.
void show_top(const Tensor& scores, const std::vector<std::string>& names, int top) {
  const std::vector<float> values = scores.to_float();
  const std::int64_t rows = scores.shape().rank() > 1 ? scores.shape()[0] : 1;
  const auto classes = std::size_t(scores.elements() / std::max<std::int64_t>(rows, 1));
  if (std::ranges::any_of(values, [](float value) { return std::isnan(value); })) {
    print("some scores are not numbers (NaN); they come first here\n");
  }
  for (std::size_t row = 0; row * classes < values.size(); ++row) {
    if (values.size() > classes) print(fmt::format("{}row {}\n", row > 0 ? "\n" : "", row));
    print(top_table(std::span(values).subspan(row * classes, classes), names, top));
  }
}

void show(const Options& options, const runtime::Session& session, const RunInputs& run,
          const std::vector<Tensor>& outputs, const std::vector<std::string>& names) {
  if (!run.title.empty()) print(report::printable(run.title) + "\n");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool named = !names.empty() && outputs[i].elements() == std::int64_t(names.size());
    if (i == 0 && (named || options.top > 0) && outputs[i].elements() > 0) {
      show_top(outputs[i], named ? names : std::vector<std::string>{},
               options.top > 0 ? options.top : default_top);
    } else {
      print(summary(session.output_names()[i], outputs[i]));
    }
  }
}

/// Before anything runs: the file's name says what is written.
void check_output(const std::string& file, std::size_t runs, std::size_t outputs) {
  if (runs != 1) fail(ErrorCode::usage, "--output: {} runs, one expected", runs);
  if (file.ends_with(".npz") || (file.ends_with(".npy") && outputs == 1)) return;
  fail(ErrorCode::usage,
       "--output {}: a name that ends in .npz expected{}; the model gives {} output{}", file,
       outputs == 1 ? ", or in .npy" : " (.npy holds one array)", outputs, outputs == 1 ? "" : "s");
}

void write(const std::string& file, const std::vector<std::string>& names,
           const std::vector<Tensor>& outputs) {
  if (file.ends_with(".npy")) {
    data::write_npy(file, outputs[0]);
    return;
  }
  std::vector<data::NamedTensor> arrays;
  for (std::size_t k = 0; k < outputs.size(); ++k) arrays.push_back({names[k], outputs[k]});
  data::write_npz(file, arrays);
}

void run_model(const Options& options) {
  ir::Graph graph = options.model.load();
  const std::vector<RunInputs> runs =
      read_run_inputs(options.files, graph, options.model.path, options.input);
  if (!options.output.empty()) check_output(options.output, runs.size(), graph.outputs.size());
  data::DatasetOptions sidecars;
  sidecars.preprocess = options.input.preprocess;
  sidecars.model = options.model.path;
  const std::vector<std::string> names = data::find_class_names(sidecars);
  runtime::Session session(std::move(graph), options.plan.session());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::vector<Tensor> outputs =
        with_context([&] { return runs[i].title.empty() ? std::string("running") : runs[i].title; },
                     [&] { return session.run(runs[i].tensors); });
    if (i > 0) print("\n");
    show(options, session, runs[i], outputs, names);
    if (!options.output.empty()) write(options.output, session.output_names(), outputs);
  }
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, false);
  app.add_option("INPUT", options->files,
                 "input files: .npy, .npz, .png, .jpg or .bmp. A model with one input runs once "
                 "for each; for one with several, give NAME=FILE for each input, or an .npz")
      ->type_name("FILE");
  add_input_options(app, options->input, false);
  add_plan_options(app, options->plan);
  app.add_option("--top", options->top,
                 "show the K best scores of the first output (default: 5 where the sidecar names "
                 "the classes)")
      ->type_name("K")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--output", options->output, "write all outputs to this .npz; one also to an .npy")
      ->type_name("FILE");
  app.footer(
      "Arrays go in as they are: float types are converted, and a missing batch axis is added. "
      "Pictures are prepared as docs/data.md says.");
  return [options] {
    run_model(*options);
    return success;
  };
}

}  // namespace

const Command run_command{"run", "Run a model on arrays or pictures", declare};

}  // namespace strata::cli
