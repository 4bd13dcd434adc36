#include <cmath>
#include <limits>

#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { q, k, v, mask, past_key, past_value, valid };
constexpr std::string_view names[] = {
    "Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"};

/// Q, K or V as (batch, heads, sequence, size), whichever form it has.
struct Heads {
  Dim batch, heads, sequence, size;
};

Heads heads_of(const InferContext& context, int i) {
  const SymbolicShape& shape = context.input(i).shape;
  const char* attribute = i == q ? "q_num_heads" : "kv_num_heads";
  const bool given = context.attributes().has(attribute);
  const std::int64_t heads = context.attributes().integer(attribute, 0);
  if (given) expect_between(attribute, heads, 1, std::int64_t(1) << 31);
  if (shape.size() == 4) {
    if (given) expect_extent(fmt::format("heads of {}", names[i]), shape[1], heads);
    return {shape[0], shape[1], shape[2], shape[3]};
  }
  if (!given) fail(ErrorCode::model, "operands of rank 3 need attribute {}", attribute);
  const std::int64_t hidden = expect_known(fmt::format("extent 2 of {}", names[i]), shape[2]);
  if (hidden % heads != 0) {
    fail(ErrorCode::model, "extent 2 of {} is {}, which {} {} does not divide", names[i], hidden,
         attribute, heads);
  }
  return {shape[0], heads, shape[1], hidden / heads};
}

void expect_past(const InferContext& context, int i, const Heads& present) {
  context.expect_same_dtype(i == past_key ? k : v, i);
  context.expect_rank(i, names[i], 4);
  const SymbolicShape& past = context.input(i).shape;
  const Dim expected[] = {present.batch, present.heads, past[2], present.size};
  for (std::size_t axis = 0; axis < 4; ++axis) {
    expect_extent(fmt::format("extent {} of {}", axis, names[i]), past[axis], expected[axis]);
  }
}

void expect_mask(const InferContext& context, const SymbolicShape& scores) {
  if (!context.has_input(mask)) return;
  if (context.input(mask).dtype != DType::boolean) expect_float(context, mask, names[mask]);
  const SymbolicShape& shape = context.input(mask).shape;
  if (shape.empty() || shape.size() > 4) {
    fail(ErrorCode::model, "attn_mask has rank {}; accepted: 1 to 4", shape.size());
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const Dim& expected = scores[4 - shape.size() + i];
    const bool last = i + 1 == shape.size();
    if (!last && shape[i] == Dim(1)) continue;
    if (last && shape[i].is_constant() && expected.is_constant() &&
        shape[i].constant() <= expected.constant()) {
      continue;  // padded
    }
    expect_extent(fmt::format("extent {} of attn_mask", i), shape[i], expected);
  }
}

void check_attributes(const Attributes& attributes) {
  constexpr std::int64_t most = std::int64_t(1) << 40;
  expect_between("is_causal", attributes.integer("is_causal", 0), 0, 1);
  expect_between("qk_matmul_output_mode", attributes.integer("qk_matmul_output_mode", 0), 0, 3);
  expect_between("left_window_size", attributes.integer("left_window_size", -1), -1, most);
  expect_between("right_window_size", attributes.integer("right_window_size", -1), -1, most);
  if (!(attributes.real("softcap", 0) >= 0)) {
    fail(ErrorCode::model, "softcap is {}; accepted: 0 or more", attributes.real("softcap", 0));
  }
  if (attributes.has("softmax_precision") && !is_float(attributes.dtype("softmax_precision"))) {
    fail(ErrorCode::model, "softmax_precision is {}; accepted: f16, bf16, f32, f64",
         to_string(attributes.dtype("softmax_precision")));
  }
}

