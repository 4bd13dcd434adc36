#include "strata/runtime/choice.hpp"

#include <algorithm>
#include <limits>

namespace strata::runtime {
namespace {

using kernels::Layout;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Modelled time to bring a value from one layout into another: read and write once.
double reorder_seconds(const Layout& from, const Layout& to, const Shape& shape,
                       std::size_t element) {
  // Bytes move one by one.
  constexpr double call = 2e-7, elements_per_second = 1e9, of_bytes = 1.5e9;
  if (same_storage(from, to, shape)) return 0;
  return call + double(shape.elements()) / (element == 1 ? of_bytes : elements_per_second);
}

/// What it takes at least to have a value in one layout, its producer and all before included.
struct Offer {
  Layout layout;
  double seconds = infinity;
};

/// How many nodes may read a value, and the last one counted.
struct Readers {
  std::size_t count = 0;
  std::size_t last = 0;
};

/// How many nodes want a value in one layout.
struct Want {
  Layout layout;
  int count = 0;
};

class Chooser {
 public:
  Chooser(const ir::Graph& graph, std::span<const NodeCandidates> nodes,
          std::span<const Shape> shapes)
      : graph_(graph),
        nodes_(nodes),
        shapes_(shapes),
        offers_(graph.value_limit()),
        producer_(graph.value_limit(), no_one),
        readers_(graph.value_limit()),
        wants_(graph.value_limit()) {
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      for (ir::ValueId out : graph.node(nodes[n].node).outputs) {
        if (out != ir::no_value) producer_[ir::index(out)] = n;
      }
      for (const Lowered& lowered : nodes[n].lowered) {
        for (ir::ValueId in : lowered.operands.in) {
          auto& readers = readers_[ir::index(in)];
          if (readers.count == 0 || readers.last != n) readers = {readers.count + 1, n};
        }
      }
    }
    leaves_.assign(graph.value_limit(), false);
    for (ir::ValueId out : graph.outputs) leaves_[ir::index(out)] = true;
    for (const ir::State& state : graph.states) leaves_[ir::index(state.written)] = true;
    // Views are no nodes here; they read the plain layout.
    for (ir::NodeId id : graph.order()) {
      if (is_view(graph.node(id))) leaves_[ir::index(graph.node(id).inputs[0])] = true;
    }
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      if (leaves_[i]) want(ir::ValueId(i), kernels::plain_layout, 1);
    }
  }

  std::vector<std::size_t> run() {
    forward();
    backward();
    constexpr int sweeps = 6;
    for (int i = 0; i < sweeps && improve(); ++i) {
    }
    return chosen_;
  }

 private:
  static constexpr std::size_t no_one = ~std::size_t(0);

  const Shape& shape(ir::ValueId id) const { return shapes_[ir::index(id)]; }

  double reorder(ir::ValueId id, const Layout& from, const Layout& to) const {
    return reorder_seconds(from, to, shape(id), size_of(graph_.value(id).type.dtype));
  }

  /// Cheapest way to have `id` in `wanted`; a value read by several nodes is paid by all of them.
  double cheapest_offer(ir::ValueId id, const Layout& wanted) const {
    const auto& offers = offers_[ir::index(id)];
    if (offers.empty()) return reorder(id, kernels::plain_layout, wanted);
    double best = infinity;
    for (const Offer& offer : offers) {
      best = std::min(best, offer.seconds + reorder(id, offer.layout, wanted));
    }
    return best;
  }

  double share(ir::ValueId id) const {
    const std::size_t readers = readers_[ir::index(id)].count + leaves_[ir::index(id)];
    return 1.0 / double(std::max<std::size_t>(readers, 1));
  }

