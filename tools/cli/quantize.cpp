#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/compress/cleaned.hpp"
#include "strata/compress/quantize/encode_layers.hpp"
#include "strata/data/metrics.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/eval/warnings.hpp"
#include "strata/formats/save.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/table.hpp"
#include "strata/report/text.hpp"
#include "strata/study/model_evaluator.hpp"
#include "strata/study/tflite_form.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/losses.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/post_training.hpp"

namespace strata::cli {
namespace {

using compress::LayerChange;
using formats::Format;
using report::format_bytes;

constexpr std::size_t usual_width = 80;

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string weights;
  std::vector<std::string> layers;
  PostTrainingFlags post_training;
  std::string output;
  std::string data;
  std::int64_t limit = 0;
  int threads = 0;
  bool list = false;
  bool json = false;
};

Format format_of(const Options& options) { return *formats::format_named(options.output); }

/// Before the model is read: that may take a while.
void check_output(const Options& options) {
  if (options.list) {
    if (!options.output.empty())
      fail(ErrorCode::usage, "--list tries encodings and writes nothing");
    return;
  }
  if (options.output.empty()) fail(ErrorCode::usage, "-o FILE is missing (or --list)");
  if (options.weights.empty() && options.layers.empty() && !options.post_training.given()) {
    fail(ErrorCode::usage,
         "what to do is missing: --weights ENCODING stores weights in fewer bits, --activations i8 "
         "--calibrate DATA computes on integers too");
  }
  check_folder("-o", options.output);
  const auto format = formats::format_named(options.output);
  if (!format || format == Format::text) {
    fail(ErrorCode::usage, "{}: the name tells the format; accepted: *{}, *{}, *{}", options.output,
         formats::onnx_suffix, formats::tflite_suffix, formats::container_suffix);
  }
}

/// A file that stores weights decoded would not be what was asked for.
void expect_stored(const ir::Graph& graph, std::span<const LayerChange> changes, Format format) {
  if (format == Format::container) return;
  const bool onnx = format == Format::onnx;
  std::vector<std::string> layers;
  const Encoding* encoding = nullptr;
  for (const LayerChange& change : changes) {
    const EncodedTensor& weights = *graph.value(change.layer.weight).constant;
    if (onnx ? formats::onnx_stores(weights) : formats::tflite_stores(weights)) continue;
    if (!encoding) encoding = change.after;
    if (encoding == change.after) layers.push_back(change.layer.name);
  }
  if (!encoding) return;
  constexpr std::size_t most = 5;
  const std::size_t count = layers.size();
  if (count > most) layers.resize(most);
  fail(ErrorCode::unsupported,
       "{} cannot store {} ({}{}); it has {}. Write *{}, which keeps every encoding",
       onnx ? "ONNX" : "TensorFlow Lite", encoding->name, fmt::join(layers, ", "),
       count > most ? ", ..." : "",
       onnx ? "f16, bf16, f8e4m3_tensor, f8e5m2_tensor and affine codes of 8, 4 and 2 bits"
            : "f16, i8_tensor and i8_channel",
       formats::container_suffix);
}

std::string bits_per_weight(std::int64_t bytes, std::int64_t elements) {
  return elements == 0 ? "" : fmt::format("{:.2f}", 8 * double(bytes) / double(elements));
}

/// What the model says before and after.
struct Accuracies {
  eval::Evaluation before, after;
  bool labelled = false;
  std::vector<eval::Warning> warnings;

