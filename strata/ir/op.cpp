#include "strata/ir/op.hpp"

#include <algorithm>
#include <unordered_map>

namespace strata::ir {

#define STRATA_OP(row) extern const OpDef row;
#include "strata/ir/ops/ops.def"
#undef STRATA_OP

namespace {

const OpDef* const table[] = {
#define STRATA_OP(row) &row,
#include "strata/ir/ops/ops.def"
#undef STRATA_OP
};

}  // namespace

std::span<const OpDef* const> all_ops() { return table; }

const OpDef* find_op(std::string_view domain, std::string_view name) {
  static const auto index = [] {
    std::unordered_multimap<std::string_view, const OpDef*> by_name;
    for (const OpDef* op : all_ops()) by_name.emplace(op->name, op);
    return by_name;
  }();
  auto [first, last] = index.equal_range(name);
  for (; first != last; ++first) {
    if (first->second->domain == domain) return first->second;
  }
  return nullptr;
}

const OpDef& find_op(std::string_view qualified) {
  constexpr std::string_view ours = "strata.";
  const OpDef* op = qualified.starts_with(ours) ? find_op("strata", qualified.substr(ours.size()))
                                                : find_op("", qualified);
  if (!op) fail(ErrorCode::unsupported, "there is no op '{}'", qualified);
  return *op;
}

std::string qualified_name(const OpDef& op) {
  std::string name(op.name);
  return op.domain.empty() ? name : std::string(op.domain) + "." + name;
}

std::string describe(const Node& node) {
  return "node " + node.name + " (" + qualified_name(*node.op) + ")";
}

namespace {

void check_arity(std::string_view what, std::span<const ValueId> given, Arity accepted) {
  const auto count = int(given.size());
  if (count < accepted.min || count > accepted.max) {
    std::string range = accepted.max == accepted.min ? fmt::format("{}", accepted.min)
                        : accepted.max == variadic
                            ? fmt::format("at least {}", accepted.min)
                            : fmt::format("{} to {}", accepted.min, accepted.max);
    fail(ErrorCode::model, "{} {}s, expected {}", count, what, range);
  }
}

}  // namespace

void check_schema(const Node& node) {
  const OpDef& op = *node.op;
  check_arity("input", node.inputs, op.inputs);
  check_arity("output", node.outputs, op.outputs);
  for (int i = 0; i < op.inputs.min; ++i) {
    if (node.inputs[std::size_t(i)] == no_value) {
      fail(ErrorCode::model, "input {} is omitted but required", i);
    }
  }
  for (const auto& [name, value] : node.attributes) {
    const AttributeDef* known = nullptr;
    for (const AttributeDef& def : op.attributes) {
      if (def.name == name) known = &def;
    }
    if (!known) fail(ErrorCode::model, "has no attribute '{}'", name);
    if (std::size_t(known->kind) != value.index()) {
      fail(ErrorCode::model, "attribute '{}' is of kind {}, expected {}", name,
           to_string(AttributeKind(value.index())), to_string(known->kind));
    }
  }
  for (const AttributeDef& def : op.attributes) {
    if (def.required && !node.attributes.has(def.name)) {
      fail(ErrorCode::model, "attribute '{}' is missing", def.name);
    }
  }
}

namespace {

/// The rank, and every extent that is a number, are as planned.
bool fits(const Shape& shape, const SymbolicShape& planned) {
  if (shape.rank() != int(planned.size())) return false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto extent = planned[std::size_t(axis)].as_constant();
    if (extent && *extent != shape[axis]) return false;
  }
  return true;
}

}  // namespace

std::vector<Tensor> run_control(const Graph& graph, const ControlArgs& args) {
  std::vector<Tensor> results = args.node.op->control(args);
  for (std::size_t i = 0; i < args.node.outputs.size(); ++i) {
    if (args.node.outputs[i] == no_value) continue;
    const TensorType& type = graph.value(args.node.outputs[i]).type;
    if (results[i].dtype() == type.dtype && fits(results[i].shape(), type.shape)) continue;
    // A branch may give [1] where the other gives a scalar: the element is the same.
    const bool may_be_ones = std::ranges::all_of(
        type.shape, [](const Dim& dim) { return dim.as_constant().value_or(1) == 1; });
    if (results[i].dtype() == type.dtype && results[i].elements() == 1 && may_be_ones) {
      const std::vector<std::int64_t> ones(type.shape.size(), 1);
      results[i] = results[i].reshaped(Shape(std::span<const std::int64_t>(ones)));
      continue;
    }
    fail(ErrorCode::model, "output {} is {}{}, but the network was read for {}", i,
         to_string(results[i].dtype()), to_string(results[i].shape()), to_string(type));
  }
  return results;
}

Status run_reference(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (!node.op->scratch_bytes) return node.op->reference({node, inputs, outputs});
  std::vector<Shape> in, out;
  for (const Tensor& input : inputs) in.push_back(input.shape());
  for (const Tensor& output : outputs) out.push_back(output.shape());
  const auto bytes = std::int64_t(node.op->scratch_bytes({node, in, out}));
  Tensor scratch = Tensor::zeros(DType::u8, {bytes});
  return node.op->reference(
      {node, inputs, outputs, static_cast<std::byte*>(scratch.mutable_raw())});
}

std::string_view to_string(AttributeKind kind) {
  constexpr std::string_view names[] = {"integer", "real",   "string", "integers", "reals",
                                        "strings", "tensor", "dtype",  "graph"};
  return names[std::size_t(kind)];
}

}  // namespace strata::ir
