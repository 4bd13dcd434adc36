#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/context.hpp"
#include "strata/runtime/target.hpp"

namespace strata::check {

/// A model and how it is to be run.
struct Side {
  ir::Graph graph;  ///< as the user has it
  std::vector<const ir::Pass*> passes{ir::all_passes().begin(), ir::all_passes().end()};
  ir::PassOptions pass_options;
  runtime::Target target = runtime::default_target();
  int threads = 1;
};

/// The plainest meaning of a side's model: no pass, every node by its reference implementation.
Side plain(Side side);

/// Ranks of the user's nodes by name: where they stand in the order of a model's nodes.
class SourceOrder {
 public:
  void add(const ir::Graph& graph);
  /// The one that comes last: what is computed from all of them together; empty if none is known.
  std::string last(const ir::Sources& sources) const;

 private:
  std::map<std::string, std::size_t, std::less<>> ranks_;
};

/// One result of one step.
struct ResultId {
  std::size_t step = 0;
  std::size_t output = 0;
  auto operator<=>(const ResultId&) const = default;
};

/// A side optimised, compiled and bound for inputs of these shapes.
class Execution {
 public:
  /// Throws usage for inputs that do not fit, unsupported where sizes depend on data.
  Execution(const Side& side, std::span<const Shape> inputs);

  /// One run from the initial states; `after` sees every step's results.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::StepHook& after = {});

  const runtime::Binding& binding() const { return *binding_; }
  const runtime::Program& program() const { return binding_->program(); }
  const ir::Graph& graph() const { return program().graph(); }

  /// The results that stand for what one of the user's nodes gives, by its name and the number of
  /// the output. Where a node became several, that is the last.
  std::map<std::pair<std::string, std::size_t>, ResultId> named_results(
      const SourceOrder& order) const;

 private:
  std::shared_ptr<const runtime::Binding> binding_;
  std::shared_ptr<ThreadPool> pool_;
};

}  // namespace strata::check
