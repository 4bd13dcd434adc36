#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/metrics.hpp"
#include "strata/data/npy.hpp"
#include "strata/data/sidecar.hpp"
#include "strata/ir/grids.hpp"
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
  std::string classes;
  int top = 0;  // 0: where the classes have names
};

/// An output of the model: its name, and what its integers stand for, where they do.
struct Port {
  std::string name;
  std::optional<Grid> grid;
};

/// The numbers that the elements stand for.
std::vector<float> values_of(const Tensor& tensor, const std::optional<Grid>& grid) {
  if (!grid) return tensor.to_float();
  std::vector<float> values(std::size_t(tensor.elements()));
  load_values(tensor.dtype(), tensor.bytes().data(), grid, values);
  return values;
}

/// The first of them.
std::string listed(std::span<const float> values) {
  constexpr std::size_t shown = 8;
  std::string text;
  for (const float value : values.first(std::min(shown, values.size()))) {
    text += fmt::format(" {:.6g}", value);
  }
  return text + (values.size() > shown ? " ...\n" : "\n");
}

/// Name, type and a few figures, for tensors of any size; codes are shown beside their values.
std::string summary(const Port& port, const Tensor& tensor) {
  std::string text = report::printable(port.name);
  text += fmt::format(" {}{}", to_string(tensor.dtype()), to_string(tensor.shape()));
  if (port.grid) {
    text += fmt::format("  scale {:.9g}, zero point {}", port.grid->scale, port.grid->zero_point);
  }
  const std::vector<float> values = values_of(tensor, port.grid);
  if (values.empty()) return text + "\n";
  double sum = 0;
  for (const float value : values) sum += value;
  const auto [low, high] = std::ranges::minmax(values);
  text +=
      fmt::format("  min {:.6g}  mean {:.6g}  max {:.6g}", low, sum / double(values.size()), high);
  const auto wrong =
      std::ranges::count_if(values, [](float value) { return !std::isfinite(value); });
  if (wrong > 0) text += fmt::format("  ({} not finite)", wrong);
  text += "\n " + listed(values);
  if (port.grid) text += "  codes" + listed(tensor.to_float());
  return text;
}

/// `codes`: of the scores, if they are numbers that codes stand for.
report::Table top_table(std::span<const float> values, std::span<const float> codes,
                        const std::vector<std::string>& names, int top) {
  std::vector<report::Column> columns{{"rank"}, {"score"}, {"class"}};
  if (!codes.empty()) columns.insert(columns.begin() + 2, {"code"});
  columns.push_back({"name", "", report::Align::left});
  report::Table table(std::move(columns));
  int rank = 0;
  for (const std::int32_t label : data::top_k(values, std::size_t(top))) {
    std::vector<report::Cell> row{std::to_string(++rank),
                                  fmt::format("{:.5g}", values[std::size_t(label)])};
    if (!codes.empty()) row.push_back(fmt::format("{}", codes[std::size_t(label)]));
    row.push_back(std::to_string(label));
    row.push_back(names.empty() ? "" : data::class_name(names, label));
    table.add_row(std::move(row));
  }
  return table;
}

/// The best of each row of scores.
void show_top(const Port& port, const Tensor& scores, const std::vector<std::string>& names,
              int top) {
  const std::vector<float> values = values_of(scores, port.grid);
  const std::vector<float> codes = port.grid ? scores.to_float() : std::vector<float>{};
  const std::int64_t rows = scores.shape().rank() > 1 ? scores.shape()[0] : 1;
  const auto classes = std::size_t(scores.elements() / std::max<std::int64_t>(rows, 1));
  if (std::ranges::any_of(values, [](float value) { return std::isnan(value); })) {
    print("some scores are not numbers (NaN); they come first here\n");
  }
  for (std::size_t row = 0; row * classes < values.size(); ++row) {
    if (values.size() > classes) print(fmt::format("{}row {}\n", row > 0 ? "\n" : "", row));
    const auto of_row = [&](std::span<const float> all) {
      return all.empty() ? all : all.subspan(row * classes, classes);
    };
    print(top_table(of_row(values), of_row(codes), names, top));
  }
}

