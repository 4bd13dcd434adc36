#include "tools/cli/post_training.hpp"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/data/split.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/eval/warnings.hpp"
#include "strata/ir/op.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/progress.hpp"
#include "strata/report/text.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

constexpr std::size_t usual_width = 80;
// Items that noise and selection are measured on: each layer asks for a run over all of them.
constexpr std::size_t most_noise_items = 64;
constexpr double usual_percentile = compress::IntervalOptions().percentile;

int activation_bits(const std::string& name) { return name[1] - '0'; }

double most_drop(const std::string& text) {
  try {
    std::size_t used = 0;
    const double points = std::stod(text, &used);
    const std::string rest = text.substr(used);
    if ((rest.empty() || rest == "%") && points >= 0 && points <= 100) return points / 100;
  } catch (const std::exception&) {
  }
  fail(ErrorCode::usage, "--select: '{}' given, expected points from 0 to 100, as 0.5", text);
}

nlohmann::json decibels_document(double value) {
  return !std::isfinite(value) ? nlohmann::json() : nlohmann::json(value);
}

const compress::LayerNoise* worst(const PostTrainingOutcome& outcome) {
  const auto found = std::ranges::min_element(outcome.layers, {}, &compress::LayerNoise::decibels);
  return found == outcome.layers.end() ? nullptr : &*found;
}

class Quantizer {
 public:
  Quantizer(const PostTrainingFlags& flags, int threads) : flags_(flags) {
    noise_.threads = threads;
    noise_.cancel = &watch_interrupts();
  }

  PostTrainingOutcome run(ir::Graph graph, const data::Dataset& dataset) {
    const auto items = data::spread(eval::all_items(dataset), std::size_t(flags_.items));
    PostTrainingOutcome outcome;
    outcome.items = std::int64_t(items.size());
    outcome.warnings = eval::data_warnings(dataset);
    outcome.prints = eval::item_prints(dataset, items);
    report::ProgressBar bar("calibrating", items.size());
    outcome.network = quantize_post_training(std::move(graph), dataset, items, options(bar));
    bar.finish();
    outcome.complete = outcome.network.complete;
    if (!outcome.complete) return outcome;
    outcome.plan = outcome.network.plan;
    if (!flags_.select.empty()) select(outcome, dataset, items);
    if (!outcome.complete) return outcome;
    const ir::Graph& original = outcome.network.original;
    outcome.graph = quantized(original, outcome.plan);
    const std::vector<std::int64_t> judged = some(items);
    outcome.noise_items = std::int64_t(judged.size());
    const compress::Batches batches(original, dataset, judged);
    outcome.layers =
        layer_noise(original, outcome.graph, outcome.plan, batches, noise_, &outcome.decibels);
    outcome.complete = !*noise_.cancel;
    return outcome;
  }

 private:
  compress::PostTrainingOptions options(report::ProgressBar& bar) {
    compress::PostTrainingOptions options;
    options.weight_bits = flags_.weight_bits;
    options.layer_bits = flags_.read_layer_bits();
    options.activation_bits = activation_bits(flags_.activations);
    options.interval.method = compress::find_calibration_method(flags_.calibration);
    options.interval.percentile = flags_.percentile.value_or(usual_percentile);
    options.equalize = flags_.equalize;
    options.bias_correction = flags_.bias_correction;
    options.reconstruct = flags_.reconstruct;
    options.keep = flags_.keep;
    options.calibration.threads = noise_.threads;
    options.calibration.state = flags_.state;
    options.calibration.cancel = noise_.cancel;
    options.calibration.progress = [&bar](std::int64_t count) {
      bar.advance(std::uint64_t(count));
    };
    return options;
  }

  std::vector<std::int64_t> some(const std::vector<std::int64_t>& items) const {
    return data::spread(items, most_noise_items);
  }

  void select(PostTrainingOutcome& outcome, const data::Dataset& dataset,
              const std::vector<std::int64_t>& items) {
    const double drop = most_drop(flags_.select);
    const ir::Graph& original = outcome.network.original;
    report::ProgressBar bar("looking at layers", outcome.plan.units.size());
    compress::NoiseOptions with_progress = noise_;
    with_progress.progress = [&](const std::string&) { bar.advance(1); };
    const auto layers = sensitivity(
        original, outcome.plan, compress::Batches(original, dataset, some(items)), with_progress);
    bar.finish();
    outcome.selection =
        explore_selection(original, outcome.plan, layers,
                          compress::Batches(original, dataset, items), flags_.weight_bits, noise_);
    outcome.complete = outcome.selection->complete && !*noise_.cancel;
    if (!outcome.complete) return;
    const auto& chosen = compress::select(*outcome.selection, drop);
    outcome.chosen = std::size_t(&chosen - outcome.selection->points.data());
    for (const std::size_t unit : chosen.kept) {
      outcome.kept.push_back(outcome.plan.units[unit].name);
    }
    outcome.plan = without(original, outcome.plan, chosen.kept);
  }

  const PostTrainingFlags& flags_;
  compress::NoiseOptions noise_;
};