void infer(InferContext& context) {
  check_attributes(context.attributes());
  expect_float(context, q, names[q]);
  expect_float(context, v, names[v]);
  context.expect_same_dtype(q, k);
  const int rank = rank_of(context, q);
  if (rank != 3 && rank != 4) {
    fail(ErrorCode::model, "Q has type {}; accepted: rank 3 or 4", to_string(context.input(q)));
  }
  context.expect_rank(k, names[k], rank);
  context.expect_rank(v, names[v], rank);
  const Heads query = heads_of(context, q), key = heads_of(context, k),
              value = heads_of(context, v);
  expect_known("head size of Q", query.size);
  expect_known("head size of V", value.size);
  expect_extent("batch of K", key.batch, query.batch);
  expect_extent("batch of V", value.batch, query.batch);
  expect_extent("head size of K", key.size, query.size);
  expect_extent("heads of V", value.heads, key.heads);
  expect_extent("sequence length of V", value.sequence, key.sequence);
  const std::int64_t q_heads = expect_known("number of heads of Q", query.heads);
  const std::int64_t kv_heads = expect_known("number of heads of K", key.heads);
  if (kv_heads < 1 || q_heads % kv_heads != 0) {
    fail(ErrorCode::model, "Q has {} heads; accepted: a multiple of the {} of K", q_heads,
         kv_heads);
  }
  Dim total = key.sequence;
  if (context.has_input(past_key) != context.has_input(past_value)) {
    fail(ErrorCode::model, "past_key and past_value must be given together");
  }
  if (context.has_input(past_key)) {
    expect_past(context, past_key, key);
    expect_past(context, past_value, value);
    expect_extent("extent 2 of past_value", context.input(past_value).shape[2],
                  context.input(past_key).shape[2]);
    total = total + context.input(past_key).shape[2];
  }
  if (context.has_input(valid)) {
    if (context.has_input(past_key)) {
      fail(ErrorCode::model, "nonpad_kv_seqlen and past_key exclude each other");
    }
    expect_dtype(context, valid, names[valid], DType::i64);
    context.expect_rank(valid, names[valid], 1);
    expect_extent("length of nonpad_kv_seqlen", context.input(valid).shape[0], query.batch);
  }
  const DType type = context.input(q).dtype;
  const SymbolicShape scores{query.batch, query.heads, query.sequence, total};
  expect_mask(context, scores);
  context.set_output(
      0, {type, rank == 4 ? SymbolicShape{query.batch, query.heads, query.sequence, value.size}
                          : SymbolicShape{query.batch, query.sequence, query.heads * value.size}});
  context.set_output(1, {type, {key.batch, key.heads, total, key.size}});
  context.set_output(2, {context.input(v).dtype, {key.batch, key.heads, total, value.size}});
  context.set_output(3, {type, scores});
}

/// Builds the parts of one node.
class Attention {
 public:
  Attention(Builder& builder, const Node& node)
      : builder_(builder),
        node_(node),
        q_(split(input_of(node, q), "q_num_heads")),
        k_(with_past(split(input_of(node, k), "kv_num_heads"), input_of(node, past_key))),
        v_(with_past(split(input_of(node, v), "kv_num_heads"), input_of(node, past_value))) {}

  std::vector<ValueId> build() {
    const ValueId raw = scaled_product();
    const ValueId capped = softcap(raw);
    const ValueId bias = make_bias();
    const ValueId biased = bias == no_value ? capped : builder_.op("Add", {capped, bias});
    const ValueId weights = softmax(biased, bias);
    const ValueId modes[] = {raw, capped, biased, weights};
    std::vector<ValueId> results{
        join(rows_times(weights, cast_to(builder_, v_, type()), {Extent(builder_, v_, 3)})),
        builder_.op("Identity", {k_}), builder_.op("Identity", {v_}),
        builder_.op("Identity", {modes[node_.attributes.integer("qk_matmul_output_mode", 0)]})};
    results.resize(node_.outputs.size());
    return results;
  }

 private:
  DType type() const { return type_of(builder_, q_).dtype; }
  Extent extent(ValueId value, int axis) const { return {builder_, value, axis}; }
  bool packed() const { return type_of(builder_, node_.inputs[q]).shape.size() == 3; }

