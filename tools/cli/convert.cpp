#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/save.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/program.hpp"
#include "strata/study/execution_choices.hpp"
#include "strata/study/tflite_form.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/losses.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using formats::container_suffix;
using formats::Format;
using formats::onnx_suffix;
using formats::text_suffix;
using formats::tflite_suffix;

struct Options {
  ModelOptions model;
  std::string output;
  int opset = 0;  // 0: the lowest from 17 on that has every op
  bool optimize = false;
  bool external_data = false;
  bool packed = false;
  std::string isa;
  std::optional<std::string> precision;
};

formats::SaveOptions save_options(const Options& options, const runtime::SavedChoices& choices) {
  formats::SaveOptions save;
  save.sources = true;
  save.external_data = options.external_data;
  runtime::save_choices(save.info.metadata, choices);
  if (options.opset == 0) return save;
  save.opset = options.opset;
  save.raise_opset = false;
  return save;
}

/// Before the model is read: that may take a while.
Format output_format(const Options& options) {
  const auto format = formats::format_named(options.output);
  if (!format) {
    fail(ErrorCode::usage, "{}: the name tells the format; accepted: *{}, *{}, *{}, *{}",
         options.output, onnx_suffix, tflite_suffix, container_suffix, text_suffix);
  }
  if (format != Format::onnx && (options.opset != 0 || options.external_data)) {
    fail(ErrorCode::usage, "{}: --opset and --external-data are for ONNX only", options.output);
  }
  if (options.packed && *format != Format::container) {
    fail(ErrorCode::usage, "{}: --packed is for *{} only", options.output, container_suffix);
  }
  if (!options.packed && (!options.isa.empty() || options.precision)) {
    fail(ErrorCode::usage, "--isa and --precision choose kernels, which --packed alone needs");
  }
  return *format;
}

/// Replaces the model's graph by what runs; gives the weights as its kernels want them.
ir::PackedSet pack(formats::Model& model, const Options& options) {
  PlanOptions plan;
  plan.isa = options.isa;
  plan.precision = options.precision;
  const DimValues dims = options.model.dim_values(model.graph);
  const runtime::SessionOptions session_options = plan.session_for(model, dims);
  runtime::Session session(std::move(model.graph), session_options);
  if (!session.is_static()) {
    fail(ErrorCode::unsupported,
         "--packed: sizes in this model depend on data, so that kernels are chosen when it runs");
  }
  model.graph = session.graph();
  return runtime::packed_weights(session.program());
}

void convert(const Options& options) {
  const Format format = output_format(options);
  check_folder("OUTPUT", options.output);
  check_output_is_another(options.model.path, options.output);
  ModelOptions model = options.model;
  // ONNX can say quantized groups as the file has them; elsewhere the graph is what runs.
  if (format == Format::onnx && !options.optimize) model.literal = true;
  model.verify = true;
  formats::Model loaded = model.load_model();
  ir::PackedSet packed;
  if (options.packed) packed = pack(loaded, options);
  ir::Graph& graph = loaded.graph;
  if (options.optimize && !options.packed) ir::optimize(graph);
  const runtime::SavedChoices choices = runtime::saved_choices(loaded.info.metadata);
  tell_losses(graph, format);
  if (const auto unsaid = study::unsaid_warning(choices, format)) note(unsaid->text);
  std::size_t nodes = graph.order().size();
  switch (format) {
    case Format::onnx:
      formats::save_onnx(graph, options.output, save_options(options, choices));
      break;
    case Format::text:
      write_file(options.output, ir::to_text(graph));
      break;
    case Format::tflite: {
      const ir::Graph sized = study::sized_for_tflite(graph, options.model.dim_values(graph));
      nodes = sized.order().size();
      formats::save_tflite(sized, options.output);
      break;
    }
    case Format::container:
      formats::save_container(graph, options.output, loaded.info, packed);
      break;
  }
  const std::size_t weights = packed.weights.size();
  print(fmt::format(
      "{}  {} node{}, {}{}\n", report::printable(options.output), nodes, nodes == 1 ? "" : "s",
      report::format_bytes(double(std::filesystem::file_size(options.output))),
      weights == 0 ? "" : fmt::format(", {} weight{} packed", weights, weights == 1 ? "" : "s")));
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, true);
  app.add_option(
         "OUTPUT", options->output,
         "what to write: *.onnx, *.tflite, *.strata for Strata's own container, or *.strata.txt "
         "for text")
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
  app.add_flag("--packed", options->packed,
               "for *.strata: run all passes, and store the weights once more, as this machine's "
               "kernels want them: they are mapped when the model is loaded, not packed. Another "
               "Strata or another choice of kernels packs the plain ones, which stay");
  app.add_option("--isa", options->isa, "with --packed: newest instruction set to use")
      ->type_name("NAME");
  app.add_option("--precision", options->precision, "with --packed: f32 or bf16")
      ->type_name("NAME");
  app.footer(
      "Names of nodes and values are kept, and what they came from is written along. Reading the "
      "output gives the graph that was written, but for *.tflite, which has its own ops: channels "
      "last, batch norms folded, sizes as given by --dim.");
  return [options] {
    convert(*options);
    return success;
  };
}

}  // namespace

const Command convert_command{"convert",
                              "Write a model as ONNX, TensorFlow Lite, container or text", declare};

}  // namespace strata::cli
