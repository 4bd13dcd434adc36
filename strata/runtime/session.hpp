#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/context.hpp"
#include "strata/runtime/run_observer.hpp"
#include "strata/runtime/segments.hpp"
#include "strata/runtime/stage.hpp"

namespace strata::runtime {

/// In the list of passes to skip, the name of what Target::blocks allows.
inline constexpr std::string_view blocks_switch = "blocks";

struct SessionOptions {
  int threads = 1;         ///< 0: as many as this process may use
  ir::PassOptions passes;  ///< those off may have blocks_switch among them
  bool optimize = true;    ///< run the pass pipeline
  /// Most bytes of a run: of the arena, and where sizes depend on data of the values between
  /// segments too, those that loops collect among them. Weights, states and what the caller gives
  /// do not count. None: the memory that this process may use.
  std::optional<std::size_t> memory_budget;
  /// Most calls of bodies (iterations, branches taken) in one run, those within others counted too.
  std::int64_t loop_limit = 10'000'000;
  /// Asked before each of them, if set; true ends the run with an Error (usage), and it may throw.
  std::function<bool()> stopped;
  Target target = default_target();
};

/// A graph ready to run with inputs of any size its types allow: optimises, compiles, binds on
/// demand and keeps the latest bindings. Compiles when made if symbols may be 1 (or have a value in
/// target.typical), else for the first inputs; and again for sizes that the kernels chosen cannot
/// do. A graph whose sizes depend on data runs in segments, each compiled when its sizes are first
/// known. For one caller at a time.
class Session {
 public:
  explicit Session(ir::Graph graph, SessionOptions options = {});
  Session(Session&&) noexcept;
  ~Session();

  /// Another session over the same programs and packed weights, for another caller at the same
  /// time: it has its own threads, arenas and states, which start at their initial values. Not
  /// while this one runs.
  Session share() const;

  /// The types as the user's model declares them.
  const std::vector<std::string>& input_names() const { return input_names_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<ir::TensorType>& input_types() const { return input_types_; }
  const std::vector<ir::TensorType>& output_types() const { return output_types_; }

  /// Inputs in the order of input_names. Throws usage saying what was given and what is accepted.
  /// With an observer, that runs the plans.
  std::vector<Tensor> run(std::span<const Tensor> inputs, RunObserver* observer = nullptr);
  /// Most bytes that the latest run needed at a time, as the budget counts them; 0 before it, or if
  /// is_static.
  std::size_t peak_bytes() const { return peak_bytes_; }

  /// Whether sizes follow from those of the inputs alone: then there is one program, and contexts
  /// of it can be had.
  bool is_static() const { return stages_.size() == 1 && segments_.empty(); }
  /// The context for these input shapes, binding if they are new. Throws usage unless is_static.
  Context& context(std::span<const Shape> input_shapes);

  /// States back to their initial values.
  void reset() { states_->reset(); }

  /// The latest. Throws usage unless is_static, model before it is compiled: with why the sizes
  /// that were assumed would not do.
  const Program& program() const { return *shared_program(); }
  /// The same for contexts of the caller's own.
  std::shared_ptr<const Program> shared_program() const;
  /// The plans kept for sizes met, of all segments and subgraphs; valid until the next run.
  std::vector<const Binding*> bindings() const;
  /// What is optimised and run; where it is cut, if at all.
  const ir::Graph& graph() const { return graph_; }
  std::span<const Segment> segments() const { return segments_; }
  const std::vector<ir::PassRecord>& passes() const { return passes_; }
  int threads() const { return pool_->size(); }

 private:
  using Bodies =
      std::map<std::pair<ir::NodeId, std::string>, std::unique_ptr<Session>, std::less<>>;
  struct Run;
  struct Limits;

  /// With an arena, a body of a session that has this one.
  Session(ir::Graph graph, SessionOptions options, std::shared_ptr<ThreadPool> pool,
          std::shared_ptr<Arena> arena);
  Session(const Session& other, std::shared_ptr<ThreadPool> pool, std::shared_ptr<Arena> arena);
  void describe();
  void prepare();
  void prepare_segments();
  void add_bodies(ir::NodeId node);
  std::vector<Tensor> checked(std::span<const Tensor> inputs) const;
  std::vector<Tensor> run_planned(std::span<const Tensor> inputs, RunObserver* observer);
  std::vector<Tensor> run_body(std::span<const Tensor> inputs, Limits& limits);
  std::vector<Tensor> run_segments(std::span<const Tensor> inputs, Limits& limits);
  void run_control(const Segment& segment, Run& run, Limits& limits);
  void run_stage(const Segment& segment, Stage& stage, Run& run, Limits& limits);
  std::vector<Tensor> run_context(Context& context, const Segment* segment,
                                  std::span<const Tensor> inputs, Limits& limits) const;
  std::vector<Tensor> own_outputs(const Run& run, Limits& limits) const;

  SessionOptions options_;
  std::vector<std::string> input_names_, output_names_;
  std::vector<ir::TensorType> input_types_, output_types_;
  std::vector<ir::PassRecord> passes_;
  ir::Graph graph_;  // optimised
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<Arena> arena_;  // of all segments and bodies; none if there is one plan
  std::shared_ptr<States> states_;
  std::size_t peak_bytes_ = 0;
  std::vector<Segment> segments_;  // none if sizes are static
  std::string not_compiled_;       // why not, when made
  std::deque<Stage> stages_;       // of the segments that are graphs, in their order
  Bodies bodies_;
};

}  // namespace strata::runtime