  /// (batch, sequence, heads * size) to (batch, heads, sequence, size)
  ValueId split(ValueId x, std::string_view heads) const {
    const SymbolicShape& shape = type_of(builder_, x).shape;
    if (shape.size() == 4) return x;
    const std::int64_t count = node_.attributes.integer(heads, 1);
    const ValueId apart =
        reshape(builder_, x, {extent(x, 0), extent(x, 1), count, shape[2].constant() / count});
    return transpose(builder_, apart, {0, 2, 1, 3});
  }

  ValueId join(ValueId y) const {
    if (!packed()) return y;
    const SymbolicShape& shape = type_of(builder_, y).shape;
    const ValueId rows = transpose(builder_, y, {0, 2, 1, 3});
    return reshape(builder_, rows,
                   {extent(rows, 0), extent(rows, 1), (shape[1] * shape[3]).constant()});
  }

  ValueId with_past(ValueId x, ValueId past) const {
    if (past == no_value) return x;
    return builder_.op("Concat", {past, x}, {{"axis", std::int64_t(2)}});
  }

  /// x (batch, heads, rows, n) times y (batch, kv_heads, n, columns): query heads that share a key
  /// head are rows of one product.
  ValueId rows_times(ValueId x, ValueId y, const std::vector<Extent>& columns) const {
    const std::int64_t q_heads = type_of(builder_, x).shape[1].constant();
    const std::int64_t kv_heads = type_of(builder_, y).shape[1].constant();
    if (q_heads == kv_heads) return builder_.op("MatMul", {x, y});
    const auto merged = [&] {
      const Extent rows = extent(x, 2);
      return rows.of == no_value ? Extent(rows.number * (q_heads / kv_heads)) : Extent(-1);
    }();
    // With -1 in the shape zeros would be ambiguous: then nothing is empty.
    const ValueId shape = shape_value(builder_, {extent(x, 0), kv_heads, merged, extent(x, 3)});
    const Attributes exact =
        merged.number == -1 ? Attributes{} : Attributes{{"allowzero", std::int64_t(1)}};
    const ValueId grouped = builder_.op("Reshape", {x, shape}, exact);
    return reshape(builder_, builder_.op("MatMul", {grouped, y}),
                   {extent(x, 0), q_heads, extent(x, 2), columns[0]});
  }

  // The scale is shared between the operands where their product could overflow.
  ValueId scaled_product() const {
    const double size = double(type_of(builder_, q_).shape[3].constant());
    const double scale = node_.attributes.has("scale") ? double(node_.attributes.real("scale", 1))
                                                       : 1 / std::sqrt(size);
    const bool share = size_of(type()) < 4 && scale >= 0;
    const double part = share ? std::sqrt(scale) : scale;
    const ValueId left = builder_.op("Mul", {q_, scalar_like(builder_, q_, part)});
    ValueId right = transpose(builder_, k_, {0, 1, 3, 2});
    if (share) right = builder_.op("Mul", {right, scalar_like(builder_, q_, part)});
    return rows_times(left, right, {extent(k_, 2)});
  }

  ValueId softcap(ValueId scores) const {
    const double cap = double(node_.attributes.real("softcap", 0));
    if (cap == 0) return scores;
    const ValueId limit = scalar_like(builder_, scores, cap);
    const ValueId bent = builder_.op("Tanh", {builder_.op("Div", {scores, limit})});
    return builder_.op("Mul", {bent, limit});
  }

  ValueId both(ValueId a, ValueId b) const {
    return a == no_value ? b : builder_.op("And", {a, b});
  }