  void warn_of(std::optional<eval::Warning> warning) {
    if (!warning) return;
    warn(warning->text);
    warnings.push_back(std::move(*warning));
  }
};

std::vector<std::int64_t> tested_items(const data::Dataset& dataset, const Options& options) {
  std::vector<std::int64_t> items = eval::all_items(dataset);
  if (options.limit > 0 && std::size_t(options.limit) < items.size()) {
    items.resize(std::size_t(options.limit));
  }
  return items;
}

eval::Evaluation evaluate(const ir::Graph& graph, const data::Dataset& dataset,
                          const Options& options, const char* what) {
  const std::vector<std::int64_t> items = tested_items(dataset, options);
  ir::Graph copy = graph;
  runtime::SessionOptions session_options;
  session_options.threads = 1;  // the workers are eval's
  const runtime::Session session(std::move(copy), session_options);
  report::ProgressBar bar(what, items.size());
  eval::EvalOptions eval_options;
  eval_options.threads = options.threads;
  eval_options.progress = [&](std::int64_t count) { bar.advance(std::uint64_t(count)); };
  eval_options.cancel = &watch_interrupts();
  eval::Evaluation result = eval::evaluate(session.shared_program(), dataset, items, eval_options);
  bar.finish();
  return result;
}

std::string accuracy_text(const data::Accuracy& accuracy) {
  return fmt::format("{} ({} of {})", report::format_percent(accuracy.value()),
                     report::format_count(accuracy.correct), report::format_count(accuracy.count));
}

std::string effect_text(const Accuracies& found) {
  const auto count = std::int64_t(found.before.predictions.size());
  std::string text;
  if (found.labelled) {
    const data::PairedDrop drop = data::paired_drop(found.before.correct, found.after.correct);
    text += fmt::format("accuracy  {} before, {} after\n", accuracy_text(found.before.accuracy()),
                        accuracy_text(found.after.accuracy()));
    text += fmt::format("drop      {} points, 95 % interval {} to {}\n",
                        report::format_points(drop.drop), report::format_points(drop.interval.low),
                        report::format_points(drop.interval.high));
  }
  text += fmt::format(
      "agree     {} of {} predictions\n",
      report::format_percent(data::agreement(found.before.predictions, found.after.predictions)),
      report::format_count(count));
  return text;
}

void print_changes(std::span<const LayerChange> changes) {
  report::Table table({{"layer", "", report::Align::left, true},
                       {"op", "", report::Align::left},
                       {"encoding", "", report::Align::left},
                       {"bytes", ""},
                       {"bits a weight", ""},
                       {"SQNR", "dB"}});
  for (const LayerChange& c : changes) {
    table.add_row({c.layer.name, c.layer.op, std::string(c.after->name),
                   format_bytes(double(c.bytes)), bits_per_weight(c.bytes, c.layer.elements),
                   decibels(c.sqnr_db)});
  }
  print(table, usual_width);
}

nlohmann::json change_document(const LayerChange& c) {
  return {{"layer", c.layer.name},
          {"op", c.layer.op},
          {"elements", c.layer.elements},
          {"before", c.before->name},
          {"encoding", c.after->name},
          {"bytes_before", c.layer.stored_bytes},
          {"bytes", c.bytes},
          {"sqnr_db", std::isinf(c.sqnr_db) ? nlohmann::json() : nlohmann::json(c.sqnr_db)}};
}

nlohmann::json effect_document(const Accuracies& found) {
  nlohmann::json document = {
      {"items", found.before.predictions.size()},
      {"agreement", data::agreement(found.before.predictions, found.after.predictions)}};
  if (found.labelled) {
    document["accuracy_before"] = found.before.accuracy().value();
    document["accuracy"] = found.after.accuracy().value();
  }
  return document;
}

std::string command_of(const Options& options) {
  CommandLine command("quantize");
  options.model.add_to(command);
  command.option("--weights", options.weights);
  for (const std::string& layer : options.layers) command.option("--layers", layer);
  options.post_training.add_to(command);
  command.option("--data", options.data);
  options.input.add_to(command);
  command.option("-o", options.output);
  return command.text();
}

/// Puts what a TensorFlow Lite file computes in the place of the graph, so that this is what is
/// evaluated; empty for other formats.
std::shared_ptr<const std::string> take_tflite_form(ir::Graph& graph, const Options& options) {
  if (format_of(options) != Format::tflite) return nullptr;
  study::TfliteForm form = with_context([&] { return fmt::format("writing {}", options.output); },
                                        [&] { return study::tflite_form(graph); });
  graph = std::move(form.graph);
  return std::move(form.bytes);
}

/// `tflite`: the file, if it is one of those.
void save(const ir::Graph& graph, const std::string* tflite, const Options& options) {
  if (tflite) return write_file(options.output, *tflite);
  if (format_of(options) == Format::onnx) {
    formats::SaveOptions save_options = study::file_options();
    constexpr int most_packed_bits = 4;
    save_options.narrow_weights = options.post_training.has_weights_below(most_packed_bits + 1);
    return formats::save_onnx(graph, options.output, save_options);
  }
  formats::ModelInfo info = formats::model_info(options.model.path);
  formats::set_command(info, command_of(options));
  formats::save_container(graph, options.output, info);
}

/// Every encoding on the chosen layers together.
void list_encodings(const ir::Graph& graph, const Options& options) {
  const std::vector<compress::WeightLayer> all = compress::weight_layers(graph);
  const auto rules = compress::layer_rules("dense", options.layers);
  const auto chosen = compress::choose_encodings(all, rules);
  std::vector<compress::WeightLayer> layers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (chosen[i]) layers.push_back(all[i]);
  }
  report::Table table({{"encoding", "", report::Align::left},
                       {"bits", ""},
                       {"SQNR", "dB"},
                       {"ONNX", "", report::Align::left},
                       {"TFLite", "", report::Align::left},
                       {"what", "", report::Align::left, true, 16, true}});
  nlohmann::json document = nlohmann::json::array();
  for (const Encoding* encoding : all_encodings()) {
    std::int64_t bytes = 0, elements = 0;
    double noise = 0, signal = 0;
    bool in_onnx = true, in_tflite = true;
    for (const compress::WeightLayer& layer : layers) {
      const compress::Trial trial = compress::try_encoding(graph, layer, *encoding);
      bytes += trial.change.bytes;
      elements += layer.elements;
      in_onnx &= formats::onnx_stores(trial.weights);
      in_tflite &= formats::tflite_stores(trial.weights);
      const double energy = compress::energy(*graph.value(layer.weight).constant);
      if (energy == 0) continue;  // zeros, which every encoding has
      signal += energy;
      noise += energy * std::pow(10.0, -trial.change.sqnr_db / 10);
    }
    const double sqnr = noise == 0 ? INFINITY : 10 * std::log10(signal / noise);
    table.add_row({std::string(encoding->name), bits_per_weight(bytes, elements), decibels(sqnr),
                   in_onnx ? "yes" : "no", in_tflite ? "yes" : "no",
                   std::string(encoding->summary)});
    document.push_back({{"encoding", encoding->name},
                        {"summary", encoding->summary},
                        {"bytes", bytes},
                        {"elements", elements},
                        {"sqnr_db", !std::isfinite(sqnr) ? nlohmann::json() : nlohmann::json(sqnr)},
                        {"onnx", in_onnx},
                        {"tflite", in_tflite},
                        {"searched", encoding->searched}});
  }
  if (options.json) return print_document(document);
  print(table, usual_width);
}

