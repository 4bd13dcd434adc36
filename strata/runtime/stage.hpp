#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "strata/runtime/context.hpp"
#include "strata/runtime/run_account.hpp"

namespace strata::runtime {

struct StageOptions {
  std::optional<std::size_t> memory_budget;
  Target target;
};

/// A graph with a program for the sizes met, compiled when first needed and again for sizes that
/// the kernels chosen cannot do, and with the latest bindings. For one caller at a time.
class Stage {
 public:
  /// Without states they are not part of the graph.
  Stage(ir::Graph graph, StageOptions options, std::shared_ptr<ThreadPool> pool,
        std::shared_ptr<States> states = {});
  /// A part of a graph that runs in segments: all have one arena, which whoever runs them reserves.
  Stage(ir::Graph graph, StageOptions options, std::shared_ptr<ThreadPool> pool,
        std::shared_ptr<Arena> arena);

  /// The same graph and program for another caller. Without an arena there is one for each context.
  Stage share(std::shared_ptr<ThreadPool> pool, std::shared_ptr<States> states,
              std::shared_ptr<Arena> arena) const;

  /// Chooses kernels for these sizes.
  void compile(const DimValues& typical);
  /// The context for these sizes, binding if they are new. `account` reserves its arena.
  Context& context(std::span<const Shape> inputs, const DimValues& dims,
                   RunAccount* account = nullptr);

  const ir::Graph& graph() const { return graph_; }
  /// The latest; null before it is compiled.
  const std::shared_ptr<const Program>& program() const { return program_; }
  /// The bindings kept, oldest first; they go with the calls of `context` to come.
  std::vector<const Binding*> bindings() const;

 private:
  struct Bound {
    std::vector<Shape> shapes;
    DimValues dims;
    std::unique_ptr<Context> context;
    std::uint64_t last_use = 0;
  };

  std::unique_ptr<Context> make_context(std::shared_ptr<const Binding> binding) const;
  std::shared_ptr<const Binding> bind(const DimValues& dims);

  ir::Graph graph_;
  StageOptions options_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<States> states_;
  std::shared_ptr<Arena> arena_;  // null: each context has its own
  std::shared_ptr<const Program> program_;
  std::vector<Bound> bound_;  // at most 8, least recently used goes first
  std::uint64_t uses_ = 0;
};

}  // namespace strata::runtime