  /// Absolute position of each query: (queries, 1), or (batch, 1, queries, 1).
  ValueId query_positions() const {
    const ValueId rows = reshape(builder_, positions(builder_, extent(q_, 2)), {extent(q_, 2), 1});
    if (const ValueId past = input_of(node_, past_key); past != no_value) {
      return builder_.op("Add", {rows, length(past, 2)});
    }
    const ValueId count = input_of(node_, valid);
    if (count == no_value) return rows;
    const ValueId first = builder_.op("Sub", {column(count), length(q_, 2)});
    return builder_.op("Add", {rows, first});
  }

  ValueId length(ValueId of, int axis) const { return shape_value(builder_, {extent(of, axis)}); }
  ValueId column(ValueId counts) const {
    return reshape(builder_, counts, {extent(counts, 0), 1, 1, 1});
  }

  /// Which keys a query may see, by position; no_value: all.
  ValueId allowed() const {
    const std::int64_t left = node_.attributes.integer("left_window_size", -1);
    const std::int64_t right = node_.attributes.integer("right_window_size", -1);
    const bool causal = node_.attributes.integer("is_causal", 0) != 0;
    const ValueId count = input_of(node_, valid);
    ValueId result = no_value;
    if (!causal && left < 0 && right < 0 && count == no_value) return result;
    const ValueId keys = positions(builder_, extent(k_, 2));
    const auto shifted = [&](ValueId rows, std::int64_t by) {
      return builder_.op("Add", {rows, builder_.integers({by})});
    };
    if (causal || left >= 0 || right >= 0) {
      const ValueId rows = query_positions();
      if (causal) result = builder_.op("LessOrEqual", {keys, rows});
      if (left >= 0) {
        result = both(result, builder_.op("GreaterOrEqual", {keys, shifted(rows, -left)}));
      }
      if (right >= 0) {
        result = both(result, builder_.op("LessOrEqual", {keys, shifted(rows, right)}));
      }
    }
    if (count != no_value) result = both(result, builder_.op("Less", {keys, column(count)}));
    return result;
  }

  ValueId lowest() const {
    return scalar_like(builder_, q_, -std::numeric_limits<double>::infinity());
  }
  /// 0 where a bool tensor holds, minus infinity elsewhere.
  ValueId as_bias(ValueId holds) const {
    return builder_.op("Where", {holds, scalar_like(builder_, q_, 0), lowest()});
  }

  ValueId mask_bias() const {
    ValueId given = input_of(node_, mask);
    if (given == no_value) return no_value;
    given = type_of(builder_, given).dtype == DType::boolean ? as_bias(given)
                                                             : cast_to(builder_, given, type());
    // A mask may end before the keys do; what it does not mention is masked.
    const SymbolicShape& shape = type_of(builder_, given).shape;
    const Dim missing = type_of(builder_, k_).shape[2] - shape.back();
    if (!missing.is_constant() || missing.constant() <= 0) return given;
    std::vector<std::int64_t> pads(2 * shape.size(), 0);
    pads.back() = missing.constant();
    return builder_.op("Pad", {given, builder_.integers(pads), lowest()});
  }

  ValueId make_bias() const {
    const ValueId seen = allowed();
    const ValueId given = mask_bias();
    if (seen == no_value) return given;
    const ValueId bias = as_bias(seen);
    return given == no_value ? bias : builder_.op("Add", {given, bias});
  }

  /// Rows whose every key is masked become 0.
  ValueId softmax(ValueId scores, ValueId bias) const {
    const bool recast = node_.attributes.has("softmax_precision");
    const ValueId x =
        recast ? cast_to(builder_, scores, node_.attributes.dtype("softmax_precision")) : scores;
    const ValueId weights = cast_to(builder_, builder_.op("Softmax", {x}), type());
    if (bias == no_value) return weights;
    const ValueId most = builder_.op("ReduceMax", {bias, builder_.integers({-1})});
    const ValueId none = builder_.op("Equal", {most, lowest()});
    return builder_.op("Where", {none, scalar_like(builder_, weights, 0), weights});
  }

  Builder& builder_;
  const Node& node_;
  ValueId q_, k_, v_;  // (batch, heads, sequence, size); k_ and v_ with what came before
};

