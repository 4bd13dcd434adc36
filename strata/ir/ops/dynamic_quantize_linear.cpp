#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_dtype(context, 0, "x", DType::f32);
  context.set_output(0, {DType::u8, context.input(0).shape});
  const auto outputs = context.node().outputs.size();
  if (outputs > 1) context.set_output(1, {DType::f32, {}});
  if (outputs > 2) context.set_output(2, {DType::u8, {}});
}

// scale = (max - min) / 255 over a range that includes 0, zero point = round(-min / scale); as
// ONNX defines it. Where all is 0 ONNX leaves 0 / 0, ONNX Runtime has the scale 1.
Replacement decompose(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const ValueId zero = scalar_like(builder, x, 0);
  const ValueId most = scalar_like(builder, x, 255);
  const auto extremum = [&](std::string_view reduce, std::string_view with_zero) {
    const ValueId found = builder.op(reduce, {x}, {{"keepdims", std::int64_t(0)}});
    return builder.op(with_zero, {found, zero});
  };
  const ValueId low = extremum("ReduceMin", "Min");
  const ValueId range = builder.op("Sub", {extremum("ReduceMax", "Max"), low});
  const ValueId scale =
      builder.op("Where", {builder.op("Equal", {range, zero}), scalar_like(builder, x, 1),
                           builder.op("Div", {range, most})});
  const ValueId shift = builder.op("Sub", {zero, builder.op("Div", {low, scale})});
  const ValueId zero_point = round_to(builder, shift, DType::u8);
  const ValueId y = builder.op("QuantizeLinear", {x, scale, zero_point});
  std::vector<ValueId> values{y, scale, zero_point};
  values.resize(node.outputs.size());
  return values;
}

Cost cost(const CostArgs& args) { return {.flops = 4 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const auto make = [](std::string_view name, OpCase::Input x, double low, double high) {
    return OpCase{.name = name, .inputs = {std::move(x)}, .outputs = 3, .low = low, .high = high};
  };
  return {make("around_zero", f32({3, 5}), -3, 4), make("positive", f32({7}), 2, 4),
          make("negative", f32({7}), -9, -1), make("symbolic", f32({Dim::symbol("N"), 3}), -1, 1),
          make("zeros", values<float>({3}, {0, 0, 0}), 0, 0)};
}

}  // namespace

extern const OpDef dynamic_quantize_linear_op;
constinit const OpDef dynamic_quantize_linear_op = {.name = "DynamicQuantizeLinear",
                                                    .outputs = {1, 3},
                                                    .infer = infer,
                                                    .cost = cost,
                                                    .decompose = decompose,
                                                    .cases = cases};

}  // namespace strata::ir
