#pragma once

#include <string>
#include <vector>

#include "strata/tensor/tensor.hpp"
#include "tools/cli/options.hpp"

namespace strata::cli {

/// One run: the file it is about (empty if there are several), and a tensor for each input.
struct RunInputs {
  std::string title;
  std::vector<Tensor> tensors;
};

/// Reads arrays and pictures for the inputs of a model. `files` are FILE or NAME=FILE: a model
/// with one input runs once for each file, one with several runs once on all of them. Throws usage
/// saying what the model takes.
std::vector<RunInputs> read_run_inputs(const std::vector<std::string>& files,
                                       const ir::Graph& graph, const std::string& model_path,
                                       const InputOptions& options);

/// Declares --input, which takes the place of made-up inputs and so excludes --dim. Comes after the
/// model's options.
void add_input_files(CLI::App& app, std::vector<std::string>& files);

}  // namespace strata::cli
