#include "strata/check/compare_segments.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "strata/base/error.hpp"
#include "strata/check/rounding.hpp"

namespace strata::check {
namespace {

/// What a user's node gives: its name and the number of the output.
using Name = std::pair<std::string, std::size_t>;

/// One result as it is computed.
struct Event {
  const Name& name;
  std::size_t visit;  ///< how often the node gave it before, in this run
  std::size_t k;      ///< of the step
  const Tensor& value;
  double error;  ///< what rounding explains
  const runtime::PlanCall& call;
  runtime::StepResult& result;
};

/// Follows the runs of one side: which results stand for the user's nodes, and what rounding may
/// have done to them.
class Follower : public runtime::RunObserver {
 public:
  explicit Follower(const SourceOrder& order) : order_(order) {}

  /// Called with every result that stands for one; whether it counts as free of error from then on.
  std::function<bool(const Event& event)> each;

  void begin_run(std::span<const Tensor> inputs) {
    visits_.clear();
    errors_.clear();
    frames_.clear();
    for (const Tensor& input : inputs) errors_[input.raw()] = 0;
  }

  /// All plans have run once: from now on a name stands for what the last of them gives.
  void settle() {
    for (const auto& [place, names] : names_) {
      for (const Name& name : names) owner_[name] = std::max(owner_[name], rank_[place]);
    }
  }

  double error(const Tensor& tensor) const {
    const auto found = errors_.find(tensor.raw());
    return found == errors_.end() ? 0 : found->second;
  }

  void run_plan(const runtime::PlanCall& call) override {
    const runtime::Binding& binding = call.context.binding();
    const void* place = call.segment ? static_cast<const void*>(call.segment) : &call.graph;
    rank_.emplace(place, rank_.size());
    const auto& named = results_of(binding.program(), place);
    Rounding rounding(binding);
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      rounding.add_input(i, call.inputs[i], error(call.inputs[i]));
    }
    call.context.run_hooked(call.in, call.out, [&](runtime::StepResult& result) {
      if (binding.program().steps()[result.step()].node == ir::no_node) return;
      for (std::size_t k = 0; k < result.size(); ++k) {
        const Tensor value = result.read(k);
        const double error = rounding.add_result(result.step(), result.value(k), value);
        const auto found = named.find({result.step(), k});
        if (found == named.end() || !stands_for(found->second, place)) continue;
        const std::size_t visit = visits_[found->second]++;
        if (each && each({found->second, visit, k, value, error, call, result})) {
          rounding.settle(result.value(k));
        }
      }
    });
    const ir::Graph& graph = binding.program().graph();
    for (std::size_t i = 0; i < call.outputs.size(); ++i) {
      errors_[call.outputs[i].raw()] = rounding.error(graph.outputs[i]);
    }
  }

  // What goes into a body or comes out of a loop is a slice or a stack of values whose errors are
  // known: the largest of them holds for all.
  void begin_control(const ir::Node&, std::span<const Tensor> operands) override {
    frames_.push_back(largest(operands));
  }
  void begin_body(std::span<const Tensor> inputs) override {
    for (const Tensor& input : inputs) errors_[input.raw()] = frames_.back();
  }
  void end_body(std::span<const Tensor> outputs) override {
    frames_.back() = std::max(frames_.back(), largest(outputs));
  }
  void copied(const Tensor& from, const Tensor& to) override { errors_[to.raw()] = error(from); }
  void end_control(const ir::Node&, std::span<const Tensor> results) override {
    for (const Tensor& result : results) errors_[result.raw()] = frames_.back();
    frames_.pop_back();
  }

 private:
  double largest(std::span<const Tensor> tensors) const {
    double most = 0;
    for (const Tensor& tensor : tensors) most = std::max(most, error(tensor));
    return most;
  }

  bool stands_for(const Name& name, const void* place) {
    const auto owner = owner_.find(name);
    return owner == owner_.end() || owner->second == rank_[place];
  }

  const std::map<ResultId, Name>& results_of(const runtime::Program& program, const void* place) {
    const auto known = named_.find(&program);
    if (known != named_.end()) return known->second;
    std::map<ResultId, Name>& named = named_[&program];
    for (const auto& [name, id] : named_results(program, order_)) {
      named.emplace(id, name);
      names_[place].insert(name);
    }
    return named;
  }

  const SourceOrder& order_;
  std::map<const runtime::Program*, std::map<ResultId, Name>> named_;
  std::map<const void*, std::set<Name>> names_;
  std::map<const void*, std::size_t> rank_;  // of segments, in the order of their first run
  std::map<Name, std::size_t> owner_;
  std::map<Name, std::size_t> visits_;
  std::map<const void*, double> errors_;  // of tensors by address
  std::vector<double> frames_;            // of the control flow that is under way
};

class SegmentComparer {
 public:
  SegmentComparer(const Side& a, const Side& b, const CompareOptions& options, Comparison& result)
      : graph_a_(a.graph),
        graph_b_(b.graph),
        a_(with_context([] { return "A"; }, [&] { return session_of(a); })),
        b_(with_context([] { return "B"; }, [&] { return session_of(b); })),
        options_(options),
        result_(result),
        follow_a_(order_),
        follow_b_(order_) {
    order_.add(a.graph);
    order_.add(b.graph);
    if (a_.output_names().size() != b_.output_names().size()) {
      fail(ErrorCode::usage, "A gives {} outputs, B {}: models that give the same are compared",
           a_.output_names().size(), b_.output_names().size());
    }
    for (const std::string& name : a_.output_names()) result_.outputs.push_back({name, {}, {}});
  }

