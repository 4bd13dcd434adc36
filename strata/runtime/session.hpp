#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/context.hpp"

namespace strata::runtime {

struct SessionOptions {
  int threads = 1;  ///< 0: as many as this process may use
  ir::PassOptions passes;
  bool optimize = true;  ///< run the pass pipeline
  std::optional<std::size_t> memory_budget;
  Target target = default_target();
};

/// A graph ready to run with inputs of any size its types allow: optimises, compiles, binds on
/// demand and keeps the latest bindings. Compiles when made if symbols may be 1 (or have a value in
/// target.typical), else for the first inputs; and again for sizes that the kernels chosen cannot
/// do. For one caller at a time.
class Session {
 public:
  explicit Session(ir::Graph graph, SessionOptions options = {});

  /// The types as the user's model declares them.
  const std::vector<std::string>& input_names() const { return input_names_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<ir::TensorType>& input_types() const { return input_types_; }
  const std::vector<ir::TensorType>& output_types() const { return output_types_; }

  /// Inputs in the order of input_names. Throws usage saying what was given and what is accepted.
  std::vector<Tensor> run(std::span<const Tensor> inputs);

  /// The context for these input shapes, binding if they are new.
  Context& context(std::span<const Shape> input_shapes);

  /// States back to their initial values.
  void reset() { states_->reset(); }

  /// The latest. Throws usage before it is compiled.
  const Program& program() const;
  /// The same for contexts of the caller's own.
  std::shared_ptr<const Program> shared_program() const { return program_; }
  const std::vector<ir::PassRecord>& passes() const { return passes_; }
  int threads() const { return pool_->size(); }

 private:
  struct Bound {
    std::vector<Shape> shapes;
    std::unique_ptr<Context> context;
    std::uint64_t last_use = 0;
  };

  void compile(const DimValues& typical);
  std::shared_ptr<const Binding> bind(const DimValues& dims);

  SessionOptions options_;
  std::vector<std::string> input_names_, output_names_;
  std::vector<ir::TensorType> input_types_, output_types_;
  std::vector<ir::PassRecord> passes_;
  ir::Graph graph_;  // optimised
  std::shared_ptr<const Program> program_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<States> states_;
  std::vector<Bound> bound_;  // at most 8, least recently used goes first
  std::uint64_t uses_ = 0;
};

}  // namespace strata::runtime
