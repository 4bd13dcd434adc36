#include "tools/cli/options.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <limits>

#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"
#include "strata/data/sidecar.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/saved_choices.hpp"

namespace strata::cli {
namespace {

/// Both sides of "NAME=VALUE"; the name may contain '=' itself.
std::pair<std::string, std::string> split_pair(std::string_view option, const std::string& text,
                                               std::string_view form) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    fail(ErrorCode::usage, "{}: '{}' given, {} expected", option, text, form);
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return {};
  return value;
}

std::string pass_names() {
  std::string names;
  for (const ir::Pass* pass : ir::all_passes()) {
    names += std::string(pass->name) + ", ";
  }
  return names + std::string(runtime::blocks_switch);
}

}  // namespace

std::size_t parse_size(std::string_view option, std::string_view text) {
  constexpr std::string_view units[] = {"", "K", "M", "G"};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string unit(text.substr(digits + (text.substr(digits).starts_with(' ') ? 1 : 0)));
  for (char& c : unit) c = c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  std::optional<std::int64_t> size;
  for (std::size_t power = 0; power < std::size(units); ++power) {
    const std::string name(units[power]);
    if (unit != name && unit != name + "B" && (power == 0 || unit != name + "IB")) continue;
    const auto number = parse_integer(text.substr(0, digits));
    if (number && *number > 0) size = checked_mul(*number, std::int64_t(1) << (10 * power));
  }
  if (!size) {
    fail(ErrorCode::usage,
         "{}: '{}' given, a number of bytes such as 65536, 64K (or 64KiB), 1M or 2G expected",
         option, text);
  }
  return std::size_t(*size);
}

void check_folder(std::string_view option, const std::filesystem::path& file) {
  std::error_code ignored;
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail(ErrorCode::usage, "{}: there is no folder {}", option, folder.string());
  }
  if (std::filesystem::is_directory(file, ignored)) {
    fail(ErrorCode::usage, "{}: {} is a folder, a file expected", option, file.string());
  }
}

void add_model_options(CLI::App& app, ModelOptions& options, bool with_dims) {
  app.add_option("MODEL", options.path,
                 "model file: ONNX, TensorFlow Lite, or Strata's container or text form")
      ->type_name("FILE")
      ->required();
  if (with_dims) {
    app.add_option("--dim", options.dims,
                   "value of a symbolic dimension, as NAME=VALUE; 1 where none is given")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
  }
  app.add_flag("--follow-links", options.follow_links,
               "let symbolic links to external weights lead out of the model's folder");
  app.add_option("--arithmetic", options.arithmetic,
                 "whose rounding integer ops of a TensorFlow Lite model follow: tflite_xnnpack "
                 "(default, what its runtime does), tflite_optimized (the same without XNNPACK) or "
                 "tflite_reference")
      ->type_name("MODE");
  app.add_flag("--literal", options.literal,
               "compute quantized ONNX models op by op on floats, as the standard says, instead of "
               "on integers where quantizers surround an op");
}

formats::Model ModelOptions::load_model() const {
  formats::LoadOptions load_options;
  if (follow_links) load_options.external = formats::ExternalData::follow_links;
  if (!arithmetic.empty()) load_options.arithmetic = formats::model_arithmetic(arithmetic);
  load_options.literal = literal;
  load_options.verify = verify;
  return formats::load_model(path, load_options);
}

DimValues ModelOptions::dim_values(const ir::Graph& graph) const {
  std::vector<std::string> symbols;
  for (const ir::ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).type.shape) dim.collect_symbols(symbols);
  }
  DimValues values;
  for (const std::string& text : dims) {
    const auto [name, value] = split_pair("--dim", text, "NAME=VALUE");
    const auto number = parse_integer(value);
    if (!number || *number < 0) {
      fail(ErrorCode::usage, "--dim {}: '{}' given, a size of 0 or more expected", name, value);
    }
    if (std::ranges::find(symbols, name) == symbols.end()) {
      std::string accepted;
      for (const std::string& s : symbols) accepted += (accepted.empty() ? "" : ", ") + s;
      fail(ErrorCode::usage, "--dim {}: the inputs have {}", name,
           symbols.empty() ? "no symbolic dimensions" : "the dimensions " + accepted);
    }
    values.set(name, *number);
  }
  return values;
}

void ModelOptions::add_to(CommandLine& command) const {
  command.word(path).flag("--follow-links", follow_links).option("--arithmetic", arithmetic);
  command.flag("--literal", literal);
  for (const std::string& dim : dims) command.option("--dim", dim);
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::weakly_canonical(a, ignored) ==
         std::filesystem::weakly_canonical(b, ignored);
}

void check_output_is_another(const std::filesystem::path& model,
                             const std::filesystem::path& output) {
  if (same_file(model, output)) {
    fail(ErrorCode::usage,
         "{}: what is written would replace the model it is made from; give it "
         "another name",
         output.string());
  }
}