void show(const Options& options, std::span<const Port> ports, const RunInputs& run,
          const std::vector<Tensor>& outputs, const std::vector<std::string>& names) {
  if (!options.classes.empty() && outputs[0].elements() != std::int64_t(names.size())) {
    fail(ErrorCode::usage, "--classes {}: {} names, the first output has {} scores",
         options.classes, names.size(), outputs[0].elements());
  }
  if (!run.title.empty()) print(report::printable(run.title) + "\n");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool named = !names.empty() && outputs[i].elements() == std::int64_t(names.size());
    if (i == 0 && (named || options.top > 0) && outputs[i].elements() > 0) {
      show_top(ports[i], outputs[i], named ? names : std::vector<std::string>{},
               options.top > 0 ? options.top : default_top);
    } else {
      print(summary(ports[i], outputs[i]));
    }
  }
}

/// Before anything runs: the file's name says what is written.
void check_output(const std::string& file, std::size_t runs, std::size_t outputs) {
  if (runs != 1) fail(ErrorCode::usage, "--output: {} runs, one expected", runs);
  check_folder("--output", file);
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

std::vector<std::string> class_names(const Options& options) {
  if (!options.classes.empty()) {
    constexpr std::size_t most_bytes = 16 << 20;
    return data::parse_classes(read_file(options.classes, most_bytes));
  }
  data::DatasetOptions sidecars;
  sidecars.preprocess = options.input.preprocess;
  sidecars.model = options.model.path;
  return data::find_class_names(sidecars);
}

std::vector<Port> output_ports(const ir::Graph& graph) {
  std::vector<Port> ports;
  for (const ir::ValueId id : graph.outputs) {
    ports.push_back({graph.value(id).name, ir::grid_by_producer(graph, id)});
  }
  return ports;
}

void run_model(const Options& options) {
  formats::Model model = options.model.load_model();
  const ir::Graph& graph = model.graph;
  const std::vector<RunInputs> runs =
      read_run_inputs(options.files, graph, options.model.path, options.input);
  if (!options.output.empty()) check_output(options.output, runs.size(), graph.outputs.size());
  const std::vector<std::string> names = class_names(options);
  const std::vector<Port> ports = output_ports(graph);
  const runtime::SessionOptions session_options = options.plan.session_for(model);
  runtime::Session session(std::move(model.graph), session_options);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::vector<Tensor> outputs =
        with_context([&] { return runs[i].title.empty() ? std::string("running") : runs[i].title; },
                     [&] { return session.run(runs[i].tensors); });
    if (i > 0) print("\n");
    show(options, ports, runs[i], outputs, names);
    if (!options.output.empty()) write(options.output, session.output_names(), outputs);
  }
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, false);
  app.add_option(
         "INPUT", options->files,
         "input files: .npy, .npz, .png, .jpg, .bmp or .wav. A model with one input runs once "
         "for each; for one with several, give NAME=FILE for each input, or an .npz")
      ->type_name("FILE");
  add_input_options(app, options->input, false);
  add_plan_options(app, options->plan);
  app.add_option("--top", options->top,
                 "show the K best scores of the first output (default: 5 where the sidecar names "
                 "the classes)")
      ->type_name("K")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--classes", options->classes,
                 "what the classes are called: a text file with a name in each line (goes before "
                 "the sidecar)")
      ->type_name("FILE");
  app.add_option("--output", options->output, "write all outputs to this .npz; one also to an .npy")
      ->type_name("FILE");
  app.footer(
      "Arrays go in as they are: float types are converted, a missing batch axis is added, and "
      "axes "
      "of extent 1 go where the model has them. "
      "Integers that stand for other numbers are shown as these, their codes beside them. "
      "Pictures and clips are prepared as docs/data.md says.");
  return [options] {
    run_model(*options);
    return success;
  };
}

}  // namespace

const Command run_command{"run", "Run a model on arrays, pictures or clips", declare};

}  // namespace strata::cli
