#include "strata/check/compare.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/check/compare_segments.hpp"
#include "strata/check/rounding.hpp"

namespace strata::check {
namespace {

/// Results of A and B that stand for the same.
struct Match {
  std::string node;
  ResultId a, b;
};

const Shape& shape_of(const Execution& side, const ResultId& id) {
  const int buffer = side.program().steps()[id.step].out[id.output];
  return side.binding().buffers()[std::size_t(buffer)].shape;
}

DType dtype_of_result(const Execution& side, const ResultId& id) {
  const int buffer = side.program().steps()[id.step].out[id.output];
  return side.graph().value(side.program().buffers()[std::size_t(buffer)].value).type.dtype;
}

std::vector<Match> find_matches(const Side& a, const Side& b, const Execution& run_a,
                                const Execution& run_b) {
  SourceOrder order;
  order.add(a.graph);
  order.add(b.graph);
  const NamedResults named_a = named_results(run_a.program(), order);
  const NamedResults named_b = named_results(run_b.program(), order);
  std::vector<Match> matches;
  for (const auto& [name, id_b] : named_b) {
    const auto found = named_a.find(name);
    if (found == named_a.end()) continue;
    const ResultId& id_a = found->second;
    if (shape_of(run_a, id_a) != shape_of(run_b, id_b) ||
        dtype_of_result(run_a, id_a) != dtype_of_result(run_b, id_b)) {
      continue;
    }
    matches.push_back({name.first, id_a, id_b});
  }
  std::ranges::sort(matches, {}, &Match::b);
  return matches;
}

/// Both sides, made ready for inputs of one size, and what has been found so far.
class Comparer {
 public:
  Comparer(const Side& a, const Side& b, std::span<const Tensor> inputs,
           const CompareOptions& options, Comparison& result)
      : graph_a_(a.graph),
        graph_b_(b.graph),
        a_(with_context([] { return "A"; }, [&] { return Execution(a, shapes(inputs)); })),
        b_(with_context([] { return "B"; }, [&] { return Execution(b, shapes(for_b(inputs))); })),
        matches_(find_matches(a, b, a_, b_)),
        options_(options),
        result_(result) {
    if (a_.graph().outputs.size() != b_.graph().outputs.size()) {
      fail(ErrorCode::usage, "A gives {} outputs, B {}: models that give the same are compared",
           a_.graph().outputs.size(), b_.graph().outputs.size());
    }
    for (std::size_t i = 0; i < matches_.size(); ++i) {
      of_a_[matches_[i].a] = i;
      of_b_[matches_[i].b] = i;
    }
    if (result_.layers.empty()) describe();
  }

  void run(std::span<const Tensor> inputs) {
    values_.assign(matches_.size(), {});
    errors_.assign(matches_.size(), 0);
    const std::vector<Tensor> measure = run_a(inputs);
    const std::vector<Tensor> own = for_b(inputs);
    const std::vector<Tensor> outputs = run_b(own);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].shape() != measure[i].shape()) {
        fail(ErrorCode::usage, "output {} is {} in A and {} in B", result_.outputs[i].name,
             to_string(measure[i].shape()), to_string(outputs[i].shape()));
      }
      result_.outputs[i].difference.add(check::measure(measure[i], outputs[i]));
      result_.outputs[i].top.add(top_agreement(measure[i], outputs[i], options_.top));
    }
    run_step_by_step(own, measure);
    ++result_.runs;
  }

 private:
  static std::vector<Shape> shapes(std::span<const Tensor> tensors) {
    std::vector<Shape> list;
    for (const Tensor& tensor : tensors) list.push_back(tensor.shape());
    return list;
  }

  std::vector<Tensor> for_b(std::span<const Tensor> inputs) const {
    return reordered_inputs(graph_a_, graph_b_, inputs);
  }

  void describe() {
    for (const ir::ValueId id : a_.graph().outputs) {
      result_.outputs.push_back({a_.graph().value(id).name, {}, {}});
    }
    for (const Match& match : matches_) {
      const runtime::Step& step = b_.program().steps()[match.b.step];
      Layer layer;
      layer.node = match.node;
      layer.sources = b_.graph().node(step.node).sources;
      layer.op = step.op;
      layer.kernel_a = a_.binding().steps()[match.a.step].row->name;
      layer.kernel_b = b_.binding().steps()[match.b.step].row->name;
      result_.layers.push_back(std::move(layer));
    }
    for (const runtime::Step& step : b_.program().steps()) {
      if (step.node != ir::no_node) result_.unmatched += step.out.size();
    }
    result_.unmatched -= matches_.size();
  }

  /// Follows a run: what each result of a node is, and the rounding that comes with it.
  template <class Each>
  std::vector<Tensor> follow(Execution& side, std::span<const Tensor> inputs, Rounding& rounding,
                             const std::map<ResultId, std::size_t>& matched, const Each& each) {
    for (std::size_t i = 0; i < inputs.size(); ++i) rounding.add_input(i, inputs[i]);
    return side.run(inputs, [&](runtime::StepResult& result) {
      if (side.program().steps()[result.step()].node == ir::no_node) return;
      for (std::size_t k = 0; k < result.size(); ++k) {
        const Tensor value = result.read(k);
        const double error = rounding.add_result(result.step(), result.value(k), value);
        const auto found = matched.find({result.step(), k});
        if (found == matched.end()) continue;
        each(found->second, value, error, result, k);
        rounding.settle(result.value(k));
      }
    });
  }

  std::vector<Tensor> run_a(std::span<const Tensor> inputs) {
    Rounding rounding(a_.binding());
    const auto keep = [&](std::size_t match, const Tensor& value, double error,
                          runtime::StepResult&, std::size_t) {
      values_[match] = value;
      errors_[match] = error;
    };
    std::vector<Tensor> outputs = follow(a_, inputs, rounding, of_a_, keep);
    output_errors_.clear();
    for (const ir::ValueId id : a_.graph().outputs) output_errors_.push_back(rounding.error(id));
    return outputs;
  }

  std::vector<Tensor> run_b(std::span<const Tensor> inputs) {
    return b_.run(inputs, [&](runtime::StepResult& result) {
      for (std::size_t k = 0; k < result.size(); ++k) {
        const auto found = of_b_.find({result.step(), k});
        if (found == of_b_.end()) continue;
        const Difference difference = measure(values_[found->second], result.read(k));
        result_.layers[found->second].total.add(difference);
      }
    });
  }

  /// B, where each matched result is replaced by A's as soon as it is judged: what differs then is
  /// the fault of what lies between it and the results matched before.
  void run_step_by_step(std::span<const Tensor> inputs, const std::vector<Tensor>& outputs_a) {
    Rounding rounding(b_.binding());
    const auto judge = [&](std::size_t match, const Tensor& value, double error,
                           runtime::StepResult& result, std::size_t k) {
      const Difference difference = measure(values_[match], value);
      if (!result_.layers[match].judge(difference, error + errors_[match])) {
        result_.note(Agreement::differ);
      }
      result.write(k, values_[match]);
    };
    const std::vector<Tensor> outputs = follow(b_, inputs, rounding, of_b_, judge);
    // Outputs that are no matched results: what no layer could answer for.
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const double tolerance = rounding.error(b_.graph().outputs[i]) + output_errors_[i];
      result_.judge_output(measure(outputs_a[i], outputs[i]), tolerance);
    }
  }

  const ir::Graph &graph_a_, &graph_b_;
  Execution a_, b_;
  std::vector<Match> matches_;
  CompareOptions options_;
  Comparison& result_;
  std::map<ResultId, std::size_t> of_a_, of_b_;  // number of the match
  std::vector<Tensor> values_;                   // what A computes, by match
  std::vector<double> errors_, output_errors_;   // how far A's may be off
};

