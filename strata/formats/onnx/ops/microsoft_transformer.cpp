// Ops of com.microsoft that transformers are exported with.
#include "strata/formats/onnx/converters.hpp"
#include "strata/ir/ops/decomposition.hpp"

namespace strata::formats::onnx {
namespace {

ir::ValueId sum_of(NodeContext& node, ir::ValueId a, std::size_t i) {
  return node.has_input(i) ? node.intermediate("Add", {a, node.input(i)}) : a;
}

constexpr float skip_epsilon = 1e-12f;

/// input + skip + bias, which is output 3 too.
ir::ValueId skip_sum(NodeContext& node, std::size_t bias) {
  const ir::ValueId sum =
      sum_of(node, node.intermediate("Add", {node.input(0), node.input(1)}), bias);
  node.emit_output(3, "Identity", {sum});
  return sum;
}

/// Rows of a table, one per index.
ir::ValueId rows(NodeContext& node, std::size_t table, ir::ValueId indices) {
  return node.intermediate("Gather", {node.input(table), indices});
}

/// (batch, sequence, heads * size) as (batch, heads, sequence, size)
ir::ValueId split_heads(ir::Builder& builder, ir::ValueId x, std::int64_t heads) {
  const SymbolicShape shape = ir::type_of(builder, x).shape;
  if (!shape[2].is_constant() || shape[2].constant() % heads != 0) {
    fail(ErrorCode::model, "{} does not divide into {} heads", to_string(shape), heads);
  }
  const ir::ValueId apart = ir::reshape(
      builder, x, {{builder, x, 0}, {builder, x, 1}, heads, shape[2].constant() / heads});
  return ir::transpose(builder, apart, {0, 2, 1, 3});
}

/// Part i of (batch, sequence, heads, parts, size), as (batch, heads, sequence, size).
ir::ValueId part_of(ir::Builder& builder, ir::ValueId packed, std::int64_t i) {
  const ir::ValueId part = ir::slice(builder, packed, 3, i, i + 1);
  const ir::ValueId flat = builder.op("Squeeze", {part, builder.integers({3})});
  return ir::transpose(builder, flat, {0, 2, 1, 3});
}

/// Query, key and value with their biases: all packed by heads, or none.
struct Projections {
  ir::ValueId query, key, value;
};

Projections projections(NodeContext& node, std::int64_t heads) {
  ir::Builder& builder = node.builder();
  const std::size_t rank = node.type(0).shape.size();
  if (rank == 5) {
    if (node.has_input(3)) fail(ErrorCode::unsupported, "bias of a packed query");
    return {part_of(builder, node.input(0), 0), part_of(builder, node.input(0), 1),
            part_of(builder, node.input(0), 2)};
  }
  if (rank != 3) fail(ErrorCode::model, "query has rank {}; accepted: 3 or 5", rank);
  const std::size_t key_rank = node.type(1).shape.size();
  Projections p{node.input(0), node.input(1), ir::no_value};
  if (key_rank != 5) p.value = node.input(2);
  if (node.has_input(3)) {
    const auto biased = [&](ir::ValueId& x, std::int64_t& at) {
      const Dim width = ir::type_of(builder, x).shape.back();
      if (!width.is_constant()) fail(ErrorCode::unsupported, "hidden size {}", to_string(width));
      const ir::ValueId part = ir::slice(builder, node.input(3), 0, at, at + width.constant());
      x = builder.op("Add", {x, part});
      at += width.constant();
    };
    std::int64_t at = 0;
    biased(p.query, at);
    if (key_rank == 3) {
      biased(p.key, at);
      biased(p.value, at);
    }
  }
  if (key_rank == 3) return p;
  p.query = split_heads(builder, p.query, heads);
  if (key_rank == 5) {
    p.value = part_of(builder, p.key, 1);
    p.key = part_of(builder, p.key, 0);
  }
  return p;
}

/// What a padding mask adds to the scores: (batch, 1, 1 or queries, keys).
ir::ValueId padding_bias(NodeContext& node, const Projections& p) {
  ir::Builder& builder = node.builder();
  const ir::ValueId given = node.input(4);
  const SymbolicShape shape = node.type(4).shape;
  ir::ValueId kept = given;
  if (shape.size() == 1) {
    if (shape[0] != node.type(0).shape[0]) {
      fail(ErrorCode::unsupported,
           "key_padding_mask {}; accepted: (batch), (batch, keys), "
           "(batch, queries, keys)",
           to_string(shape));
    }
    const int axis = ir::type_of(builder, p.key).shape.size() == 4 ? 2 : 1;
    const ir::ValueId keys = ir::cast_to(
        builder, ir::positions(builder, ir::Extent(builder, p.key, axis)), node.type(4).dtype);
    const ir::ValueId ends = builder.op("Unsqueeze", {given, builder.integers({1})});
    kept = builder.op("Less", {keys, ends});
  } else if (shape.size() > 3) {
    fail(ErrorCode::model, "key_padding_mask has rank {}; accepted: 1 to 3", shape.size());
  }
  kept = ir::cast_to(builder, kept, DType::boolean);
  const ir::ValueId axes = shape.size() == 3 ? builder.integers({1}) : builder.integers({1, 2});
  const auto scalar = [&](float x) {
    return builder.constant(Tensor::scalar(x).cast(node.type(0).dtype));
  };
  const float low = node.attributes.real("mask_filter_value", -10000.0f);
  return builder.op("Where", {builder.op("Unsqueeze", {kept, axes}), scalar(0), scalar(low)});
}

}  // namespace

void convert_ms_skip_layer_normalization(NodeContext& node) {
  const ir::ValueId sum = skip_sum(node, 4);
  std::vector<ir::ValueId> operands{sum, node.input(2)};
  if (node.has_input(3)) operands.push_back(node.input(3));
  node.emit_output(0, "LayerNormalization", operands,
                   {{"epsilon", node.attributes.real("epsilon", skip_epsilon)}});
}

void convert_ms_skip_rms_normalization(NodeContext& node) {
  node.emit_output(0, "RMSNormalization", {skip_sum(node, 3), node.input(2)},
                   {{"epsilon", node.attributes.real("epsilon", skip_epsilon)}});
}

// In ONNX's own domain, where ONNX Runtime put it before ONNX had RMSNormalization.
void convert_simplified_layer_normalization(NodeContext& node) {
  node.emit("RMSNormalization", {node.input(0), node.input(1)}, node.attributes, 1);
}

// Rows of up to three tables, added and normalized.
void convert_ms_embed_layer_normalization(NodeContext& node) {
  ir::Builder& builder = node.builder();
  if (node.type(0).shape.size() != 2) {
    fail(ErrorCode::model, "input_ids has rank {}, expected 2", node.type(0).shape.size());
  }
  const ir::ValueId words = rows(node, 2, node.input(0));
  const ir::ValueId where = node.has_input(8)
                                ? node.input(8)
                                : ir::positions(builder, ir::Extent(builder, node.input(0), 1));
  ir::ValueId sum = node.intermediate("Add", {words, rows(node, 3, where)});
  if (node.has_input(1)) sum = node.intermediate("Add", {sum, rows(node, 4, node.input(1))});
  node.emit_output(2, "Identity", {sum});
  if (node.has_input(7)) {
    node.emit_output(1, "ReduceSum", {node.input(7), builder.integers({1})},
                     {{"keepdims", std::int64_t(0)}});
  }
  node.emit_output(0, "LayerNormalization", {sum, node.input(5), node.input(6)},
                   {{"epsilon", node.attributes.real("epsilon", skip_epsilon)}});
}

// Positions come second, and may be one number: that of the first token.
void convert_ms_rotary_embedding(NodeContext& node) {
  ir::Builder& builder = node.builder();
  ir::Attributes attributes = node.attributes;
  if (attributes.integer("is_packed_batching", 0) != 0 || attributes.real("scale", 1) != 1) {
    fail(ErrorCode::unsupported, "is_packed_batching and a scale other than 1 are not supported");
  }
  attributes.erase("is_packed_batching");
  attributes.erase("scale");
  const SymbolicShape& x = node.type(0).shape;
  const SymbolicShape& cache = node.type(2).shape;
  if (x.size() == 3 && attributes.integer("num_heads", 0) == 0) {
    if (cache.size() != 2 || !x[2].is_constant() || !cache[1].is_constant() ||
        cache[1].constant() < 1) {
      fail(ErrorCode::unsupported, "head size of {}, where cos_cache is {}", to_string(x),
           to_string(cache));
    }
    attributes.set("num_heads", x[2].constant() / (2 * cache[1].constant()));
  }
  ir::ValueId ids = node.input(1);
  if (node.type(1).shape.size() == 1) {
    const int axis = x.size() == 4 ? 2 : 1;
    const ir::Extent batch(builder, node.input(0), 0), length(builder, node.input(0), axis);
    const ir::ValueId row = builder.op("Add", {ir::positions(builder, length), ids});
    ids = builder.op("Expand", {row, ir::shape_value(builder, {batch, length})});
  }
  node.emit("RotaryEmbedding", {node.input(0), node.input(2), node.input(3), ids}, attributes);
}

void convert_ms_multi_head_attention(NodeContext& node) {
  ir::Builder& builder = node.builder();
  const std::int64_t heads = node.attributes.integer("num_heads", 0);
  if (heads < 1) fail(ErrorCode::model, "num_heads is {}; accepted: 1 or more", heads);
  if (node.has_input(8) || node.has_input(9)) {
    fail(ErrorCode::unsupported, "past_sequence_length and cache_indirection are not supported");
  }
  const Projections p = projections(node, heads);
  ir::ValueId bias = node.has_input(4) ? padding_bias(node, p) : ir::no_value;
  if (node.has_input(5)) {
    bias = bias == ir::no_value ? node.input(5) : builder.op("Add", {node.input(5), bias});
  }
  std::vector<ir::ValueId> operands{p.query, p.key, p.value, bias};
  for (const std::size_t i : {6, 7}) {
    operands.push_back(node.has_input(i) ? node.input(i) : ir::no_value);
  }
  while (operands.back() == ir::no_value) operands.pop_back();
  ir::Attributes attributes{{"is_causal", node.attributes.integer("unidirectional", 0)}};
  if (const float scale = node.attributes.real("scale", 0); scale != 0) {
    attributes.set("scale", scale);
  }
  if (ir::type_of(builder, p.query).shape.size() == 3) {
    attributes.set("q_num_heads", heads);
    attributes.set("kv_num_heads", heads);
    return node.emit("Attention", operands, attributes, 3);
  }
  const std::vector<ir::ValueId> results = node.intermediates("Attention", operands, 3, attributes);
  const ir::ValueId y = ir::transpose(builder, results[0], {0, 2, 1, 3});
  const SymbolicShape& shape = ir::type_of(builder, y).shape;
  node.emit_output(
      0, "Reshape",
      {y, ir::shape_value(builder,
                          {{builder, y, 0}, {builder, y, 1}, (shape[2] * shape[3]).constant()})});
  node.emit_output(1, "Identity", {results[1]});
  node.emit_output(2, "Identity", {results[2]});
}

}  // namespace strata::formats::onnx
