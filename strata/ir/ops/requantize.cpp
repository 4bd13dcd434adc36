// Sums of products of quantized numbers, brought back to a quantized type.
#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { sum_at, scale_at, zero_at };

void expect_broadcast_to(const InferContext& context, int i, std::string_view what) {
  const SymbolicShape& target = context.input(sum_at).shape;
  const SymbolicShape& shape = context.input(i).shape;
  if (shape.size() > target.size()) {
    context.expect_rank(i, what, int(target.size()));
  }
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const Dim& wanted = target[target.size() - shape.size() + k];
    if (shape[k] != Dim(1))
      expect_extent(fmt::format("extent {} of {}", k, what), shape[k], wanted);
  }
}

void infer(InferContext& context) {
  constexpr std::string_view modes[] = {"onnx"};
  expect_word(context.attributes(), "arithmetic", "onnx", modes);
  expect_dtype(context, sum_at, "sum", DType::i32);
  expect_dtype(context, scale_at, "scale", DType::f32);
  expect_broadcast_to(context, scale_at, "scale");
  expect_single(context, zero_at, "zero_point");
  const DType type = context.input(zero_at).dtype;
  if (!quantized_range(type)) {
    fail(ErrorCode::model, "zero_point has element type {}; accepted: integers of 2 to 16 bits",
         to_string(type));
  }
  context.set_output(0, {type, context.input(sum_at).shape});
}

Status reference(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  const QuantizedRange range = *quantized_range(y.dtype());
  const auto sums = args.inputs[sum_at].data<std::int32_t>();
  const auto scales = args.inputs[scale_at].data<float>();
  const auto zero = std::int32_t(load_one<std::int64_t>(args.inputs[zero_at], 0));
  const BroadcastWalk walk(y.shape(), {args.inputs[scale_at].shape()});
  walk.rows([&](std::int64_t start, const auto& offsets) {
    for (std::int64_t i = 0; i < walk.row(); ++i) {
      const float scale = scales[std::size_t(offsets[0] + i * walk.step(0))];
      const std::int64_t code =
          onnx_arithmetic::requantize(sums[std::size_t(start + i)], scale, zero, range);
      store_one(code, y, start + i);
    }
  });
  return {};
}

// The product is exact to one rounding, and a quotient by 1 is itself.
Replacement decompose(Builder& builder, const Node& node) {
  const ValueId scaled =
      builder.op("Mul", {as_f32(builder, node.inputs[sum_at]), node.inputs[scale_at]});
  const ValueId one = builder.constant(Tensor::scalar(1.0f));
  return {{builder.op("QuantizeLinear", {scaled, one, node.inputs[zero_at]})}};
}

Cost cost(const CostArgs& args) { return {.flops = 2 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const auto sums = [] {
    return values<std::int32_t>({2, 4}, {-300, -5, -1, 0, 1, 5, 7, 2147483647});
  };
  return {{"halves_i8", {sums(), scalar(0.5f), scalar<std::int8_t>(3)}},
          {"u8", {sums(), scalar(0.37f), scalar<std::uint8_t>(128)}},
          {"rows", {sums(), values<float>({2, 1}, {0.25f, 1.5f}), scalar<std::int16_t>(-1)}},
          {"columns",
           {input(DType::i32, {Dim::symbol("N"), 2}), values<float>({2}, {0.25f, 1.5f}),
            values<std::uint16_t>({1}, {9})}},
          {"empty", {input(DType::i32, {0, 3}), scalar(1.0f), scalar<std::int8_t>(0)}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string}};

}  // namespace

extern const OpDef requantize_op;
constinit const OpDef requantize_op = {.name = "Requantize",
                                       .domain = "strata",
                                       .inputs = {3, 3},
                                       .attributes = attributes,
                                       .infer = infer,
                                       .reference = reference,
                                       .cost = cost,
                                       .decompose = decompose,
                                       .cases = cases};

}  // namespace strata::ir