/// `before`: bytes of the model, which what is written may have replaced.
std::string written_text(const Options& options, std::uintmax_t before) {
  return fmt::format("written   {}, {}; {} was {}\n", report::printable(options.output),
                     format_bytes(double(std::filesystem::file_size(options.output))),
                     report::printable(options.model.path), format_bytes(double(before)));
}

std::string summary_text(std::span<const LayerChange> changes, const Options& options,
                         std::uintmax_t file_before) {
  std::int64_t before = 0, after = 0;
  for (const LayerChange& c : changes) before += c.layer.stored_bytes, after += c.bytes;
  std::string text = fmt::format("weights   {} before, {} after\n", format_bytes(double(before)),
                                 format_bytes(double(after)));
  if (const LayerChange* c = compress::worst(changes)) {
    text += fmt::format("worst     {} as {}: {} dB\n", report::printable(c->layer.name),
                        c->after->name, decibels(c->sqnr_db));
  }
  text += written_text(options, file_before);
  return text +
         "speed     products are computed on floats as before: the file is what gets smaller.\n"
         "          'bench' measures it; --activations i8 --calibrate DATA computes on integers\n";
}

/// Before and after on --data, if given; nothing if interrupted. `calibrated`: prints of the items
/// that went into the result.
std::optional<Accuracies> effect(const ir::Graph& before, const ir::Graph& after,
                                 const data::Dataset* dataset, const Options& options,
                                 std::span<const std::size_t> calibrated = {}) {
  Accuracies found;
  if (!dataset) return found;
  found.labelled = dataset->labelled();
  for (const eval::Warning& warning : eval::data_warnings(*dataset)) found.warn_of(warning);
  if (!calibrated.empty()) {
    const auto tested = eval::item_prints(*dataset, tested_items(*dataset, options));
    found.warn_of(eval::overlap_warning(calibrated, tested));
  }
  found.before = evaluate(before, *dataset, options, "before");
  if (found.labelled && found.before.complete) {
    found.warn_of(eval::chance_warning(found.before.accuracy(), found.before.classes));
  }
  if (found.before.complete) found.after = evaluate(after, *dataset, options, "after");
  if (!found.before.complete || !found.after.complete) return std::nullopt;
  return found;
}

ExitCode quantize_all(const Options& options) {
  ir::Graph graph = options.model.load();
  const std::uintmax_t file_before = std::filesystem::file_size(options.model.path);
  std::unique_ptr<data::Dataset> dataset;
  if (!options.data.empty()) {
    dataset = data::open_dataset(options.data, options.input.dataset(graph, options.model.path));
  }
  PostTrainingOutcome outcome = quantize_activations(std::move(graph), options.post_training,
                                                     options.model, options.input, options.threads);
  const auto tflite = outcome.complete ? take_tflite_form(outcome.graph, options) : nullptr;
  auto found = outcome.complete ? effect(outcome.network.given, outcome.graph, dataset.get(),
                                         options, outcome.prints)
                                : std::nullopt;
  if (!found) {
    warn("interrupted: nothing was written");
    return interrupted;
  }
  if (!dataset) {
    for (const eval::Warning& warning : outcome.warnings) found->warn_of(warning);
  }
  found->warn_of(eval::calibration_warning(outcome.items));
  if (tflite && options.post_training.has_weights_below(8)) {
    note("a .tflite keeps a byte for each weight, whatever bits its codes have");
  }
  save(outcome.graph, tflite.get(), options);
  if (options.json) {
    nlohmann::json document = {{"command", command_of(options)},
                               {"output", options.output},
                               {"bytes", std::filesystem::file_size(options.output)}};
    describe(outcome, document);
    if (dataset) document["data"] = effect_document(*found);
    document["warnings"] = describe(found->warnings);
    print_document(document);
    return success;
  }
  print(outcome, options.post_training);
  print(written_text(options, file_before) + (dataset ? effect_text(*found) : ""));
  return success;
}

