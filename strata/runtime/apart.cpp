#include "strata/runtime/apart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "strata/ir/builder.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::runtime {
namespace {

/// The least price among kernels; nothing if there is none.
std::optional<double> least_price(const NodeCandidates& found) {
  std::optional<double> least;
  for (const Candidate& candidate : found.candidates) {
    if (is_kernel(candidate) && candidate.price < least.value_or(HUGE_VAL)) least = candidate.price;
  }
  return least;
}

/// What the node decomposes into, as a graph of its own.
ir::Graph parts_of(const ir::Graph& graph, const ir::Node& node, std::span<const Shape> shapes) {
  ir::Graph parts;
  ir::Node whole = node;
  for (ir::ValueId& id : whole.inputs) {
    if (id == ir::no_value) continue;
    const Shape& shape = shapes[ir::index(id)];
    id = parts.add_input(graph.value(id).name,
                         {graph.value(id).type.dtype, {shape.begin(), shape.end()}});
  }
  ir::Builder builder(parts);
  parts.outputs = node.op->decompose(builder, whole).value_or(std::vector<ir::ValueId>{});
  return parts;
}

/// Of the nodes that it decomposes into one by one; nothing if one of them has no kernel.
std::optional<double> price_of_parts(const ir::Graph& graph, const ir::Node& node,
                                     std::span<const Shape> shapes, const Target& target) {
  const ir::Graph parts = parts_of(graph, node, shapes);
  const std::vector<Shape> part_shapes = value_shapes(parts, {});
  double sum = 0;
  for (const ir::NodeId id : parts.order()) {
    if (is_view(parts.node(id))) continue;
    const auto price = least_price(find_candidates(parts, id, part_shapes, target));
    if (!price) return std::nullopt;
    sum += *price;
  }
  return sum;
}

/// The first pin of one of the node's parts, to a kernel that computes no more than that.
const Pin* pin_of_part(const ir::Node& node, const NodeCandidates& found, const Target& target) {
  for (const Pin& pin : target.pins) {
    if (pin.node != node.name && std::ranges::count(node.sources, pin.node) == 0) continue;
    const auto computes_all = [&](const Lowered& lowered) {
      return std::ranges::any_of(target.rows, [&](const kernels::Row* row) {
        return row->name == pin.row && row->kind == lowered.problem->kind;
      });
    };
    if (std::ranges::none_of(found.lowered, computes_all)) return &pin;
  }
  return nullptr;
}

}  // namespace

std::string reason_of(const NodeCandidates& found) {
  if (found.rejections.empty()) return "no kernel computes what they are together";
  const Rejection& first = found.rejections.front();
  return fmt::format("{}: {}", first.row, first.reason);
}

std::string reason_to_take_apart(const ir::Graph& graph, ir::NodeId id,
                                 std::span<const Shape> shapes, const Target& target) {
  const ir::Node& node = graph.node(id);
  Target free = target;
  free.pins.clear();
  const NodeCandidates found = find_candidates(graph, id, shapes, free);
  if (const Pin* pin = pin_of_part(node, found, target)) {
    return fmt::format("{} is pinned to {}", pin->node, pin->row);
  }
  const std::optional<double> whole = least_price(found);
  if (!whole) return reason_of(found);
  const std::optional<double> parts = price_of_parts(graph, node, shapes, free);
  if (!parts || *parts >= *whole) return "";
  return fmt::format("modelled {:.2f} us as one step, {:.2f} us one by one", *whole * 1e6,
                     *parts * 1e6);
}

}  // namespace strata::runtime