void print_selection(const PostTrainingOutcome& outcome) {
  const compress::Selection& selection = *outcome.selection;
  report::Table table({{"float", ""},
                       {"int MACs", ""},
                       {"weights", ""},
                       {"SQNR", "dB"},
                       {selection.labelled ? "right" : "as before", ""},
                       {"front", "", report::Align::left},
                       {"next to stay float", "", report::Align::left, true}});
  for (const compress::SelectionPoint& point : selection.points) {
    const bool last = &point == &selection.points.back();
    std::string next;
    if (!last) {
      const std::size_t unit = (&point)[1].kept[point.kept.size()];
      next = outcome.network.plan.units[unit].name;
    }
    table.add_row({std::to_string(point.kept.size()), report::format_percent(point.integer_macs),
                   report::format_bytes(double(point.weight_bytes)), decibels(point.decibels),
                   fmt::format("{} of {}", point.right, point.count), point.front ? "yes" : "",
                   next});
  }
  print(table, usual_width);
}

std::string chosen_text(const PostTrainingOutcome& outcome) {
  const std::string label = "chosen    ";
  const std::size_t count = outcome.kept.size();
  if (count == 0) return label + "no layer float\n";
  const std::string layers = report::printable(fmt::format(
      "{} layer{} float: {}", count, count == 1 ? "" : "s", fmt::join(outcome.kept, ", ")));
  return label + report::wrapped(layers, report::terminal_width(stdout), label.size()) + '\n';
}

/// "64 of the 213", or "the 32".
std::string items_text(const PostTrainingOutcome& outcome) {
  const std::string all = "the " + report::format_count(outcome.items);
  if (outcome.noise_items == outcome.items) return all;
  return fmt::format("{} of {}", report::format_count(outcome.noise_items), all);
}

}  // namespace

std::string decibels(double value) {
  if (std::isnan(value)) return "unknown";
  return std::isinf(value) && value > 0 ? "exact" : fmt::format("{:.1f}", value);
}

std::vector<compress::LayerBits> PostTrainingFlags::read_layer_bits() const {
  std::vector<compress::LayerBits> layers;
  for (const std::string& text : layer_bits) {
    const std::size_t equals = text.rfind('=');
    const std::string bits = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (equals == 0 || bits.size() != 1 || bits[0] < '2' || bits[0] > '8') {
      fail(ErrorCode::usage, "--layer-bits: '{}' given, expected PATTERN=N, N from 2 to 8", text);
    }
    layers.push_back({text.substr(0, equals), bits[0] - '0'});
  }
  return layers;
}

bool PostTrainingFlags::has_weights_below(int bits) const {
  const auto layers = read_layer_bits();
  const auto below = [&](const compress::LayerBits& layer) { return layer.bits < bits; };
  return given() && (weight_bits < bits || std::ranges::any_of(layers, below));
}

void PostTrainingFlags::check() const {
  read_layer_bits();
  if (percentile && calibration != "percentile") {
    fail(ErrorCode::usage, "--percentile {} is for --calibration percentile; here it is {}",
         *percentile, calibration);
  }
  if (!select.empty()) most_drop(select);
}

void PostTrainingFlags::add_to(CommandLine& command) const {
  if (!given()) return;
  const PostTrainingFlags usual;
  command.option("--activations", activations).option("--calibrate", calibrate);
  if (calibration != usual.calibration) command.option("--calibration", calibration);
  if (percentile) command.option("--percentile", fmt::format("{}", *percentile));
  if (items != usual.items) command.option("--items", std::to_string(items));
  if (weight_bits != usual.weight_bits)
    command.option("--weight-bits", std::to_string(weight_bits));
  for (const std::string& layer : layer_bits) command.option("--layer-bits", layer);
  command.flag("--equalize", equalize).flag("--bias-correction", bias_correction);
  command.flag("--reconstruct", reconstruct);
  for (const std::string& pattern : keep) command.option("--keep", pattern);
  command.option("--select", select);
}