ExitCode quantize(const Options& options) {
  check_output(options);
  if (!options.list) check_output_is_another(options.model.path, options.output);
  options.post_training.check();
  if (options.post_training.given()) return quantize_all(options);
  if (options.list) {
    list_encodings(compress::cleaned(options.model.load()), options);
    return success;
  }
  const auto rules = compress::layer_rules(options.weights, options.layers);
  ir::Graph graph = options.model.load();
  const std::uintmax_t file_before = std::filesystem::file_size(options.model.path);
  std::unique_ptr<data::Dataset> dataset;
  if (!options.data.empty()) {
    dataset = data::open_dataset(options.data, options.input.dataset(graph, options.model.path));
  }
  graph = compress::cleaned(std::move(graph));
  const ir::Graph original = graph;
  const std::vector<LayerChange> changes = compress::encode_layers(graph, rules);
  expect_stored(graph, changes, format_of(options));
  tell_losses(graph, format_of(options));
  const auto tflite = take_tflite_form(graph, options);
  const auto found = effect(original, graph, dataset.get(), options);
  if (!found) {
    warn("interrupted: nothing was written");
    return interrupted;
  }
  save(graph, tflite.get(), options);
  if (options.json) {
    nlohmann::json document = {{"command", command_of(options)},
                               {"output", options.output},
                               {"bytes", std::filesystem::file_size(options.output)},
                               {"layers", nlohmann::json::array()}};
    for (const LayerChange& change : changes) document["layers"].push_back(change_document(change));
    if (const LayerChange* c = compress::worst(changes)) document["worst"] = c->layer.name;
    if (dataset) document["data"] = effect_document(*found);
    document["warnings"] = describe(found->warnings);
    print_document(document);
    return success;
  }
  print_changes(changes);
  print(summary_text(changes, options, file_before) + (dataset ? effect_text(*found) : ""));
  return success;
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.verify = true;
  add_model_options(app, options->model, false);
  app.add_option("--weights", options->weights,
                 "encoding of the weights: " + encoding_names() + " (--list describes them)")
      ->type_name("ENCODING");
  app.add_option(
         "--layers", options->layers,
         "only the layers whose names match, as 'conv*'; or in an encoding of their own, as "
         "'conv*=i4_group32'; may be repeated, the last that matches counts")
      ->type_name("PATTERN[=ENCODING]")
      ->expected(1)
      ->take_all();
  add_post_training_options(app, options->post_training);
  app.add_option(
         "-o,--output", options->output,
         "what to write: *.onnx or *.tflite where these have the encodings, or *.strata for any")
      ->type_name("FILE");
  auto* data =
      app.add_option(
             "--data", options->data,
             "evaluate before and after on these data, of any kind that 'strata eval' takes; "
             "without labels, the predictions are compared")
          ->type_name("PATH");
  add_input_options(app, options->input, true);
  app.add_option("--limit", options->limit, "only the first N items")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 30))
      ->needs(data);
  app.add_option("--threads", options->threads,
                 "threads that evaluate; 0: all that this process may use")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  app.add_flag("--list", options->list,
               "write nothing: try every encoding on the layers and print what each costs, in bits "
               "for each weight and in error")
      ->excludes("--weights")
      ->excludes("--activations")
      ->excludes("--calibrate")
      ->excludes("--limit")
      ->excludes(data);
  app.add_flag("--json", options->json, "print one JSON document");
  app.footer(
      "Stores the weights of Conv, Gemm and MatMul in fewer bits, or computes the network on "
      "integers (--activations); batch norms are folded first. "
      "What is evaluated is what is written: the file decodes to the same numbers. "
      "docs/encodings.md describes the encodings, docs/quantization.md the rest.");
  return [options] { return quantize(*options); };
}

}  // namespace

const Command quantize_command{
    "quantize", "Store a model's weights in fewer bits, or compute it on integers", declare};

}  // namespace strata::cli