void add_plan_options(CLI::App& app, PlanOptions& options) {
  app.add_option("--threads", options.threads,
                 "threads; 0: all that this process may use (default: what the file says, else 1)")
      ->check(CLI::Range(0, 256));
  app.add_option("--isa", options.isa,
                 "newest instruction set to use: baseline, avx2, avx512, avx512_vnni, avx512_bf16 "
                 "or neon (default: all that this machine has)")
      ->type_name("NAME");
  app.add_option("--precision", options.precision,
                 "f32, or bf16: convolutions and matrix products round their factors to bf16 and "
                 "add in f32 (needs avx512_bf16). Default: what the file says, else f32")
      ->type_name("NAME");
  app.add_option("--off", options.off, "skip a pass; may be repeated. Passes: " + pass_names())
      ->type_name("PASS")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--kernel", options.kernels,
                 "run a node with this kernel, as NODE=ROW; may be repeated ('bench --explain' "
                 "lists them)")
      ->type_name("NODE=ROW")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option(
         "--memory-budget", options.memory_budget,
         "most bytes for activations and scratch, such as 64K or 1M; refuse to plan beyond. "
         "Where sizes depend on data, also for values between segments (default: the "
         "memory of this machine)")
      ->type_name("SIZE");
  app.add_option("--loop-limit", options.loop_limit,
                 "most iterations and branches in one run of a model with control flow")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t(1), std::numeric_limits<std::int64_t>::max()));
  app.add_flag("--ignore-choices", options.ignore_choices,
               "leave what the file says of threads, precision, passes and kernels: 'optimize' "
               "writes how a model is best run");
  app.add_flag("--check-passes", options.check_passes,
               "run the reference interpreter around each pass and name the first that changes "
               "results");
}

runtime::SessionOptions PlanOptions::session(const DimValues& typical) const {
  runtime::SessionOptions session_options;
  if (threads) session_options.threads = *threads;
  session_options.passes.off = off;
  session_options.passes.check = check_passes;
  if (!memory_budget.empty()) {
    session_options.memory_budget = parse_size("--memory-budget", memory_budget);
  }
  session_options.loop_limit = loop_limit;
  if (!isa.empty()) session_options.target.isa = parse_isa(isa);
  if (precision) session_options.target.precision = runtime::parse_precision(*precision);
  runtime::check_precision(session_options.target);
  for (const std::string& text : kernels) {
    auto [node, row] = split_pair("--kernel", text, "NODE=ROW");
    session_options.target.pins.push_back({std::move(node), std::move(row)});
  }
  session_options.target.typical = typical;
  return session_options;
}

runtime::SessionOptions PlanOptions::session_for(const formats::Model& model,
                                                 const DimValues& typical) const {
  runtime::SessionOptions session_options = session(typical);
  if (!ignore_choices) {
    const runtime::Given given{threads.has_value(), precision.has_value()};
    runtime::follow(runtime::saved_choices(model.info.metadata), given, session_options);
  }
  runtime::Target& target = session_options.target;
  target.packed->offer(model.graph, model.packed, target.rows);
  return session_options;
}

void PlanOptions::add_to(CommandLine& command) const {
  if (threads) command.option("--threads", std::to_string(*threads));
  command.option("--isa", isa);
  if (precision) command.option("--precision", *precision);
  for (const std::string& pass : off) command.option("--off", pass);
  for (const std::string& kernel : kernels) command.option("--kernel", kernel);
  command.option("--memory-budget", memory_budget);
  if (loop_limit != PlanOptions().loop_limit) {
    command.option("--loop-limit", std::to_string(loop_limit));
  }
  command.flag("--ignore-choices", ignore_choices).flag("--check-passes", check_passes);
}

void add_input_options(CLI::App& app, InputOptions& options, bool with_labels) {
  if (with_labels) {
    app.add_option("--labels", options.labels,
                   "labels of data that bring none: an .npy or idx file for arrays, a csv for "
                   "pictures and clips")
        ->type_name("FILE");
  }
  app.add_option("--preprocess", options.preprocess,
                 "sidecar that says how pixels become numbers and what the classes are called "
                 "(pictures: default is a preprocess.toml beside the model)")
      ->type_name("FILE");
  constexpr std::pair<const char*, const char*> keys[] = {
      {"resize", "pictures: the short side becomes this many pixels"},
      {"crop", "pictures: HEIGHT,WIDTH cut from the centre, after --resize"},
      {"size", "pictures: resize to exactly HEIGHT,WIDTH"},
      {"interpolation", "pictures: bilinear (default) or bicubic"},
      {"channels", "pictures: rgb, bgr or gray (default: what the model takes)"},
      {"layout", "pictures: nchw or nhwc (default: what the model takes)"},
      {"divide", "value = (pixel / divide - mean) / std; default 1"},
      {"mean", "one number or one for each channel, as 0.485,0.456,0.406; default 0"},
      {"std", "one number or one for each channel; default 1"}};
  for (const auto& [key, text] : keys) {
    app.add_option_function<std::string>(
           std::string("--") + key,
           [&options, key = key](const std::string& value) {
             options.image_keys.emplace_back(key, value);
           },
           text)
        ->type_name("VALUE")
        ->group("Pictures (go before the sidecar)");
  }
}

data::DatasetOptions InputOptions::dataset(const ir::Graph& graph, const std::string& model_path,
                                           const std::string& input_name) const {
  data::DatasetOptions dataset_options = eval::dataset_options(graph, input_name);
  dataset_options.labels = labels;
  dataset_options.preprocess = preprocess;
  dataset_options.model = model_path;
  dataset_options.image_keys = image_keys;
  return dataset_options;
}

void InputOptions::add_to(CommandLine& command) const {
  command.option("--labels", labels).option("--preprocess", preprocess);
  for (const auto& [key, value] : image_keys) command.option("--" + key, value);
}

}  // namespace strata::cli
