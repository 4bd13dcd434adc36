#include "strata/runtime/lowering/grids.hpp"

#include <cstring>

#include "strata/ir/op.hpp"

namespace strata::runtime {
namespace {

Tensor decoded(const LowerContext& context, std::size_t i) {
  return context.graph().value(context.input(i)).constant->decode();
}

Tensor all_codes(DType type) {
  Tensor codes = Tensor::zeros(type, {256});
  auto* bytes = static_cast<std::uint8_t*>(codes.mutable_raw());
  for (int i = 0; i < 256; ++i) bytes[i] = std::uint8_t(i);
  return codes;
}

/// The results of the node's op on these operands, of which each has 256 elements or one.
std::optional<CodeBytes> run_reference(const ir::Node& node, std::span<const Tensor> inputs,
                                       DType type) {
  Tensor result = Tensor::zeros(type, {256});
  std::vector<std::byte> scratch;
  if (node.op->scratch_bytes) {
    const std::vector<Shape> shapes(inputs.size(), Shape{256});
    scratch.resize(node.op->scratch_bytes({node, shapes, std::span(shapes).first(1)}));
  }
  if (!node.op->reference({node, inputs, std::span(&result, 1), scratch.data()})) {
    return std::nullopt;
  }
  CodeBytes table;
  std::memcpy(table.data(), result.raw(), table.size());
  return table;
}

}  // namespace

Arithmetic arithmetic_of(const LowerContext& context) {
  return *arithmetic_named(context.node().attributes.string("arithmetic", "onnx"));
}

std::optional<QuantizedOperand> constant_grid(const LowerContext& context, std::size_t scale,
                                              std::size_t zero_point) {
  for (const std::size_t i : {scale, zero_point}) {
    if (!context.has_input(i) || !context.is_constant(context.input(i)) ||
        context.shape(context.input(i)).elements() != 1) {
      return std::nullopt;
    }
  }
  if (context.dtype(context.input(scale)) != DType::f32) return std::nullopt;
  return QuantizedOperand{decoded(context, scale).data<float>()[0],
                          std::int32_t(context.integers(zero_point)->front())};
}

std::optional<CodeBytes> code_table(const LowerContext& context) {
  const ir::Node& node = context.node();
  std::vector<Tensor> inputs(node.inputs.size());
  inputs[0] = all_codes(context.dtype(context.input(0)));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    if (!context.has_input(i)) continue;
    if (!context.is_constant(context.input(i)) || context.shape(context.input(i)).elements() != 1) {
      return std::nullopt;
    }
    inputs[i] = decoded(context, i);
  }
  return run_reference(node, inputs, context.dtype(context.output()));
}

CodeBytes concat_code_table(const LowerContext& context, std::size_t part) {
  ir::Node node = context.node();
  node.attributes.set("axis", std::int64_t(0));
  const Tensor inputs[] = {decoded(context, 0), decoded(context, 1),
                           all_codes(context.dtype(context.input(part))),
                           decoded(context, part + 1), decoded(context, part + 2)};
  return *run_reference(node, inputs, context.dtype(context.output()));
}

}  // namespace strata::runtime
