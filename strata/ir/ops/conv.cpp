#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/convolution.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  context.expect_same_dtype(0, 1);
  SymbolicShape shape = infer_convolution(context, 1);
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    expect_per_filter(context, 2, "bias B", 1);
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
}

template <class T>
void convolve(const EvalArgs& args) {
  const ConvGeometry geometry(args, 1);
  const T* x = args.inputs[0].data<T>().data();
  const T* w = args.inputs[1].data<T>().data();
  const T* bias = args.has_input(2) ? args.inputs[2].data<T>().data() : nullptr;
  T* y = args.outputs[0].mutable_data<T>().data();
  for_each_output(geometry, [&](const ConvOutput& output) {
    double sum = 0;
    for_each_tap(geometry, output,
                 [&](std::int64_t i, std::int64_t k) { sum += double(x[i]) * double(w[k]); });
    y[output.index] = narrow<T>((bias ? double(bias[output.filter]) : 0) + sum);
  });
}

Status reference(const EvalArgs& args) {
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() { convolve<T>(args); });
  return {};
}

Cost cost(const CostArgs& args) {
  const bool biased = args.inputs.size() > 2 && args.node.inputs[2] != no_value;
  return {.macs = conv_macs(args, 1), .flops = biased ? args.outputs[0].elements() : 0};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {
      {"plain", {f32({1, 3, 7, 6}), weight({4, 3, 3, 3}), weight({4})}},
      {"no_bias_pads", {f32({2, 2, 5, 5}), weight({3, 2, 3, 3})}, {{"pads", Ints{1, 0, 2, 1}}}},
      {"strided",
       {f32({1, 4, 9, 8}), weight({8, 4, 3, 3}), weight({8})},
       {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"pointwise", {f32({1, 16, 5, 3}), weight({8, 16, 1, 1}), weight({8})}},
      {"depthwise",
       {f32({1, 8, 6, 6}), weight({8, 1, 3, 3}), weight({8})},
       {{"group", std::int64_t(8)}, {"pads", Ints{1, 1, 1, 1}}}},
      {"depthwise_multiplier",
       {f32({1, 3, 6, 5}), weight({6, 1, 3, 3})},
       {{"group", std::int64_t(3)}, {"strides", Ints{2, 1}}}},
      {"grouped",
       {f32({1, 6, 5, 5}), weight({4, 3, 3, 3}), weight({4})},
       {{"group", std::int64_t(2)}}},
      {"dilated", {f32({1, 2, 9, 9}), weight({3, 2, 3, 3})}, {{"dilations", Ints{2, 3}}}},
      {"same_upper",
       {f32({1, 1, 10, 4}), weight({5, 1, 10, 4}), weight({5})},
       {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2, 2}}}},
      {"same_lower", {f32({1, 2, 6, 6}), weight({2, 2, 2, 3})}, {{"auto_pad", "SAME_LOWER"}}},
      {"valid", {f32({1, 2, 6, 6}), weight({2, 2, 3, 2})}, {{"auto_pad", "VALID"}}},
      {"one_dimension",
       {f32({2, 3, 11}), weight({4, 3, 5}), weight({4})},
       {{"pads", Ints{2, 2}}, {"strides", Ints{3}}}},
      {"three_dimensions",
       {f32({1, 2, 4, 5, 3}), weight({3, 2, 2, 3, 2})},
       {{"pads", Ints{0, 1, 1, 0, 1, 0}}}},
      {"symbolic_batch", {f32({Dim::symbol("N"), 3, 6, 6}), weight({4, 3, 3, 3})}},
      {"f16", {input(DType::f16, {1, 2, 5, 5}), input(DType::f16, {3, 2, 3, 3})}},
      {"f64", {input(DType::f64, {1, 2, 5, 5}), input(DType::f64, {3, 2, 3, 3})}},
  };
}

constexpr AttributeDef attributes[] = {
    {"auto_pad", AttributeKind::string}, {"dilations", AttributeKind::integers},
    {"group", AttributeKind::integer},   {"kernel_shape", AttributeKind::integers},
    {"pads", AttributeKind::integers},   {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef conv_op;
constinit const OpDef conv_op = {.name = "Conv",
                                 .inputs = {2, 3},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .cost = cost,
                                 .cases = cases};

}  // namespace strata::ir