/// Whether sizes that are known agree.
bool fits(const Shape& shape, const SymbolicShape& wanted) {
  if (std::size_t(shape.rank()) != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto extent = wanted[i].as_constant();
    if (extent && *extent != shape[int(i)]) return false;
  }
  return true;
}

double ratio(double error, double tolerance) {
  if (error == 0) return 0;
  return tolerance > 0 ? error / tolerance : std::numeric_limits<double>::infinity();
}

}  // namespace

bool Layer::judge(const Difference& difference, double allowed) {
  if (ratio(difference.max_abs, allowed) >= ratio(local.max_abs, tolerance)) tolerance = allowed;
  local.add(difference);
  const bool agrees = difference.max_abs <= allowed;
  if (!agrees) diverges = true;
  return agrees;
}

std::vector<Tensor> reordered_inputs(const ir::Graph& from, const ir::Graph& to,
                                     std::span<const Tensor> inputs) {
  if (from.inputs.size() != to.inputs.size()) {
    fail(ErrorCode::usage, "A takes {} inputs, B {}: models that take the same are compared",
         from.inputs.size(), to.inputs.size());
  }
  std::vector<Tensor> list;
  for (std::size_t i = 0; i < to.inputs.size(); ++i) {
    const ir::Value& wanted = to.value(to.inputs[i]);
    std::size_t at = i;
    for (std::size_t k = 0; k < from.inputs.size(); ++k) {
      if (from.value(from.inputs[k]).name == wanted.name) at = k;
    }
    if (from.value(from.inputs[at]).type.dtype != wanted.type.dtype) {
      fail(ErrorCode::usage, "input {} is {} in A and {} in B", wanted.name,
           to_string(from.value(from.inputs[at]).type), to_string(wanted.type));
    }
    if (!fits(inputs[at].shape(), wanted.type.shape)) {
      fail(ErrorCode::usage,
           "input {} is {} in A and {} in B, and both get the same numbers; models with other "
           "sizes or layouts are compared on data, which 'strata eval B --reference A --data DATA' "
           "prepares for each",
           wanted.name, to_string(from.value(from.inputs[at]).type), to_string(wanted.type));
    }
    list.push_back(inputs[at]);
  }
  return list;
}

void Comparison::judge_output(const Difference& difference, double allowed) {
  // Smaller ones agree whatever rounding could have done.
  constexpr double worth_asking = 0.01;
  if (!(difference.max_abs <= allowed)) {
    note(Agreement::differ);
  } else if (allowed >= difference.max_measure && difference.relative() > worth_asking) {
    note(Agreement::undecided);
  }
}

const Layer* Comparison::first() const {
  const auto found = std::ranges::find(layers, true, &Layer::diverges);
  return found == layers.end() ? nullptr : &*found;
}

Comparison compare(const Side& a, const Side& b, std::span<const std::vector<Tensor>> inputs,
                   const CompareOptions& options) {
  if (inputs.empty()) fail(ErrorCode::usage, "nothing to compare on: one input at least");
  const auto same_shapes = [](const std::vector<Tensor>& x, const std::vector<Tensor>& y) {
    return std::ranges::equal(x, y, {}, &Tensor::shape, &Tensor::shape);
  };
  if (runs_in_segments(a) || runs_in_segments(b)) {
    return compare_in_segments(a, b, inputs, options);
  }
  Comparison result;
  std::optional<Comparer> comparer;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0 && !same_shapes(inputs[i], inputs[0])) {
      fail(ErrorCode::usage, "inputs of one comparison have the same sizes");
    }
    if (!comparer) comparer.emplace(a, b, inputs[i], options, result);
    comparer->run(inputs[i]);
  }
  return result;
}

}  // namespace strata::check