  void forward() {
    upstream_.resize(nodes_.size());
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      for (const Candidate& candidate : nodes_[n].candidates) {
        double seconds = candidate.price;
        const Operands& operands = *candidate.operands;
        for (std::size_t i = 0; i < operands.in.size(); ++i) {
          seconds += cheapest_offer(operands.in[i], candidate.layouts.in[i]);
        }
        upstream_[n].push_back(seconds);
        for (std::size_t i = 0; i < operands.out.size(); ++i) {
          const ir::ValueId out = operands.out[i];
          auto& offers = offers_[ir::index(out)];
          auto offer = std::ranges::find(offers, candidate.layouts.out[i], &Offer::layout);
          if (offer == offers.end()) {
            offer = offers.insert(offers.end(), {candidate.layouts.out[i], infinity});
          }
          offer->seconds = std::min(offer->seconds, seconds * share(out));
        }
      }
    }
  }

  /// From the last node to the first: the readers of a node's outputs have already chosen.
  void backward() {
    chosen_.assign(nodes_.size(), no_one);
    for (std::size_t n = nodes_.size(); n-- > 0;) {
      double best = infinity;
      std::size_t cheapest = no_one;
      for (std::size_t c = 0; c < nodes_[n].candidates.size(); ++c) {
        const double seconds = upstream_[n][c] + downstream(n, c);
        if (seconds < best) {
          best = seconds;
          cheapest = c;
        }
      }
      take(n, cheapest);
    }
  }

  /// Counts a node that wants the value in this layout, or one that no longer does.
  void want(ir::ValueId id, const Layout& layout, int change) {
    auto& wants = wants_[ir::index(id)];
    auto entry = std::ranges::find(wants, layout, &Want::layout);
    if (entry == wants.end()) entry = wants.insert(wants.end(), {layout, 0});
    entry->count += change;
  }

  void take(std::size_t n, std::size_t c) {
    const auto change_wants = [&](int change) {
      if (chosen_[n] == no_one) return;
      const Candidate& candidate = nodes_[n].candidates[chosen_[n]];
      for (std::size_t i = 0; i < candidate.operands->in.size(); ++i) {
        want(candidate.operands->in[i], candidate.layouts.in[i], change);
      }
    };
    change_wants(-1);
    chosen_[n] = c;
    change_wants(1);
  }

  /// Reorders that the readers of candidate c's outputs need, each layout counted once.
  double downstream(std::size_t n, std::size_t c) const {
    const Candidate& candidate = nodes_[n].candidates[c];
    double seconds = 0;
    for (std::size_t i = 0; i < candidate.operands->out.size(); ++i) {
      const ir::ValueId out = candidate.operands->out[i];
      for (const Want& want : wants_[ir::index(out)]) {
        if (want.count == 0) continue;
        seconds += reorder(out, candidate.layouts.out[i], want.layout);
      }
    }
    return seconds;
  }

  bool is_wanted(ir::ValueId id, const Layout& layout) const {
    const auto& wants = wants_[ir::index(id)];
    const auto entry = std::ranges::find(wants, layout, &Want::layout);
    return entry != wants.end() && entry->count > 0;
  }

  /// Exact change of the total if node n, which has no candidate now, used c while all others stay.
  double local_seconds(std::size_t n, std::size_t c) const {
    const Candidate& candidate = nodes_[n].candidates[c];
    double seconds = candidate.price + downstream(n, c);
    for (std::size_t i = 0; i < candidate.operands->in.size(); ++i) {
      const ir::ValueId in = candidate.operands->in[i];
      const Layout wanted = candidate.layouts.in[i];
      if (is_wanted(in, wanted)) continue;  // made for others anyway
      seconds += reorder(in, layout_of(in), wanted);
    }
    return seconds;
  }

  Layout layout_of(ir::ValueId id) const {
    const std::size_t producer = producer_[ir::index(id)];
    if (producer == no_one) return kernels::plain_layout;
    const Candidate& candidate = nodes_[producer].candidates[chosen_[producer]];
    for (std::size_t i = 0; i < candidate.operands->out.size(); ++i) {
      if (candidate.operands->out[i] == id) return candidate.layouts.out[i];
    }
    return kernels::plain_layout;
  }

  bool improve() {
    bool changed = false;
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const std::size_t before = chosen_[n];
      take(n, no_one);
      double best = local_seconds(n, before);
      std::size_t cheapest = before;
      for (std::size_t c = 0; c < nodes_[n].candidates.size(); ++c) {
        const double seconds = local_seconds(n, c);
        if (seconds < best) {
          best = seconds;
          cheapest = c;
        }
      }
      take(n, cheapest);
      changed = changed || cheapest != before;
    }
    return changed;
  }

  const ir::Graph& graph_;
  std::span<const NodeCandidates> nodes_;
  std::span<const Shape> shapes_;
  std::vector<std::vector<Offer>> offers_;
  std::vector<std::size_t> producer_;
  std::vector<Readers> readers_;
  std::vector<std::vector<Want>> wants_;  // by value; of the leaves and the candidates chosen
  std::vector<bool> leaves_;
  std::vector<std::vector<double>> upstream_;
  std::vector<std::size_t> chosen_;
};

}  // namespace

std::vector<std::size_t> choose(const ir::Graph& graph, std::span<const NodeCandidates> nodes,
                                std::span<const Shape> shapes) {
  return Chooser(graph, nodes, shapes).run();
}

}  // namespace strata::runtime