  void run(std::span<const Tensor> inputs) {
    const std::vector<Tensor> own = reordered_inputs(graph_a_, graph_b_, inputs);
    if (result_.runs == 0) {
      run_side(a_, follow_a_, inputs, {});
      run_side(b_, follow_b_, own, {});
      follow_a_.settle();
      follow_b_.settle();
    }
    const std::vector<Tensor> expected = run_a(inputs);
    const std::vector<Tensor> outputs = run_b(own);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].shape() != expected[i].shape()) {
        fail(ErrorCode::usage, "output {} is {} in A and {} in B", result_.outputs[i].name,
             to_string(expected[i].shape()), to_string(outputs[i].shape()));
      }
      result_.outputs[i].difference.add(measure(expected[i], outputs[i]));
      result_.outputs[i].top.add(top_agreement(expected[i], outputs[i], options_.top));
    }
    run_step_by_step(own, expected);
    ++result_.runs;
  }

 private:
  using Key = std::pair<Name, std::size_t>;  // and the visit
  struct Kept {
    Tensor value;
    double error = 0;
    std::string kernel;
  };

  static std::vector<Tensor> run_side(runtime::Session& session, Follower& follower,
                                      std::span<const Tensor> inputs,
                                      std::function<bool(const Event&)> each) {
    session.reset();
    follower.each = std::move(each);
    follower.begin_run(inputs);
    return session.run(inputs, &follower);
  }

  static std::string kernel_of(const Event& event) {
    return std::string(event.call.context.binding().steps()[event.result.step()].row->name);
  }

  std::vector<Tensor> run_a(std::span<const Tensor> inputs) {
    kept_.clear();
    const std::vector<Tensor> outputs = run_side(a_, follow_a_, inputs, [&](const Event& event) {
      kept_[{event.name, event.visit}] = {event.value, event.error, kernel_of(event)};
      return true;
    });
    output_errors_.clear();
    for (const Tensor& output : outputs) output_errors_.push_back(follow_a_.error(output));
    return outputs;
  }

  /// What A computed in the place of this; null if that is nothing alike.
  const Kept* match(const Event& event) const {
    const auto found = kept_.find({event.name, event.visit});
    if (found == kept_.end()) return nullptr;
    const Tensor& value = found->second.value;
    const bool alike = value.shape() == event.value.shape() && value.dtype() == event.value.dtype();
    return alike ? &found->second : nullptr;
  }

  Layer& layer_of(const Event& event, const Kept& kept) {
    const auto known = layers_.find(event.name);
    if (known != layers_.end()) return result_.layers[known->second];
    layers_.emplace(event.name, result_.layers.size());
    const runtime::Program& program = event.call.context.binding().program();
    const runtime::Step& step = program.steps()[event.result.step()];
    Layer& layer = result_.layers.emplace_back();
    layer.node = event.name.first;
    layer.sources = program.graph().node(step.node).sources;
    layer.op = step.op;
    layer.kernel_a = kept.kernel;
    layer.kernel_b = kernel_of(event);
    return layer;
  }

  std::vector<Tensor> run_b(std::span<const Tensor> inputs) {
    return run_side(b_, follow_b_, inputs, [&](const Event& event) {
      if (const Kept* kept = match(event)) {
        layer_of(event, *kept).total.add(measure(kept->value, event.value));
      } else if (unmatched_.insert(event.name).second) {
        ++result_.unmatched;
      }
      return true;
    });
  }

  /// B, where each matched result is replaced by A's as soon as it is judged, so that loops and
  /// branches go as they did in A.
  void run_step_by_step(std::span<const Tensor> inputs, const std::vector<Tensor>& expected) {
    const std::vector<Tensor> outputs = run_side(b_, follow_b_, inputs, [&](const Event& event) {
      const Kept* kept = match(event);
      if (!kept) return false;
      const Difference difference = measure(kept->value, event.value);
      if (!layer_of(event, *kept).judge(difference, event.error + kept->error)) {
        result_.note(Agreement::differ);
      }
      event.result.write(event.k, kept->value);
      return true;
    });
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const double tolerance = follow_b_.error(outputs[i]) + output_errors_[i];
      if (outputs[i].shape() == expected[i].shape()) {
        result_.judge_output(measure(expected[i], outputs[i]), tolerance);
      } else {
        result_.note(Agreement::differ);
      }
    }
  }

  const ir::Graph &graph_a_, &graph_b_;
  runtime::Session a_, b_;
  CompareOptions options_;
  Comparison& result_;
  SourceOrder order_;
  Follower follow_a_, follow_b_;
  std::map<Key, Kept> kept_;            // what A computes
  std::map<Name, std::size_t> layers_;  // place in the result
  std::set<Name> unmatched_;
  std::vector<double> output_errors_;  // how far A's may be off
};

}  // namespace

Comparison compare_in_segments(const Side& a, const Side& b,
                               std::span<const std::vector<Tensor>> inputs,
                               const CompareOptions& options) {
  Comparison result;
  SegmentComparer comparer(a, b, options, result);
  for (const std::vector<Tensor>& each : inputs) comparer.run(each);
  return result;
}

}  // namespace strata::check
