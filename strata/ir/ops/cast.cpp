#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view round_modes[] = {"up", "down", "nearest"};

void infer(InferContext& context) {
  const DType to = context.attributes().dtype("to");
  expect_word(context.attributes(), "round_mode", "up", round_modes);
  context.set_output(0, {to, context.input(0).shape});
  // Extents are far below 2^31, so both index types hold them.
  if (to != DType::i64 && to != DType::i32) return;
  if (auto elements = context.elements(0)) context.set_elements(0, *std::move(elements));
}

NarrowRounding rounding_of(const Attributes& attributes) {
  NarrowRounding rounding{.saturate = attributes.integer("saturate", 1) != 0};
  const std::string_view mode = text_view(attributes, "round_mode", "up");
  if (mode == "down") rounding.scale = ScaleRounding::down;
  if (mode == "nearest") rounding.scale = ScaleRounding::nearest;
  return rounding;
}

void to_narrow_float(const Tensor& x, Tensor& y, NarrowRounding rounding) {
  auto* codes = static_cast<std::uint8_t*>(y.mutable_raw());
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      codes[i] = narrow_code(y.dtype(), load_one<C>(x, i), rounding);
    }
  });
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  if (x.dtype() == args.outputs[0].dtype()) return copy_reference(args);
  if (is_narrow_float(args.outputs[0].dtype())) {
    to_narrow_float(x, args.outputs[0], rounding_of(args.attributes()));
    return {};
  }
  dispatch_compute(x.dtype(),
                   [&]<class C>() { map<C>(x, args.outputs[0], [](C v) { return v; }); });
  return {};
}

OpCase make(std::string_view name, OpCase::Input x, DType to) {
  return {.name = name, .inputs = {std::move(x)}, .attributes = {{"to", to}}, .low = -9, .high = 9};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {make("f32_to_f16", f32({3, 5}), DType::f16),
          make("f32_to_bf16", f32({3, 5}), DType::bf16),
          make("f32_to_f64", f32({3, 5}), DType::f64),
          make("f64_to_f32", input(DType::f64, {3, 5}), DType::f32),
          make("f16_to_f32", input(DType::f16, {300}), DType::f32),
          make("truncated", values<float>({4}, {1.9f, -1.9f, 0.5f, -0.5f}), DType::i32),
          make("f32_to_bool", values<float>({3}, {0, 0.5f, -2}), DType::boolean),
          make("bool_to_f32", values<bool>({2}, {false, true}), DType::f32),
          make("i64_to_i32", i64({-1, 5, 7}), DType::i32),
          make("i32_to_u8", values<std::int32_t>({3}, {-1, 255, 256}), DType::u8),
          make("u64_to_f64", values<std::uint64_t>({2}, {~0ull, 3}), DType::f64),
          make("same", f32({4}), DType::f32),
          make("f32_to_f8", values<float>({4}, {0.3f, -500, 1000, -0.0f}), DType::f8e4m3fn),
          make("f8_to_f16", input(DType::f8e5m2, {5}), DType::f16),
          make("i32_to_f6", values<std::int32_t>({3}, {-1, 7, 100}), DType::f6e3m2),
          make("i32_to_i4", values<std::int32_t>({3}, {-1, 7, 9}), DType::i4),
          make("u2_to_u8", input(DType::u2, {5}), DType::u8),
          OpCase{.name = "nearest_scale",
                 .inputs = {values<float>({4}, {0.3f, 1.5f, 0.0f, 1e38f})},
                 .attributes = {{"to", DType::f8e8m0}, {"round_mode", "nearest"}}}};
}

constexpr AttributeDef attributes[] = {{"round_mode", AttributeKind::string},
                                       {"saturate", AttributeKind::integer},
                                       {"to", AttributeKind::dtype, true}};

}  // namespace

extern const OpDef cast_op;
constinit const OpDef cast_op = {.name = "Cast",
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .cost = elementwise_cost,
                                 .cases = cases};

}  // namespace strata::ir
