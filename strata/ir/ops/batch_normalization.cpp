#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view operands[] = {"X", "scale", "B", "input_mean", "input_var"};

void infer(InferContext& context) {
  if (context.attributes().integer("training_mode", 0) != 0) {
    fail(ErrorCode::unsupported, "training_mode is {}; accepted: 0 (inference)",
         context.attributes().integer("training_mode", 0));
  }
  const SymbolicShape& x = context.input(0).shape;
  if (x.size() < 2) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 2 (N, C and more)", x.size());
  }
  for (int i = 0; i < 5; ++i) {
    expect_float(context, i, operands[i]);
    if (i == 0) continue;
    context.expect_rank(i, operands[i], 1);
    expect_extent(operands[i], context.input(i).shape[0], x[1]);
  }
  context.set_output(0, context.input(0));
}

// y = (x - mean) / sqrt(var + epsilon) * scale + B for each channel.
Status reference(const EvalArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  const std::int64_t plane = shape.elements(2, shape.rank());
  const double epsilon = args.attributes().real("epsilon", 1e-5f);
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    const T* x = args.inputs[0].data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i) {
      const std::int64_t channel = i % shape[1];
      const double scale = load_one<double>(args.inputs[1], channel);
      const double bias = load_one<double>(args.inputs[2], channel);
      const double mean = load_one<double>(args.inputs[3], channel);
      const double deviation = std::sqrt(load_one<double>(args.inputs[4], channel) + epsilon);
      for (std::int64_t j = 0; j < plane; ++j) {
        *y++ = narrow<T>((double(*x++) - mean) / deviation * scale + bias);
      }
    }
  });
  return {};
}

Replacement decompose(Builder& builder, const Node& node) {
  const TensorType x = type_of(builder, node.inputs[0]);
  std::vector<std::int64_t> column{-1};  // [C, 1, ...]: broadcasts along the axes after C
  column.resize(x.shape.size() - 1, 1);
  const ValueId shape = builder.integers(column);
  const auto parameter = [&](std::size_t i) {
    if (type_of(builder, node.inputs[i]).dtype == x.dtype) return node.inputs[i];
    return builder.op("Cast", {node.inputs[i]}, {{"to", x.dtype}});
  };
  const auto spread = [&](ValueId id) { return builder.op("Reshape", {id, shape}); };
  const ValueId variance = parameter(4);
  const ValueId epsilon = scalar_like(builder, variance, node.attributes.real("epsilon", 1e-5f));
  const ValueId deviation = builder.op("Sqrt", {builder.op("Add", {variance, epsilon})});
  const ValueId factor = builder.op("Div", {parameter(1), deviation});
  const ValueId centred = builder.op("Sub", {node.inputs[0], spread(parameter(3))});
  const ValueId scaled = builder.op("Mul", {centred, spread(factor)});
  return {{builder.op("Add", {scaled, spread(parameter(2))})}};
}

Cost cost(const CostArgs& args) { return {.flops = 2 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const auto make = [](std::string_view name, OpCase::Input x, Attributes attributes = {}) {
    const SymbolicShape channels{x.type.shape[1]};
    return OpCase{
        .name = name,
        .inputs = {x, weight(channels), weight(channels), weight(channels), weight(channels)},
        .attributes = std::move(attributes),
        .low = 0.25,
        .high = 1};
  };
  return {make("image", f32({2, 3, 4, 5})),
          make("matrix", f32({4, 7})),
          make("sequence", f32({1, 4, 9}), {{"epsilon", 0.01f}}),
          make("volume", f32({1, 2, 3, 2, 4}), {{"momentum", 0.5f}}),
          make("symbolic", f32({Dim::symbol("N"), 3, 2, 2})),
          make("f16", input(DType::f16, {1, 3, 4, 4}))};
}

constexpr AttributeDef attributes[] = {{"epsilon", AttributeKind::real},
                                       {"momentum", AttributeKind::real},
                                       {"training_mode", AttributeKind::integer}};

}  // namespace

extern const OpDef batch_normalization_op;
constinit const OpDef batch_normalization_op = {.name = "BatchNormalization",
                                                .inputs = {5, 5},
                                                .attributes = attributes,
                                                .infer = infer,
                                                .reference = reference,
                                                .cost = cost,
                                                .decompose = decompose,
                                                .cases = cases};

}  // namespace strata::ir
