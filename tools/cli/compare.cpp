#include <CLI/CLI.hpp>
#include <algorithm>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/check/bisect.hpp"
#include "strata/eval/runner.hpp"
#include "strata/ir/builder.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/study/environment.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/run_inputs.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;

/// How one side runs, or both.
struct SideOptions {
  std::string isa, precision;
  std::vector<std::string> off, kernels;
  bool plain = false;

  bool given() const {
    return !isa.empty() || !precision.empty() || !off.empty() || !kernels.empty() || plain;
  }
};

struct Options {
  ModelOptions model;
  std::string other;
  SideOptions both, a, b;
  InputOptions input;
  std::vector<std::string> files;
  int threads = 1;
  int samples = 3;
  std::uint64_t seed = 1;
  int top = 5;
  double tolerance = -1;  // negative: rounding decides
  bool layers = false;
  bool bisect = false;
  bool json = false;
};

void add_side(CommandLine& command, const std::string& prefix, const SideOptions& side) {
  command.option("--" + prefix + "isa", side.isa);
  command.option("--" + prefix + "precision", side.precision);
  for (const std::string& pass : side.off) command.option("--" + prefix + "off", pass);
  for (const std::string& kernel : side.kernels) command.option("--" + prefix + "kernel", kernel);
  command.flag("--" + prefix + "plain", side.plain);
}

std::string command_of(const Options& options) {
  CommandLine command("compare");
  command.word(options.model.path);
  if (!options.other.empty()) command.word(options.other);
  command.flag("--follow-links", options.model.follow_links);
  for (const std::string& dim : options.model.dims) command.option("--dim", dim);
  for (const std::string& file : options.files) command.option("--input", file);
  options.input.add_to(command);
  add_side(command, "", options.both);
  add_side(command, "a-", options.a);
  add_side(command, "b-", options.b);
  command.option("--threads", std::to_string(options.threads));
  command.option("--samples", std::to_string(options.samples));
  command.option("--seed", std::to_string(options.seed));
  command.option("--top", std::to_string(options.top));
  if (options.tolerance >= 0) command.option("--tolerance", fmt::format("{}", options.tolerance));
  command.flag("--layers", options.layers).flag("--bisect", options.bisect);
  return command.flag("--json", options.json).text();
}

/// What the options of both sides and of this one come to.
check::Side make_side(ir::Graph graph, const Options& options, const SideOptions& own) {
  PlanOptions plan;
  plan.threads = options.threads;
  plan.isa = own.isa.empty() ? options.both.isa : own.isa;
  for (const SideOptions* side : {&own, &options.both}) {
    if (side->precision.empty()) continue;
    plan.precision = side->precision;
    break;
  }
  plan.off = options.both.off;
  plan.off.insert(plan.off.end(), own.off.begin(), own.off.end());
  plan.kernels = own.kernels;  // first, so that they win
  plan.kernels.insert(plan.kernels.end(), options.both.kernels.begin(), options.both.kernels.end());
  runtime::SessionOptions session = plan.session();
  check::Side side;
  side.graph = std::move(graph);
  side.pass_options = session.passes;
  side.target = std::move(session.target);
  side.threads = options.threads > 0 ? options.threads : usable_threads();
  return own.plain || options.both.plain ? check::plain(std::move(side)) : side;
}

std::vector<std::vector<Tensor>> read_inputs(const Options& options, const ir::Graph& graph,
                                             DimValues& dims) {
  std::vector<std::vector<Tensor>> inputs;
  if (!options.files.empty()) {
    for (RunInputs& run :
         read_run_inputs(options.files, graph, options.model.path, options.input)) {
      inputs.push_back(std::move(run.tensors));
    }
    return inputs;
  }
  dims = runtime::typical_dims(graph, options.model.dim_values(graph));
  std::vector<Shape> shapes;
  for (const ir::ValueId id : graph.inputs) {
    shapes.push_back(evaluate(graph.value(id).type.shape, dims));
  }
  for (int i = 0; i < options.samples; ++i) {
    inputs.push_back(eval::seeded_inputs(graph, shapes, options.seed + std::uint64_t(i)));
  }
  return inputs;
}

std::string number(double value) {
  return std::isinf(value) ? "∞" : value == 0 ? "0" : fmt::format("{:.3g}", value);
}

std::string decibels(double value) {
  return std::isinf(value) ? "∞" : fmt::format("{:.1f}", value);
}

std::string part(std::int64_t count, std::int64_t of) {
  return of > 0 ? fmt::format("{}/{}", count, of) : "";
}

void print_outputs(const check::Comparison& comparison, int top) {
  report::Table table({{"output", "", report::Align::left, true, 16},
                       {"max error"},
                       {"relative"},
                       {"SQNR", "dB"},
                       {"top-1"},
                       {fmt::format("top-{}", top)}});
  for (const check::OutputDifference& output : comparison.outputs) {
    const check::Difference& difference = output.difference;
    table.add_row({output.name, number(difference.max_abs), number(difference.relative()),
                   decibels(difference.sqnr_db()), part(output.top.same_best, output.top.rows),
                   part(output.top.shared, output.top.considered)});
  }
  print(table, 80);
}

