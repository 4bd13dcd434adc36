#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const DType from = context.input(0).dtype;
  const DType to = context.attributes().dtype("to");
  if (bits_of(from) != bits_of(to)) {
    fail(ErrorCode::model, "{} and {} differ in size; accepted: types of {} bits", to_string(from),
         to_string(to), bits_of(from));
  }
  context.set_output(0, {to, context.input(0).shape});
}

std::vector<OpCase> cases() {
  using namespace example;
  return {
      {"f32_to_i32", {f32({3, 5})}, {{"to", DType::i32}}},
      {"i32_to_f32", {values<std::int32_t>({2}, {0x3f800000, -1082130432})}, {{"to", DType::f32}}},
      {"u8_to_i8", {values<std::uint8_t>({2}, {255, 1})}, {{"to", DType::i8}}},
      {"f16_to_bf16", {input(DType::f16, {3})}, {{"to", DType::bf16}}},
      {"symbolic", {f32({Dim::symbol("N")})}, {{"to", DType::u32}}},
      {"empty", {input(DType::f64, {0, 2})}, {{"to", DType::i64}}}};
}

constexpr AttributeDef attributes[] = {{"to", AttributeKind::dtype, true}};

}  // namespace

extern const OpDef bit_cast_op;
constinit const OpDef bit_cast_op = {.name = "BitCast",
                                     .attributes = attributes,
                                     .infer = infer,
                                     .reference = copy_reference,
                                     .cases = cases};

}  // namespace strata::ir
