#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/session.hpp"
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

/// A session for the side, with the same passes and kernels; within bodies too, nodes know what
/// they come from.
runtime::Session session_of(const Side& side);
/// Whether, optimised, sizes in the side's model depend on data.
bool runs_in_segments(const Side& side);

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

/// The results of a program that stand for what one of the user's nodes gives, by its name and the
/// number of the output. Where a node became several, that is the last.
using NamedResults = std::map<std::pair<std::string, std::size_t>, ResultId>;
NamedResults named_results(const runtime::Program& program, const SourceOrder& order);

/// A side optimised, compiled and bound for inputs of these shapes.
class Execution {
 public:
  /// Throws usage for inputs that do not fit. Sizes must not depend on data.
  Execution(const Side& side, std::span<const Shape> inputs);

  /// One run from the initial states; `after` sees every step's results.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::StepHook& after = {});

  const runtime::Binding& binding() const { return *binding_; }
  const runtime::Program& program() const { return binding_->program(); }
  const ir::Graph& graph() const { return program().graph(); }

 private:
  std::shared_ptr<const runtime::Binding> binding_;
  std::shared_ptr<ThreadPool> pool_;
};

}  // namespace strata::check