void print_layers(const check::Comparison& comparison, bool all) {
  report::Table table({{"node", "", report::Align::left, true, 20},
                       {"op", "", report::Align::left, true},
                       {"total error"},
                       {"own error"},
                       {"rounding"},
                       {"", "", report::Align::left}});
  constexpr std::size_t most = 10;
  std::size_t left_out = 0;
  for (const check::Layer& layer : comparison.layers) {
    if (!all && !layer.diverges) continue;
    if (!all && table.size() == most) {
      ++left_out;
      continue;
    }
    table.add_row({layer.node, layer.op, number(layer.total.max_abs), number(layer.local.max_abs),
                   number(layer.tolerance), layer.diverges ? "differs" : ""});
  }
  if (table.size() == 0) return;
  print("\n");
  print(table, 80);
  if (left_out > 0) print(fmt::format("and {} more; --layers shows all\n", left_out));
}

/// Whether the user's tolerance, or else rounding, has them agree.
bool agree(const Options& options, const check::Comparison& comparison) {
  if (options.tolerance < 0) return comparison.agree();
  return std::ranges::all_of(comparison.outputs, [&](const check::OutputDifference& output) {
    return output.difference.relative() <= options.tolerance;
  });
}

/// Whether rounding, where it is to decide, says anything.
bool decided(const Options& options, const check::Comparison& comparison) {
  return options.tolerance >= 0 || comparison.agreement != check::Agreement::undecided;
}

/// The node, and what is computed together with it.
std::string names_of(const check::Layer& layer) {
  std::string others;
  for (const std::string& name : layer.sources) {
    if (name != layer.node) others += (others.empty() ? "" : ", ") + name;
  }
  return layer.node + (others.empty() ? "" : " with " + others);
}

std::string verdict(const Options& options, const check::Comparison& comparison) {
  std::string text;
  if (const check::Layer* first = comparison.first()) {
    text = fmt::format(
        "first beyond rounding: {} ({}; {} in A, {} in B): error {}, rounding explains {}\n",
        report::printable(names_of(*first)), first->op, first->kernel_a, first->kernel_b,
        number(first->local.max_abs), number(first->tolerance));
  }
  double largest = 0;
  for (const check::OutputDifference& output : comparison.outputs) {
    largest = std::max(largest, output.difference.relative());
  }
  const std::string_view other_ways =
      "--tolerance sets a limit of your own, 'eval --reference' counts answers that change.\n";
  if (!decided(options, comparison)) {
    return text + fmt::format(
                      "undecided: outputs differ by up to {:.2g} % of the largest, and so many "
                      "steps lie between results that are matched that rounding could explain all "
                      "of it. {}",
                      100 * largest, other_ways);
  }
  if (!agree(options, comparison)) return text + "differ\n";
  if (options.tolerance >= 0) return text + "agree: outputs are within the tolerance\n";
  text += "agree: what differs is rounding\n";
  // What rounding to codes of few bits explains may be more than anybody wants.
  constexpr double worth_saying = 0.01;
  if (largest > worth_saying) {
    text += fmt::format(
        "It is up to {:.2g} % of the largest output, as rounding to codes of few bits brings; {}",
        100 * largest, other_ways);
  }
  return text;
}

void print_text(const Options& options, const check::Comparison& comparison,
                const std::optional<check::Blame>& blame) {
  print_outputs(comparison, options.top);
  print_layers(comparison, options.layers);
  print_wrapped(fmt::format("\n{} run{}, {} nodes matched by name, {} without a counterpart\n",
                            comparison.runs, comparison.runs == 1 ? "" : "s",
                            comparison.layers.size(), comparison.unmatched));
  print_wrapped(verdict(options, comparison));
  if (!blame) return;
  const bool found = blame->kind != check::Blame::Kind::nothing;
  std::string text =
      fmt::format("to blame: {}", found ? to_string(blame->kind) : "nothing could be found");
  if (!blame->name.empty()) text += " " + report::printable(blame->name);
  if (blame->side) text += fmt::format(" of side {}", blame->side);
  if (!blame->node.empty()) text += ", first at " + report::printable(blame->node);
  if (!blame->reason.empty()) text += fmt::format("\n  ({})", report::printable(blame->reason));
  print_wrapped(text + "\n");
}

/// JSON has no infinity: null.
json figure(double value) { return std::isfinite(value) ? json(value) : json(); }

json describe(const check::Difference& difference) {
  return {{"max_abs", figure(difference.max_abs)},
          {"relative", figure(difference.relative())},
          {"sqnr_db", figure(difference.sqnr_db())}};
}

