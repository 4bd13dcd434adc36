#include "strata/check/bisect.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"

namespace strata::check {
namespace {

using Inputs = std::span<const std::vector<Tensor>>;
using Progress = std::function<void(const std::string& trial)>;

/// Smallest n in [low, high] for which `holds`, where it holds for `high` and stays true.
template <class Holds>
std::size_t smallest(std::size_t low, std::size_t high, const Holds& holds) {
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (holds(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::string node_of(const Comparison& comparison) {
  return comparison.first() ? comparison.first()->node : std::string();
}

/// One side against its own plain meaning.
class SideBisection {
 public:
  SideBisection(const Side& side, char name, Inputs inputs, const Progress& progress)
      : side_(side), plain_(plain(side)), name_(name), inputs_(inputs), progress_(progress) {}

  Blame find() {
    const Comparison whole = against_plain(side_, "as it is");
    if (whole.agree()) return {};
    Side passes_only = plain_;
    passes_only.passes = passes_that_run();
    if (!against_plain(passes_only, "its passes, reference kernels").agree()) return find_pass();
    return find_kernel(whole);
  }

 private:
  Comparison against_plain(const Side& side, const std::string& trial) const {
    if (progress_) progress_(fmt::format("{}: {}", name_, trial));
    return compare(plain_, side, inputs_);
  }

  std::vector<const ir::Pass*> passes_that_run() const {
    std::vector<const ir::Pass*> passes = side_.passes;
    std::erase_if(passes, [&](const ir::Pass* pass) {
      return std::ranges::count(side_.pass_options.off, pass->name) > 0;
    });
    return passes;
  }

  Blame find_pass() const {
    const std::vector<const ir::Pass*> passes = passes_that_run();
    Comparison shown;
    const auto differs = [&](std::size_t count) {
      Side prefix = plain_;
      prefix.passes.assign(passes.begin(), passes.begin() + std::ptrdiff_t(count));
      const auto trial = fmt::format("passes up to {}", passes[count - 1]->name);
      Comparison comparison = against_plain(prefix, trial);
      const bool differ = !comparison.agree();
      if (differ) shown = std::move(comparison);
      return differ;
    };
    const std::size_t count = smallest(1, passes.size(), differs);
    if (node_of(shown).empty()) differs(count);
    const std::string name(passes[count - 1]->name);
    return {Blame::Kind::pass, name_, name, node_of(shown),
            fmt::format("with reference kernels, the first {} passes change nothing and {} does",
                        count - 1, name)};
  }

  /// Rows that the side's program uses, in order of their first step.
  std::vector<const kernels::Row*> rows_in_use() const {
    std::vector<Shape> shapes;
    for (const Tensor& input : inputs_[0]) shapes.push_back(input.shape());
    const Execution execution(side_, shapes);
    std::vector<const kernels::Row*> rows;
    for (const runtime::BoundStep& step : execution.binding().steps()) {
      const bool can_go = !step.skipped && step.row->kind != kernels::ProblemKind::reference &&
                          step.row->kind != kernels::ProblemKind::reorder;
      if (can_go && !std::ranges::count(rows, step.row)) rows.push_back(step.row);
    }
    return rows;
  }

  Side without(std::span<const kernels::Row* const> rows) const {
    Side side = side_;
    const auto is_out = [&](std::string_view row) {
      return std::ranges::any_of(rows, [&](const kernels::Row* r) { return r->name == row; });
    };
    std::erase_if(side.target.rows, [&](const kernels::Row* row) { return is_out(row->name); });
    std::erase_if(side.target.pins, [&](const runtime::Pin& pin) { return is_out(pin.row); });
    return side;
  }

  /// Leaving rows out brings others in, so what is found is left out alone once more.
  Blame find_kernel(const Comparison& whole) const {
    const std::vector<const kernels::Row*> rows = rows_in_use();
    const auto agrees = [&](std::span<const kernels::Row* const> out, const std::string& trial) {
      return against_plain(without(out), trial).agree();
    };
    const std::string node = node_of(whole);
    const std::string shown = whole.first() ? whole.first()->kernel_b : std::string();
    // The row of the first node that differs is the likeliest.
    for (const kernels::Row* row : rows) {
      if (row->name != shown || !agrees({&row, 1}, "without " + shown)) continue;
      return {Blame::Kind::kernel, name_, shown, node,
              "leaving this kernel out, with everything else as it is, ends the difference"};
    }
    const std::size_t count = smallest(1, rows.size(), [&](std::size_t n) {
      return agrees(std::span(rows).first(n), fmt::format("without {} kernels", n));
    });
    const std::string name(rows.empty() ? "" : rows[count - 1]->name);
    return {Blame::Kind::kernel, name_, shown.empty() ? name : shown, node,
            fmt::format("the passes are right; the difference ends when {} and the {} kernels used "
                        "before it are left out",
                        name, rows.empty() ? 0 : count - 1)};
  }

  const Side& side_;
  Side plain_;
  char name_;
  Inputs inputs_;
  const Progress& progress_;
};

/// The last node that computes what the user's node of that name stands for.
ir::NodeId find_source(const ir::Graph& graph, const std::string& name) {
  ir::NodeId found = ir::no_node;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.name == name || std::ranges::count(node.sources, name) > 0) found = id;
  }
  return found;
}

/// Two models of one network: a node's constants are the same numbers only where both are folded
/// alike, so each difference is tried out.
class ModelBlame {
 public:
  ModelBlame(const Side& a, const Side& b, Inputs inputs, const Progress& progress)
      : a_(plain(a)), b_(plain(b)), inputs_(inputs), progress_(progress) {}

  Blame find() const {
    const Comparison comparison = differing(a_, b_, "both models, plain");
    if (comparison.agreement != Agreement::differ) return undecided(comparison);
    const std::string node = node_of(comparison);
    std::string constant = guilty_constant(a_, b_, node);
    if (constant.empty()) constant = guilty_constant(folded(a_), folded(b_), node);
    if (constant.empty()) {
      return {Blame::Kind::model, 0, "", node,
              "without passes and with reference kernels the models themselves differ, and no one "
              "constant makes up for it"};
    }
    return {Blame::Kind::model, 0, constant, node,
            fmt::format("the models differ: with A's constant {} of {}, B agrees there", constant,
                        node)};
  }

 private:
  /// Each side is true to its model, and no result that is matched differs by more than rounding.
  static Blame undecided(const Comparison& comparison) {
    const std::size_t matched = comparison.layers.size();
    Blame blame;
    blame.reason = fmt::format(
        "each side computes what its own model says, and {}; {} of {} results could be matched by "
        "name, {}",
        comparison.agree() ? "the models, plain, agree within rounding"
                           : "so many steps lie between results that are matched that rounding "
                             "could explain any difference of the models",
        matched, matched + comparison.unmatched,
        matched == 0 ? "so that no more can be said than of the outputs"
                     : "and of what lies between them no more can be said");
    return blame;
  }

  Comparison differing(const Side& a, const Side& b, const std::string& trial) const {
    if (progress_) progress_(trial);
    return compare(a, b, inputs_);
  }

  /// The same model with its constants folded into each other, its nodes still apart.
  static Side folded(Side side) {
    for (const ir::NodeId id : side.graph.order()) {
      ir::Node& node = side.graph.node(id);
      if (node.sources.empty()) node.sources = {node.name};
    }
    ir::infer_types(side.graph);
    ir::PassOptions options;
    options.off = {"fuse"};
    ir::run_passes(side.graph, ir::all_passes(), options);
    return side;
  }

  static bool differs_at(const Comparison& comparison, const std::string& name) {
    return std::ranges::any_of(comparison.layers, [&](const Layer& layer) {
      return layer.diverges && (layer.node == name || std::ranges::count(layer.sources, name) > 0);
    });
  }

  /// The first constant of the node that ends its difference when B takes A's.
  std::string guilty_constant(const Side& a, const Side& b, const std::string& name) const {
    const ir::NodeId in_a = find_source(a.graph, name), in_b = find_source(b.graph, name);
    if (in_a == ir::no_node || in_b == ir::no_node) return {};
    const ir::Node &x = a.graph.node(in_a), &y = b.graph.node(in_b);
    if (x.op != y.op || !differs_at(differing(a, b, "both, constants of " + name), name)) return {};
    for (std::size_t i = 0; i < std::min(x.inputs.size(), y.inputs.size()); ++i) {
      if (!a.graph.is_constant(x.inputs[i]) || !b.graph.is_constant(y.inputs[i])) continue;
      const EncodedTensor& right = *a.graph.value(x.inputs[i]).constant;
      const EncodedTensor& other = *b.graph.value(y.inputs[i]).constant;
      if (right.dtype != other.dtype || right.shape != other.shape) continue;
      if (identical(right.decode(), other.decode())) continue;
      Side mended = b;
      mended.graph.value(y.inputs[i]).constant = right;
      const std::string constant = b.graph.value(y.inputs[i]).name;
      const std::string trial = "B with A's constant " + constant;
      if (!differs_at(differing(a, mended, trial), name)) return constant;
    }
    return {};
  }

  Side a_, b_;
  Inputs inputs_;
  const Progress& progress_;
};

}  // namespace

Blame bisect(const Side& a, const Side& b, std::span<const std::vector<Tensor>> inputs,
             const std::function<void(const std::string& trial)>& progress) {
  std::vector<std::vector<Tensor>> for_b;
  for (const std::vector<Tensor>& run : inputs) {
    for_b.push_back(reordered_inputs(a.graph, b.graph, run));
  }
  if (Blame blame = SideBisection(b, 'B', for_b, progress).find();
      blame.kind != Blame::Kind::nothing) {
    return blame;
  }
  if (Blame blame = SideBisection(a, 'A', inputs, progress).find();
      blame.kind != Blame::Kind::nothing) {
    return blame;
  }
  return ModelBlame(a, b, inputs, progress).find();
}

std::string_view to_string(Blame::Kind kind) {
  switch (kind) {
    case Blame::Kind::model:
      return "model";
    case Blame::Kind::pass:
      return "pass";
    case Blame::Kind::kernel:
      return "kernel";
    case Blame::Kind::nothing:
      break;
  }
  return "nothing";
}

}  // namespace strata::check
