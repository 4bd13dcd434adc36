#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/base/error.hpp"
#include "strata/data/dataset.hpp"
#include "strata/formats/load.hpp"
#include "strata/runtime/session.hpp"
#include "tools/cli/command_line.hpp"

namespace CLI {
class App;
}

namespace strata::cli {

/// "64K", "64KB", "64KiB" and likewise M and G (powers of 1024, in any case), or a number of bytes;
/// throws usage naming the option.
std::size_t parse_size(std::string_view option, std::string_view text);

/// Before anything is computed: throws usage if there is no folder for a file that is to be
/// written, or a folder in its place.
void check_folder(std::string_view option, const std::filesystem::path& file);

/// Options of every command that reads a model.
struct ModelOptions {
  std::string path;
  bool follow_links = false;
  std::string arithmetic;
  bool literal = false;
  bool verify = false;            // for commands that read all weights
  std::vector<std::string> dims;  // "NAME=VALUE"

  ir::Graph load() const { return load_model().graph; }
  formats::Model load_model() const;
  /// Throws usage for a malformed or unknown name.
  DimValues dim_values(const ir::Graph& graph) const;
  void add_to(CommandLine& command) const;
};
/// Runs `body` at these sizes; an error that leaves it says which ones were taken and that --dim
/// sets them.
template <class Body>
decltype(auto) at_sizes(const DimValues& dims, Body&& body) {
  std::string text;
  for (const auto& [symbol, value] : dims.items()) {
    text += fmt::format("{}{} = {}", text.empty() ? "with " : ", ", symbol, value);
  }
  if (text.empty()) return std::forward<Body>(body)();
  return with_context([&] { return text + " (--dim sets sizes)"; }, std::forward<Body>(body));
}
/// `with_dims`: also --dim, for commands that make up inputs.
void add_model_options(CLI::App& app, ModelOptions& options, bool with_dims);

/// Options of every command that plans and runs a model.
struct PlanOptions {
  std::optional<int> threads;  // none: what the file says, else 1
  std::string isa;
  std::optional<std::string> precision;  // none: what the file says, else f32
  std::vector<std::string> off;
  std::vector<std::string> kernels;  // "NODE=ROW"
  std::string memory_budget;
  std::int64_t loop_limit = runtime::SessionOptions().loop_limit;
  bool check_passes = false;
  bool ignore_choices = false;

  /// What a session is made with. Throws usage.
  runtime::SessionOptions session(const DimValues& typical = {}) const;
  /// The same for this model: as its file says that it is best run where no option says otherwise,
  /// with the weights that are packed there.
  runtime::SessionOptions session_for(const formats::Model& model,
                                      const DimValues& typical = {}) const;
  void add_to(CommandLine& command) const;
};
void add_plan_options(CLI::App& app, PlanOptions& options);

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);
/// Throws usage if the output would replace the model it is made from.
void check_output_is_another(const std::filesystem::path& model,
                             const std::filesystem::path& output);

/// Options that say how bytes and pixels become numbers.
struct InputOptions {
  std::string labels;
  std::string preprocess;
  std::vector<std::pair<std::string, std::string>> image_keys;

  /// For an input of a model loaded from `model_path`; without a name, the only one.
  data::DatasetOptions dataset(const ir::Graph& graph, const std::string& model_path,
                               const std::string& input_name = "") const;
  void add_to(CommandLine& command) const;
};
/// `with_labels`: also --labels.
void add_input_options(CLI::App& app, InputOptions& options, bool with_labels);

}  // namespace strata::cli