void print_json(const Options& options, const check::Comparison& comparison,
                const std::optional<check::Blame>& blame) {
  const Isa isa = options.both.isa.empty() ? detected_isa() : parse_isa(options.both.isa);
  json document = {{"command", command_of(options)},
                   {"device", study::device_document(study::this_environment(isa))},
                   {"a", options.model.path},
                   {"b", options.other.empty() ? options.model.path : options.other},
                   {"agree", agree(options, comparison)},
                   {"decided", decided(options, comparison)},
                   {"runs", comparison.runs},
                   {"unmatched", comparison.unmatched},
                   {"first", nullptr},
                   {"outputs", json::array()},
                   {"layers", json::array()}};
  if (const check::Layer* first = comparison.first()) document["first"] = first->node;
  for (const check::OutputDifference& output : comparison.outputs) {
    json entry = describe(output.difference);
    entry["name"] = output.name;
    entry["top"] = {{"rows", output.top.rows},
                    {"same_best", output.top.same_best},
                    {"k", options.top},
                    {"shared", output.top.shared},
                    {"considered", output.top.considered}};
    document["outputs"].push_back(std::move(entry));
  }
  for (const check::Layer& layer : comparison.layers) {
    document["layers"].push_back({{"node", layer.node},
                                  {"sources", layer.sources},
                                  {"op", layer.op},
                                  {"kernel_a", layer.kernel_a},
                                  {"kernel_b", layer.kernel_b},
                                  {"total", describe(layer.total)},
                                  {"own", describe(layer.local)},
                                  {"rounding", figure(layer.tolerance)},
                                  {"differs", layer.diverges}});
  }
  if (blame) {
    document["blame"] = {{"kind", to_string(blame->kind)},
                         {"side", blame->side ? std::string(1, blame->side) : ""},
                         {"name", blame->name},
                         {"node", blame->node},
                         {"reason", blame->reason}};
  }
  print_document(document);
}

ExitCode compare(Options options) {
  // A model with nothing to compare it with is held against its own plain meaning.
  if (options.other.empty() && !options.a.given() && !options.b.given()) options.a.plain = true;
  ModelOptions other = options.model;
  if (!options.other.empty()) other.path = options.other;
  const check::Side a = make_side(options.model.load(), options, options.a);
  const check::Side b = make_side(other.load(), options, options.b);
  DimValues assumed;  // sizes of inputs that are made up
  const std::vector<std::vector<Tensor>> inputs = read_inputs(options, a.graph, assumed);
  check::CompareOptions compare_options;
  compare_options.top = std::size_t(options.top);
  const check::Comparison comparison =
      at_sizes(assumed, [&] { return check::compare(a, b, inputs, compare_options); });
  std::optional<check::Blame> blame;
  if (options.bisect && !comparison.agree()) {
    blame = check::bisect(a, b, inputs, [](const std::string& trial) {
      fmt::print(stderr, "trying {}\n", report::printable(trial));
    });
  }
  if (options.json) {
    print_json(options, comparison, blame);
  } else {
    print_text(options, comparison, blame);
  }
  return agree(options, comparison) ? success : differ;
}

void add_side_options(CLI::App& app, const std::string& prefix, const std::string& whose,
                      SideOptions& side) {
  const std::string group = "How " + whose + " run";
  app.add_option("--" + prefix + "isa", side.isa, "newest instruction set to use")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--" + prefix + "precision", side.precision, "f32 (default) or bf16")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--" + prefix + "off", side.off, "skip a pass; may be repeated")
      ->type_name("PASS")
      ->expected(1)
      ->take_all()
      ->group(group);
  app.add_option("--" + prefix + "kernel", side.kernels,
                 "run a node with this kernel; 'reference' is one; may be repeated")
      ->type_name("NODE=ROW")
      ->expected(1)
      ->take_all()
      ->group(group);
  app.add_flag("--" + prefix + "plain", side.plain, "no passes, and reference kernels only")
      ->group(group);
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, true);
  app.add_option("OTHER", options->other, "the other model; without it, the same one")
      ->type_name("FILE");
  add_input_files(app, options->files);
  add_input_options(app, options->input, false);
  app.add_option("--samples", options->samples, "without --input: random inputs to compare on")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  app.add_option("--seed", options->seed, "of the random inputs")->capture_default_str();
  app.add_option("--threads", options->threads, "threads; 0: all that this process may use")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  add_side_options(app, "", "both sides", options->both);
  add_side_options(app, "a-", "side A (MODEL)", options->a);
  add_side_options(app, "b-", "side B (OTHER)", options->b);
  app.add_option("--top", options->top, "compare the K best scores of each row")
      ->capture_default_str()
      ->type_name("K")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--tolerance", options->tolerance,
                 "accept outputs whose largest error is at most this part of the largest value, "
                 "such as 0.01; default: what rounding explains, layer by layer")
      ->type_name("PART")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--layers", options->layers, "list all nodes, not only those that differ");
  app.add_flag("--bisect", options->bisect,
               "where they differ, find the pass, the kernel or the weight to blame");
  app.add_flag("--json", options->json, "print one JSON object");
  app.footer(
      "Exit codes: 0 the sides agree, 1 they differ or it cannot be told (or an error is told: bad "
      "input). A model "
      "alone "
      "is compared with its own plain meaning. 'own error' is what a node adds when both sides "
      "get "
      "the same operands, 'rounding' how much of that is explained. See docs/compare.md.");
  return [options] { return compare(*options); };
}

}  // namespace

const Command compare_command{"compare", "Show where two models, or two ways to run one, part",
                              declare};

}  // namespace strata::cli
