#include "strata/ir/ops/binary.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view directions[] = {"LEFT", "RIGHT"};

void expect_integer(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (!is_integer(type)) {
    fail(ErrorCode::model, "{} has element type {}; accepted: integers", what, to_string(type));
  }
}

void infer_two(InferContext& context) {
  expect_integer(context, 0, "A");
  infer_binary(context);
}

void infer_not(InferContext& context) {
  expect_integer(context, 0, "X");
  context.set_output(0, context.input(0));
}

void infer_shift(InferContext& context) {
  expect_word(context.attributes(), "direction", "", directions);
  infer_two(context);
}

struct BitAnd {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return a & b;
    return a;  // no float gets past the shape rule
  }
};
struct BitOr {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return a | b;
    return a;
  }
};
struct BitXor {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return a ^ b;
    return a;
  }
};
struct BitNot {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) return ~x;
    return x;
  }
};

/// Shifted by an amount outside [0, bits) what remains is the extension of the sign, or nothing.
template <class C>
C shift(C x, C amount, std::int64_t bits, bool right) {
  const bool outside = amount < C(0) || std::uint64_t(amount) >= std::uint64_t(bits);
  if (!right) return outside ? C(0) : C(std::uint64_t(x) << std::uint64_t(amount));
  if (outside) return x < C(0) ? C(-1) : C(0);
  return x >> amount;
}

Status shift_reference(const EvalArgs& args) {
  const DType type = args.inputs[0].dtype();
  const auto bits = std::int64_t(8 * size_of(type));
  const bool right = text_view(args.attributes(), "direction", "") == "RIGHT";
  const auto run = [&]<class C>(C) {
    combine<C>(args.inputs[0], args.inputs[1], args.outputs[0],
               [&](C x, C amount) { return shift(x, amount, bits, right); });
  };
  type == DType::u64 ? run(std::uint64_t(0)) : run(std::int64_t(0));
  return {};
}

std::vector<OpCase> two_cases() {
  using namespace example;
  return {{"i32", {values<std::int32_t>({3}, {-4, 7, 1}), values<std::int32_t>({3}, {6, -3, 8})}},
          {"u8", {values<std::uint8_t>({3}, {1, 200, 255}), scalar<std::uint8_t>(100)}},
          {"u64", {values<std::uint64_t>({2}, {~0ull, 9}), scalar<std::uint64_t>(1ull << 63)}},
          {"i16", {input(DType::i16, {2, 3}), input(DType::i16, {3})}},
          {"symbolic", {input(DType::i64, {Dim::symbol("N"), 3}), input(DType::i64, {1, 3})}},
          {"empty", {input(DType::i8, {0, 3}), input(DType::i8, {1, 3})}}};
}

std::vector<OpCase> not_cases() {
  using namespace example;
  return {{"i32", {values<std::int32_t>({3}, {-4, 7, 0})}},
          {"u8", {values<std::uint8_t>({3}, {1, 200, 255})}},
          {"u64", {values<std::uint64_t>({2}, {~0ull, 9})}},
          {"symbolic", {input(DType::i64, {Dim::symbol("N"), 3})}}};
}

std::vector<OpCase> shift_cases() {
  using namespace example;
  const Attributes left{{"direction", "LEFT"}};
  const Attributes right{{"direction", "RIGHT"}};
  const auto amounts = values<std::int8_t>({4}, {1, 7, 8, -1});
  return {{"left_i8", {values<std::int8_t>({4}, {-3, 3, 3, -3}), amounts}, left},
          {"right_i8", {values<std::int8_t>({4}, {-3, -128, -3, 3}), amounts}, right},
          {"left_u64",
           {values<std::uint64_t>({2}, {3, 3}), values<std::uint64_t>({2}, {63, ~0ull})},
           left},
          {"right_u64",
           {values<std::uint64_t>({2}, {~0ull, ~0ull}), values<std::uint64_t>({2}, {63, 64})},
           right},
          {"broadcast", {input(DType::u16, {2, 3}), scalar<std::uint16_t>(3)}, left},
          {"symbolic", {input(DType::i32, {Dim::symbol("N")}), scalar<std::int32_t>(1)}, right}};
}

constexpr AttributeDef shift_attributes[] = {{"direction", AttributeKind::string, true}};

constexpr OpDef row(std::string_view name, Status (*reference)(const EvalArgs&)) {
  return {.name = name,
          .inputs = {2, 2},
          .infer = infer_two,
          .reference = reference,
          .cost = elementwise_cost,
          .cases = two_cases};
}

}  // namespace

extern const OpDef bit_shift_op, bitwise_and_op, bitwise_not_op, bitwise_or_op, bitwise_xor_op;

constinit const OpDef bit_shift_op = {.name = "BitShift",
                                      .inputs = {2, 2},
                                      .attributes = shift_attributes,
                                      .infer = infer_shift,
                                      .reference = shift_reference,
                                      .cost = elementwise_cost,
                                      .cases = shift_cases};
constinit const OpDef bitwise_and_op = row("BitwiseAnd", combine_reference<BitAnd>);
constinit const OpDef bitwise_not_op = {.name = "BitwiseNot",
                                        .infer = infer_not,
                                        .reference = map_reference<BitNot>,
                                        .cost = elementwise_cost,
                                        .cases = not_cases};
constinit const OpDef bitwise_or_op = row("BitwiseOr", combine_reference<BitOr>);
constinit const OpDef bitwise_xor_op = row("BitwiseXor", combine_reference<BitXor>);

}  // namespace strata::ir