Replacement decompose(Builder& builder, const Node& node) {
  return Attention(builder, node).build();
}

// The two products, over all keys.
Cost cost(const CostArgs& args) {
  const Shape& y = args.outputs[0];
  std::int64_t keys = args.inputs[k][args.inputs[k].rank() - 2];
  if (args.inputs.size() > past_key && args.inputs[past_key].rank() == 4) {
    keys += args.inputs[past_key][2];
  }
  return {.macs = (args.inputs[q].elements() + y.elements()) * keys};
}

using example::f32;
using example::input;
using example::omitted;
using example::values;

std::vector<OpCase> cases() {
  const std::int64_t one = 1, two = 2, three = 3;
  const Attributes packed{{"q_num_heads", std::int64_t(4)}, {"kv_num_heads", two}};
  const Dim n = Dim::symbol("N"), s = Dim::symbol("S");
  return {{"plain", {f32({2, 3, 4, 8}), f32({2, 3, 6, 8}), f32({2, 3, 6, 5})}},
          {"packed_groups", {f32({2, 3, 16}), f32({2, 5, 8}), f32({2, 5, 6})}, packed},
          {"causal_past",
           {f32({n, 2, s, 4}), f32({n, 2, s, 4}), f32({n, 2, s, 4}), omitted(), f32({n, 2, 3, 4}),
            f32({n, 2, 3, 4})},
           {{"is_causal", one}},
           3},
          {"grouped_symbolic", {f32({n, s, 16}), f32({n, s, 8}), f32({n, s, 8})}, packed},
          {"short_bool_mask",
           {f32({1, 2, 3, 4}), f32({1, 2, 5, 4}), f32({1, 2, 5, 4}),
            values<bool>({3, 3}, {true, true, false, true, false, true, false, false, false})}},
          {"float_mask_capped",
           {f32({2, 2, 3, 4}), f32({2, 2, 5, 4}), f32({2, 2, 5, 4}), f32({2, 1, 3, 5})},
           {{"softcap", 2.0f}, {"scale", 0.7f}, {"qk_matmul_output_mode", three}},
           4},
          {"window",
           {f32({1, 1, 4, 4}), f32({1, 1, 6, 4}), f32({1, 1, 6, 4})},
           {{"left_window_size", two}, {"right_window_size", one}}},
          {"valid_keys",
           {f32({2, 1, 2, 4}), f32({2, 1, 6, 4}), f32({2, 1, 6, 4}), omitted(), omitted(),
            omitted(), values<std::int64_t>({2}, {3, 6})},
           {{"is_causal", one}}},
          {"half",
           {input(DType::f16, {1, 2, 3, 4}), input(DType::f16, {1, 2, 3, 4}),
            input(DType::f16, {1, 2, 3, 4})},
           {{"softmax_precision", DType::f32}}},
          {"no_queries", {f32({1, 2, 0, 4}), f32({1, 2, 3, 4}), f32({1, 2, 3, 4})}}};
}

constexpr AttributeDef attributes[] = {{"is_causal", AttributeKind::integer},
                                       {"kv_num_heads", AttributeKind::integer},
                                       {"left_window_size", AttributeKind::integer},
                                       {"q_num_heads", AttributeKind::integer},
                                       {"qk_matmul_output_mode", AttributeKind::integer},
                                       {"right_window_size", AttributeKind::integer},
                                       {"scale", AttributeKind::real},
                                       {"softcap", AttributeKind::real},
                                       {"softmax_precision", AttributeKind::dtype}};

}  // namespace

extern const OpDef attention_op;
constinit const OpDef attention_op = {.name = "Attention",
                                      .inputs = {3, 7},
                                      .outputs = {1, 4},
                                      .attributes = attributes,
                                      .infer = infer,
                                      .cost = cost,
                                      .decompose = decompose,
                                      .cases = cases};

}  // namespace strata::ir