void add_post_training_options(CLI::App& app, PostTrainingFlags& flags) {
  const std::string group = "Activations too";
  const auto add = [&](CLI::Option* option) { return option->group(group); };
  auto* activations =
      add(app.add_option("--activations", flags.activations,
                         "compute on integers of so many bits, weights and activations (i8, or "
                         "fewer to see what comes of it); weights are as --weight-bits says")
              ->type_name("TYPE")
              ->check(CLI::IsMember({"i8", "i7", "i6", "i5", "i4", "i3", "i2"}))
              ->excludes("--weights")
              ->excludes("--layers"));
  const auto needs = [&](CLI::Option* option) { return add(option)->needs(activations); };
  auto* calibrate = needs(app.add_option("--calibrate", flags.calibrate,
                                         "data that tell the ranges of activations; not those that "
                                         "the result is judged by")
                              ->type_name("PATH"));
  activations->needs(calibrate);
  needs(app.add_option("--calibration", flags.calibration,
                       "how ranges follow: min-max, percentile, entropy or mse")
            ->capture_default_str()
            ->check(CLI::IsMember({"min-max", "percentile", "entropy", "mse"})));
  needs(app.add_option("--percentile", flags.percentile,
                       "numbers between the ends of a range, in percent, for 'percentile'")
            ->default_str(fmt::format("{}", usual_percentile))
            ->check(CLI::Range(50.0, 100.0)));
  needs(app.add_option("--items", flags.items, "calibrate with so many items, evenly spread")
            ->type_name("N")
            ->capture_default_str()
            ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 30)));
  needs(app.add_option("--weight-bits", flags.weight_bits, "of weights, a scale for each channel")
            ->capture_default_str()
            ->check(CLI::Range(2, 8)));
  needs(app.add_option("--layer-bits", flags.layer_bits,
                       "of the weights of some layers instead, as 'conv1=8'; may be repeated, the "
                       "last that matches counts")
            ->type_name("PATTERN=N")
            ->expected(1)
            ->take_all());
  needs(app.add_flag("--equalize", flags.equalize,
                     "first scale the channels between layers so that rounding loses least, in "
                     "activations and in the weights that read them"));
  needs(app.add_flag("--bias-correction", flags.bias_correction,
                     "let biases take over what quantizing shifts the means by"));
  needs(app.add_flag("--reconstruct", flags.reconstruct,
                     "choose the codes of weights by least squares on the calibration data, layer "
                     "by layer; biases too"));
  needs(app.add_option("--keep", flags.keep, "leave these nodes float, as 'conv1' or 'head*'")
            ->type_name("PATTERN")
            ->expected(1)
            ->take_all());
  needs(app.add_option("--select", flags.select,
                       "leave float the most sensitive layers, as many as it takes to lose at most "
                       "so many points on the calibration data")
            ->type_name("POINTS")
            ->excludes("--layer-bits"));
  needs(app.add_option("--calibration-state", flags.state,
                       "keep what calibration saw in this file and go on from there")
            ->type_name("FILE"));
}

PostTrainingOutcome quantize_activations(ir::Graph graph, const PostTrainingFlags& flags,
                                         const ModelOptions& model, const InputOptions& input,
                                         int threads) {
  const auto dataset = data::open_dataset(flags.calibrate, input.dataset(graph, model.path));
  return Quantizer(flags, threads).run(std::move(graph), *dataset);
}

void print(const PostTrainingOutcome& outcome, const PostTrainingFlags& flags) {
  if (outcome.selection) print_selection(outcome);
  const std::vector<compress::LayerBits> layers = flags.read_layer_bits();
  report::Table table({{"layer", "", report::Align::left, true},
                       {"op", "", report::Align::left},
                       {"weights", "", report::Align::left},
                       {"activations", "", report::Align::left},
                       {"SQNR", "dB"}});
  for (const compress::LayerNoise& layer : outcome.layers) {
    const compress::Unit& unit = outcome.plan.units[layer.unit];
    table.add_row({layer.layer, std::string(outcome.network.original.node(unit.main).op->name),
                   unit.weighted()
                       ? fmt::format("i{}", weight_bits(unit.name, flags.weight_bits, layers))
                       : "",
                   flags.activations, decibels(layer.decibels)});
  }
  print(table, usual_width);
  std::string text;
  if (const compress::LayerNoise* layer = worst(outcome)) {
    text += fmt::format("worst     {}: {} dB\n", report::printable(layer->layer),
                        decibels(layer->decibels));
  }
  text += fmt::format("outputs   {} dB on {} items of calibration\n", decibels(outcome.decibels),
                      items_text(outcome));
  if (outcome.selection) text += chosen_text(outcome);
  print(text);
}

void describe(const PostTrainingOutcome& outcome, nlohmann::json& document) {
  document["items"] = outcome.items;
  document["equalized_layers"] = outcome.network.equalized;
  document["sqnr_db"] = decibels_document(outcome.decibels);
  document["sqnr_items"] = outcome.noise_items;
  document["kept"] = outcome.kept;
  document["layers"] = nlohmann::json::array();
  for (const compress::LayerNoise& layer : outcome.layers) {
    const compress::Unit& unit = outcome.plan.units[layer.unit];
    document["layers"].push_back({{"layer", layer.layer},
                                  {"op", outcome.network.original.node(unit.main).op->name},
                                  {"sqnr_db", decibels_document(layer.decibels)}});
  }
  if (const compress::LayerNoise* layer = worst(outcome)) document["worst"] = layer->layer;
  if (!outcome.selection) return;
  document["selection"] = nlohmann::json::array();
  for (const compress::SelectionPoint& point : outcome.selection->points) {
    const bool chosen = &point == &outcome.selection->points[outcome.chosen];
    document["selection"].push_back({{"kept", point.kept.size()},
                                     {"chosen", chosen},
                                     {"integer_macs", point.integer_macs},
                                     {"weight_bytes", point.weight_bytes},
                                     {"sqnr_db", decibels_document(point.decibels)},
                                     {"right", point.right},
                                     {"count", point.count},
                                     {"front", point.front}});
  }
}

}  // namespace strata::cli
