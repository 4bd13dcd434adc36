#include "strata/ir/builder.hpp"
#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/control.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

// Scan: operands are the carried values, the scanned inputs, and last, as many as the attribute
// `captures` says, what the body reads besides. The body takes the carried values, one slice of
// each scanned input and the captures; it gives the carried values and one slice of each output.

namespace strata::ir {
namespace {

struct Counts {
  int carried, scanned, captures, collected;
};

Counts counts_of(const Node& node) {
  const Graph& body = node.attributes.graph("body");
  const std::int64_t captures = node.attributes.integer("captures", 0);
  const std::int64_t scanned = node.attributes.integer("num_scan_inputs", 0);
  const auto operands = std::int64_t(node.inputs.size());
  const std::int64_t carried = operands - captures - scanned;
  const auto outputs = std::int64_t(body.outputs.size());
  if (captures < 0 || scanned < 1 || carried < 0 || outputs < carried ||
      std::int64_t(body.inputs.size()) != operands) {
    fail(ErrorCode::model,
         "{} operands, {} of them scanned and {} captures, for a body of {} inputs and {} outputs",
         operands, scanned, captures, body.inputs.size(), outputs);
  }
  return {int(carried), int(scanned), int(captures), int(outputs - carried)};
}

std::int64_t entry(const Node& node, std::string_view name, int i) {
  const auto entries = integers_view(node.attributes, name);
  return i < int(entries.size()) ? entries[std::size_t(i)] : 0;
}

/// The type of one slice of a scanned input; says how many there are.
Value slice_operand(const InferContext& context, const Counts& counts, int i, Dim& length) {
  Value value;
  value.type = context.input(counts.carried + i);
  const int axis = normalize_axis(entry(context.node(), "scan_input_axes", i),
                                  int(value.type.shape.size()), "scan_input_axes");
  const Dim extent = value.type.shape[std::size_t(axis)];
  if (i > 0) expect_extent("length of a scanned input", extent, length);
  if (i == 0 || extent.is_constant()) length = extent;
  value.type.shape.erase(value.type.shape.begin() + axis);
  return value;
}

void infer(InferContext& context) {
  const Counts counts = counts_of(context.node());
  if (int(context.node().outputs.size()) != counts.carried + counts.collected) {
    fail(ErrorCode::model, "{} outputs, expected {}", context.node().outputs.size(),
         counts.carried + counts.collected);
  }
  std::vector<Value> inputs;
  Dim length;
  for (int i = 0; i < context.inputs(); ++i) {
    const int scanned = i - counts.carried;
    if (scanned >= 0 && scanned < counts.scanned) {
      inputs.push_back(slice_operand(context, counts, scanned, length));
    } else {
      inputs.push_back(captured_operand(context, i));
      if (i < counts.carried) inputs.back().elements.reset();
    }
  }
  const Graph body = typed_body(context, "body", inputs);
  for (int i = 0; i < counts.carried; ++i) {
    const TensorType& before = inputs[std::size_t(i)].type;
    const TensorType& after = body.value(body.outputs[std::size_t(i)]).type;
    if (before.dtype != after.dtype || before.shape.size() != after.shape.size()) {
      fail(ErrorCode::model, "carried value {} is {} before an iteration and {} after it", i,
           to_string(before), to_string(after));
    }
    for (std::size_t axis = 0; axis < after.shape.size(); ++axis) {
      expect_extent("extent of a carried value", after.shape[axis], before.shape[axis]);
    }
    context.set_output(i, before);
  }
  for (int i = 0; i < counts.collected; ++i) {
    const int output = counts.carried + i;
    TensorType type =
        visible_type(context, output, body.value(body.outputs[std::size_t(output)]).type);
    const int axis = normalize_axis(entry(context.node(), "scan_output_axes", i),
                                    int(type.shape.size()) + 1, "scan_output_axes");
    type.shape.insert(type.shape.begin() + axis, length);
    context.set_output(output, std::move(type));
  }
}

std::vector<Tensor> control(const ControlArgs& args) {
  const Counts counts = counts_of(args.node);
  const Graph& body = args.node.attributes.graph("body");
  const auto scanned =
      args.inputs.subspan(std::size_t(counts.carried), std::size_t(counts.scanned));
  const auto axis_of = [&](int i) {
    return normalize_axis(entry(args.node, "scan_input_axes", i),
                          scanned[std::size_t(i)].shape().rank(), "scan_input_axes");
  };
  const std::int64_t length = scanned[0].shape()[axis_of(0)];
  std::vector<Tensor> operands(args.inputs.begin(), args.inputs.end());
  std::vector<std::vector<Tensor>> slices(std::size_t(counts.collected));
  for (std::int64_t step = 0; step < length; ++step) {
    for (int i = 0; i < counts.scanned; ++i) {
      const Tensor& whole = scanned[std::size_t(i)];
      if (whole.shape()[axis_of(i)] != length) {
        fail(ErrorCode::model, "scanned input {} has length {}, expected {}", i,
             whole.shape()[axis_of(i)], length);
      }
      const bool backwards = entry(args.node, "scan_input_directions", i) != 0;
      operands[std::size_t(counts.carried + i)] =
          take_slice(whole, axis_of(i), backwards ? length - 1 - step : step);
    }
    std::vector<Tensor> results = args.call("body", operands);
    for (std::size_t i = 0; i < std::size_t(counts.carried); ++i) {
      operands[i] = std::move(results[i]);
    }
    for (std::size_t i = 0; i < slices.size(); ++i) {
      slices[i].push_back(std::move(results[std::size_t(counts.carried) + i]));
    }
  }
  std::vector<Tensor> outputs(operands.begin(), operands.begin() + counts.carried);
  for (int i = 0; i < counts.collected; ++i) {
    const TensorType& slice = body.value(body.outputs[std::size_t(counts.carried + i)]).type;
    const int axis = normalize_axis(entry(args.node, "scan_output_axes", i),
                                    int(slice.shape.size()) + 1, "scan_output_axes");
    outputs.push_back(stack_slices(slices[std::size_t(i)], axis,
                                   entry(args.node, "scan_output_directions", i) != 0, slice));
  }
  return outputs;
}

/// A running sum, scaled by what the body captures.
Subgraph sum_body() {
  auto body = std::make_shared<Graph>();
  Builder builder(*body);
  const TensorType type{DType::f32, {2}};
  const ValueId sum = body->add_input("sum", type);
  const ValueId x = body->add_input("x", type);
  const ValueId scale = body->add_input("scale", {DType::f32, {}});
  const ValueId next = builder.op("Add", {sum, x});
  body->outputs = {next, builder.op("Mul", {next, scale})};
  return body;
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  const auto with = [&](std::string_view name, std::int64_t entry) {
    Attributes made;
    made.set("body", sum_body());
    made.set("captures", one);
    made.set("num_scan_inputs", one);
    made.set(name, std::vector{entry});
    return made;
  };
  return {
      {"sums", {f32({2}), f32({3, 2}), f32({})}, with("scan_input_axes", 0), 2},
      {"columns", {f32({2}), f32({2, 3}), f32({})}, with("scan_input_axes", -1), 2},
      {"backwards", {f32({2}), f32({3, 2}), f32({})}, with("scan_input_directions", 1), 2},
      {"output_axis", {f32({2}), f32({3, 2}), f32({})}, with("scan_output_axes", 1), 2},
      {"output_backwards", {f32({2}), f32({3, 2}), f32({})}, with("scan_output_directions", 1), 2},
      {"symbolic", {f32({2}), f32({Dim::symbol("T"), 2}), f32({})}, with("scan_input_axes", 0), 2}};
}

constexpr AttributeDef attributes[] = {{"body", AttributeKind::graph, true},
                                       {"captures", AttributeKind::integer},
                                       {"num_scan_inputs", AttributeKind::integer, true},
                                       {"scan_input_axes", AttributeKind::integers},
                                       {"scan_input_directions", AttributeKind::integers},
                                       {"scan_output_axes", AttributeKind::integers},
                                       {"scan_output_directions", AttributeKind::integers}};

}  // namespace

extern const OpDef scan_op;
constinit const OpDef scan_op = {.name = "Scan",
                                 .inputs = {1, variadic},
                                 .outputs = {1, variadic},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .control = control,
                                 .cases = cases};

}  // namespace strata::ir
