#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { input, cosine, sine, position_ids };
constexpr std::string_view names[] = {"X", "cos_cache", "sin_cache", "position_ids"};

/// How many elements a head has, and how many of them are rotated.
struct Sizes {
  std::int64_t head, rotated;
};

Sizes sizes_of(const SymbolicShape& x, const Attributes& attributes) {
  std::int64_t head = expect_known("last extent of X", x.back());
  const std::int64_t heads = attributes.integer("num_heads", 0);
  if (x.size() == 3) {
    expect_between("num_heads", heads, 1, std::int64_t(1) << 31);
    if (head % heads != 0) {
      fail(ErrorCode::model, "last extent of X is {}, which num_heads {} does not divide", head,
           heads);
    }
    head /= heads;
  }
  std::int64_t rotated = attributes.integer("rotary_embedding_dim", 0);
  if (rotated == 0) rotated = head;
  expect_between("rotary_embedding_dim", rotated, 0, head);
  if (rotated % 2 != 0) {
    fail(ErrorCode::model, "{} elements are to be rotated; accepted: an even number", rotated);
  }
  return {head, rotated};
}

void infer(InferContext& context) {
  expect_float(context, input, names[input]);
  const SymbolicShape& x = context.input(input).shape;
  if (x.size() != 3 && x.size() != 4) {
    fail(ErrorCode::model, "X has rank {}; accepted: 3 or 4", x.size());
  }
  const Sizes sizes = sizes_of(x, context.attributes());
  const bool indexed = context.has_input(position_ids);
  const Dim sequence = x[x.size() == 3 ? 1 : 2];
  for (const int i : {int(cosine), int(sine)}) {
    context.expect_same_dtype(input, i);
    context.expect_rank(i, names[i], indexed ? 2 : 3);
    const SymbolicShape& cache = context.input(i).shape;
    expect_extent(fmt::format("last extent of {}", names[i]), cache.back(), sizes.rotated / 2);
    if (indexed) continue;
    expect_extent(fmt::format("batch of {}", names[i]), cache[0], x[0]);
    expect_extent(fmt::format("sequence of {}", names[i]), cache[1], sequence);
  }
  if (indexed) {
    expect_dtype(context, position_ids, names[position_ids], DType::i64);
    context.expect_rank(position_ids, names[position_ids], 2);
    const SymbolicShape& ids = context.input(position_ids).shape;
    expect_extent("batch of position_ids", ids[0], x[0]);
    expect_extent("sequence of position_ids", ids[1], sequence);
  }
  context.set_output(0, context.input(input));
}

/// (batch, sequence, half), with an axis of 1 where x has its heads
ValueId angles(Builder& builder, const Node& node, Operand which, std::int64_t head_axis) {
  ValueId cache = node.inputs[which];
  if (const ValueId ids = input_of(node, position_ids); ids != no_value) {
    cache = builder.op("Gather", {cache, ids});
  }
  return builder.op("Unsqueeze", {cache, builder.integers({head_axis})});
}

// Pairs (a, b) of elements turn: (cos a - sin b, sin a + cos b). Pairs are halves of the head, or
// neighbours.
Replacement decompose(Builder& builder, const Node& node) {
  const TensorType type = type_of(builder, node.inputs[input]);
  const Sizes sizes = sizes_of(type.shape, node.attributes);
  const bool packed = type.shape.size() == 3;
  const bool neighbours = node.attributes.integer("interleaved", 0) != 0;
  ValueId x = node.inputs[input];
  if (packed) {
    const std::int64_t heads = node.attributes.integer("num_heads", 1);
    x = reshape(builder, x, {{builder, x, 0}, {builder, x, 1}, heads, sizes.head});
  }
  const std::int64_t half = sizes.rotated / 2;
  const ValueId a =
      neighbours ? slice(builder, x, 3, 0, sizes.rotated, 2) : slice(builder, x, 3, 0, half);
  const ValueId b = neighbours ? slice(builder, x, 3, 1, sizes.rotated, 2)
                               : slice(builder, x, 3, half, sizes.rotated);
  const ValueId c = angles(builder, node, cosine, packed ? 2 : 1);
  const ValueId s = angles(builder, node, sine, packed ? 2 : 1);
  const auto times = [&](ValueId left, ValueId right) { return builder.op("Mul", {left, right}); };
  ValueId real = builder.op("Sub", {times(c, a), times(s, b)});
  ValueId imaginary = builder.op("Add", {times(s, a), times(c, b)});
  std::vector<ValueId> parts{real, imaginary};
  if (neighbours) {
    for (ValueId& part : parts) part = builder.op("Unsqueeze", {part, builder.integers({4})});
    const ValueId pairs = builder.op("Concat", parts, {{"axis", std::int64_t(4)}});
    parts = {
        reshape(builder, pairs,
                {{builder, pairs, 0}, {builder, pairs, 1}, {builder, pairs, 2}, sizes.rotated})};
  }
  if (sizes.rotated < sizes.head) parts.push_back(slice(builder, x, 3, sizes.rotated, sizes.head));
  ValueId y =
      parts.size() == 1 ? parts[0] : builder.op("Concat", parts, {{"axis", std::int64_t(3)}});
  if (packed) {
    y = reshape(builder, y, {{builder, y, 0}, {builder, y, 1}, type.shape.back().constant()});
  }
  return {{y}};
}

Cost cost(const CostArgs& args) { return {.flops = 3 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1, two = 2, four = 4;
  const auto ids = values<std::int64_t>({2, 3}, {0, 1, 2, 4, 5, 6});
  const Dim n = Dim::symbol("N"), s = Dim::symbol("S");
  return {
      {"heads_apart", {f32({2, 4, 3, 8}), weight({50, 4}), weight({50, 4}), ids}},
      {"packed", {f32({2, 3, 16}), weight({50, 4}), weight({50, 4}), ids}, {{"num_heads", two}}},
      {"neighbours",
       {f32({2, 3, 16}), f32({2, 3, 4}), f32({2, 3, 4})},
       {{"interleaved", one}, {"num_heads", two}}},
      {"partly",
       {f32({2, 2, 3, 8}), f32({2, 3, 2}), f32({2, 3, 2})},
       {{"rotary_embedding_dim", four}}},
      {"symbolic",
       {f32({n, s, 16}), f32({n, s, 4}), f32({n, s, 4})},
       {{"interleaved", one}, {"num_heads", two}}}};
}

constexpr AttributeDef attributes[] = {{"interleaved", AttributeKind::integer},
                                       {"num_heads", AttributeKind::integer},
                                       {"rotary_embedding_dim", AttributeKind::integer}};

}  // namespace

extern const OpDef rotary_embedding_op;
constinit const OpDef rotary_embedding_op = {.name = "RotaryEmbedding",
                                             .inputs = {3, 4},
                                             .attributes = attributes,
                                             .infer = infer,
                                             .cost = cost,
                                             .decompose = decompose,
                                             .cases = cases};

}  // namespace strata::ir
