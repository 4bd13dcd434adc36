#include <algorithm>

#include "strata/ir/op.hpp"
#include "strata/ir/text.hpp"

namespace strata::ir {
namespace {

class Comparison {
 public:
  Comparison(const Graph& a, const Graph& b) : a_(a), b_(b) {}

  bool run() const {
    return a_.name == b_.name && same_values(a_.inputs, b_.inputs) &&
           same_values(a_.outputs, b_.outputs) && same_states() && same_constants() && same_nodes();
  }

 private:
  bool same_value(ValueId a, ValueId b) const {
    if (a == no_value || b == no_value) return a == b;
    return a_.value(a).name == b_.value(b).name && a_.value(a).type == b_.value(b).type;
  }

  bool same_values(const std::vector<ValueId>& a, const std::vector<ValueId>& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [this](ValueId x, ValueId y) { return same_value(x, y); });
  }

  bool same_states() const {
    return std::equal(a_.states.begin(), a_.states.end(), b_.states.begin(), b_.states.end(),
                      [this](const State& x, const State& y) {
                        return x.name == y.name && strata::identical(x.initial, y.initial) &&
                               same_value(x.read, y.read) && same_value(x.written, y.written);
                      });
  }

  static std::vector<const Value*> constants(const Graph& graph) {
    std::vector<const Value*> list;
    for (std::size_t i = 0; i < graph.value_limit(); ++i) {
      if (graph.is_constant(ValueId(i))) list.push_back(&graph.value(ValueId(i)));
    }
    return list;
  }

  static bool same_constant(const Value* x, const Value* y) {
    const EncodedTensor &a = *x->constant, &b = *y->constant;
    return x->name == y->name && x->sources == y->sources && a.encoding == b.encoding &&
           a.dtype == b.dtype && a.shape == b.shape && a.axis == b.axis &&
           std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                      [](const Tensor& p, const Tensor& q) { return strata::identical(p, q); });
  }

  bool same_constants() const {
    return std::ranges::equal(constants(a_), constants(b_), same_constant);
  }

  bool same_node(const Node& x, const Node& y) const {
    return x.op == y.op && x.name == y.name && x.sources == y.sources &&
           same_values(x.inputs, y.inputs) && same_values(x.outputs, y.outputs) &&
           std::equal(x.attributes.begin(), x.attributes.end(), y.attributes.begin(),
                      y.attributes.end(), [](const auto& p, const auto& q) {
                        return p.first == q.first && equal(p.second, q.second);
                      });
  }

  bool same_nodes() const {
    return std::ranges::equal(a_.order(), b_.order(), [this](NodeId x, NodeId y) {
      return same_node(a_.node(x), b_.node(y));
    });
  }

  const Graph& a_;
  const Graph& b_;
};

}  // namespace

bool identical(const Graph& a, const Graph& b) { return Comparison(a, b).run(); }

}  // namespace strata::ir
