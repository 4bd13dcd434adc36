#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/save.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

constexpr std::string_view onnx_suffix = ".onnx";
using formats::container_suffix;
using formats::text_suffix;

struct Options {
  ModelOptions model;
  std::string output;
  int opset = 0;  // 0: the lowest from 17 on that has every op
  bool optimize = false;
  bool external_data = false;
};

formats::SaveOptions save_options(const Options& options) {
  formats::SaveOptions save;
  save.sources = true;
  save.external_data = options.external_data;
  if (options.opset == 0) return save;
  save.opset = options.opset;
  save.raise_opset = false;
  return save;
}

enum class Format { onnx, text, container };

/// Before the model is read: that may take a while.
Format output_format(const Options& options) {
  if (options.output.ends_with(onnx_suffix)) return Format::onnx;
  const bool text = options.output.ends_with(text_suffix);
  if (!text && !options.output.ends_with(container_suffix)) {
    fail(ErrorCode::usage, "{}: the name tells the format; accepted: *{}, *{}, *{}", options.output,
         onnx_suffix, container_suffix, text_suffix);
  }
  if (options.opset != 0 || options.external_data) {
    fail(ErrorCode::usage, "{}: --opset and --external-data are for ONNX; {} has neither",
         options.output, text ? "the text form" : "the container");
  }
  return text ? Format::text : Format::container;
}

void convert(const Options& options) {
  const Format format = output_format(options);
  ModelOptions model = options.model;
  // ONNX can say quantized groups as the file has them; elsewhere the graph is what runs.
  if (format == Format::onnx && !options.optimize) model.literal = true;
  ir::Graph graph = model.load();
  if (options.optimize) ir::optimize(graph);
  switch (format) {
    case Format::onnx:
      formats::save_onnx(graph, options.output, save_options(options));
      break;
    case Format::text:
      write_file(options.output, ir::to_text(graph));
      break;
    case Format::container:
      formats::save_container(graph, options.output, formats::model_info(options.model.path));
      break;
  }
  print(fmt::format("{}  {} node{}, {}\n", report::printable(options.output), graph.order().size(),
                    graph.order().size() == 1 ? "" : "s",
                    report::format_bytes(double(std::filesystem::file_size(options.output)))));
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, false);
  app.add_option(
         "OUTPUT", options->output,
         "what to write: *.onnx, *.strata for Strata's own container, or *.strata.txt for text")
      ->type_name("FILE")
      ->required();
  app.add_flag("--optimize", options->optimize, "run all passes first");
  app.add_option("--opset", options->opset,
                 fmt::format("opset to write, 13 to {}; a model that needs a newer one is refused, "
                             "naming the node (default: the lowest from 17 on that will do)",
                             formats::onnx::newest_opset))
      ->type_name("N")
      ->check(CLI::Range(13, formats::onnx::newest_opset));
  app.add_flag("--external-data", options->external_data,
               "put the weights into OUTPUT.data beside the model; needed from 2 GiB on");
  app.footer(
      "Names of nodes and values are kept, and what they came from is written along. Reading the "
      "output gives the graph that was written.");
  return [options] {
    convert(*options);
    return success;
  };
}

}  // namespace

const Command convert_command{
    "convert", "Write a model as ONNX, container or text, in another opset, optimised", declare};

}  // namespace strata::cli
