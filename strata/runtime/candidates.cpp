#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/op.hpp"
#include "strata/kernels/conv/conv.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/reference.hpp"

namespace strata::runtime {
namespace {

const Pin* find_pin(const ir::Node& node, const Target& target) {
  for (const Pin& pin : target.pins) {
    if (pin.node == node.name || std::ranges::find(node.sources, pin.node) != node.sources.end()) {
      return &pin;
    }
  }
  return nullptr;
}

bool has_row(const Target& target, std::string_view name) {
  return name == reference_row().name ||
         std::ranges::any_of(target.rows,
                             [&](const kernels::Row* row) { return row->name == name; });
}

const char* reason_against(const kernels::Row& row, const kernels::Problem& problem,
                           const Target& target) {
  if (!has_isa(target.isa, row.isa)) return "needs an instruction set that the target lacks";
  if (row.precision == kernels::Precision::bf16 && target.precision == kernels::Precision::f32) {
    return "precision is f32";
  }
  return row.rejects(problem);
}

/// Rounding averages out over many products, and is forgotten among many results.
bool is_sensitive(const kernels::Problem& problem) {
  if (problem.kind != kernels::ProblemKind::conv) return false;
  const auto& p = static_cast<const kernels::ConvProblem&>(problem);
  constexpr std::int64_t few_channels = 16, few_products = 64, few_results = 16;
  const std::int64_t channels = p.channels / p.groups;
  return (channels < few_channels && channels * p.kernel_h * p.kernel_w < few_products) ||
         (p.groups == 1 && p.out_channels <= few_results);
}

/// How much more than its time a kernel counts: precision is not given up for little.
double price_of_rounding(const kernels::Row& row, const kernels::Problem& problem) {
  if (row.precision == kernels::Precision::f32) return row.rounding > 1 ? 1.02 : 1;
  return is_sensitive(problem) ? 1.5 : 1.1;
}

/// A layout of a rank fits only tensors of that rank, and only the types of activations.
bool fits(const kernels::Layout& layout, const Shape& shape, DType dtype) {
  if (layout.is_plain()) return true;
  return layout.rank == shape.rank() &&
         (dtype == DType::f32 || dtype == DType::i8 || dtype == DType::u8);
}

bool fits(const kernels::OperandLayouts& option, const Operands& operands, const ir::Graph& graph,
          std::span<const Shape> shapes) {
  auto all = [&](const std::vector<kernels::Layout>& layouts,
                 const std::vector<ir::ValueId>& values) {
    STRATA_ASSERT(layouts.size() == values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const ir::Value& value = graph.value(values[i]);
      if (!fits(layouts[i], shapes[ir::index(values[i])], value.type.dtype)) return false;
      if (value.constant && !layouts[i].is_plain()) return false;
    }
    return true;
  };
  return all(option.in, operands.in) && all(option.out, operands.out);
}

}  // namespace

namespace {

/// Those of the rows that are not ruled out, by a pin or by themselves; why the pinned one is.
NodeCandidates candidates_under(const Pin* pin, const ir::Graph& graph, ir::NodeId node_id,
                                std::span<const Shape> shapes, const Target& target,
                                std::string& pin_reason) {
  NodeCandidates found;
  found.node = node_id;
  found.lowered = lower(LowerContext(graph, graph.node(node_id), shapes));
  pin_reason = pin && !has_row(target, pin->row) ? "there is no kernel of that name"
                                                 : "it computes another kind of node";

  auto ask = [&](const kernels::Row& row, Lowered& lowered) {
    kernels::Problem& problem = *lowered.problem;
    if (row.kind != problem.kind) return;
    if (const char* reason = reason_against(row, problem, target)) {
      found.rejections.push_back({row.name, reason});
      if (pin && row.name == pin->row) pin_reason = reason;
      return;
    }
    if (pin && row.name != pin->row) {
      found.rejections.push_back({row.name, "another kernel is pinned"});
      return;
    }
    std::vector<kernels::OperandLayouts> options;
    row.layouts(problem, options);
    for (auto& option : options) {
      if (!fits(option, lowered.operands, graph, shapes)) continue;
      problem.layouts = option;
      const double seconds = row.cost(problem, target.machine).seconds;
      found.candidates.push_back({lowered.how, &row, std::move(option), &lowered.operands, seconds,
                                  seconds * price_of_rounding(row, problem)});
    }
  };
  for (Lowered& lowered : found.lowered) {
    for (const kernels::Row* row : target.rows) ask(*row, lowered);
    ask(reference_row(), lowered);
  }
  return found;
}

}  // namespace

NodeCandidates find_candidates(const ir::Graph& graph, ir::NodeId node_id,
                               std::span<const Shape> shapes, const Target& target) {
  const ir::Node& node = graph.node(node_id);
  const Pin* pin = find_pin(node, target);
  std::string reason;
  NodeCandidates found = candidates_under(pin, graph, node_id, shapes, target, reason);
  if (!found.candidates.empty() || !pin) return found;
  if (!pin->required) return candidates_under(nullptr, graph, node_id, shapes, target, reason);
  fail(ErrorCode::usage, "node {} ({}): cannot run with kernel {}: {}", node.name,
       ir::qualified_name(*node.op), pin->row, reason);
}

bool is_kernel(const Candidate& candidate) {
  return candidate.row->kind != kernels::ProblemKind::reference;
}

bool same_storage(const kernels::Layout& a, const kernels::Layout& b, const Shape& shape) {
  if (a == b) return true;
  // The order of the axes that have an extent, blocks split off, is what decides.
  struct Piece {
    int axis;
    std::int64_t extent;
    bool operator==(const Piece&) const = default;
  };
  auto pieces = [&](const kernels::Layout& layout) {
    std::vector<Piece> list;
    for (int i = 0; i < shape.rank(); ++i) {
      const int axis = layout.is_plain() ? i : layout.order[std::size_t(i)];
      std::int64_t extent = shape[axis];
      if (axis == layout.blocked_axis) extent = (extent + layout.block - 1) / layout.block;
      if (extent != 1) list.push_back({axis, extent});
    }
    if (layout.blocked_axis >= 0) list.push_back({layout.blocked_axis, layout.block});
    // Neighbouring pieces of one axis are that axis, unsplit.
    for (std::size_t i = 1; i < list.size();) {
      if (list[i].axis == list[i - 1].axis) {
        list[i - 1].extent *= list[i].extent;
        list.erase(list.begin() + std::ptrdiff_t(i));
      } else {
        ++i;
      }
    }
    return list;
  };
  return pieces(a) == pieces(b);
}

}  // namespace strata::runtime
