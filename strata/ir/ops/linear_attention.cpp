#include <algorithm>
#include <cmath>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { query, key, value, past_state, decay, beta };
constexpr std::string_view names[] = {"query", "key", "value", "past_state", "decay", "beta"};
constexpr std::string_view rules[] = {"linear", "gated", "delta", "gated_delta"};

/// Which terms of the recurrence the rule has.
struct Rule {
  bool gated, delta;
  explicit Rule(const Attributes& attributes) {
    const std::string_view name = text_view(attributes, "update_rule", rules[3]);
    gated = name == rules[1] || name == rules[3];
    delta = name == rules[2] || name == rules[3];
  }
};

std::int64_t per_head(const InferContext& context, int i, std::int64_t heads) {
  const std::int64_t all =
      expect_known(fmt::format("extent 2 of {}", names[i]), context.input(i).shape[2]);
  if (all % heads != 0) {
    fail(ErrorCode::model, "extent 2 of {} is {}, which {} heads do not divide", names[i], all,
         heads);
  }
  return all / heads;
}

void expect_gate(const InferContext& context, int i, bool wanted,
                 std::initializer_list<std::int64_t> widths) {
  if (context.has_input(i) != wanted) {
    fail(ErrorCode::model, "{} is {}; update_rule '{}' {} it", names[i],
         wanted ? "omitted" : "given", text_view(context.attributes(), "update_rule", rules[3]),
         wanted ? "needs" : "has no use for");
  }
  if (!wanted) return;
  const std::int64_t width =
      expect_known(fmt::format("extent 2 of {}", names[i]), context.input(i).shape[2]);
  if (std::ranges::find(widths, width) == widths.end()) {
    fail(ErrorCode::model, "extent 2 of {} is {}; accepted: {} or {}", names[i], width,
         *widths.begin(), *(widths.end() - 1));
  }
}

void infer(InferContext& context) {
  const Attributes& attributes = context.attributes();
  expect_word(attributes, "update_rule", rules[3], rules);
  const std::int64_t q_heads = attributes.integer("q_num_heads", 0);
  const std::int64_t kv_heads = attributes.integer("kv_num_heads", 0);
  constexpr std::int64_t most = std::int64_t(1) << 31;
  expect_between("kv_num_heads", kv_heads, 1, most);
  expect_between("q_num_heads", q_heads, 1, most);
  if (q_heads % kv_heads != 0) {
    fail(ErrorCode::model, "q_num_heads is {}; accepted: multiples of kv_num_heads {}", q_heads,
         kv_heads);
  }
  expect_float(context, query, names[query]);
  const SymbolicShape& q = context.input(query).shape;
  for (const int i : {int(query), int(key), int(value), int(decay), int(beta)}) {
    if (i > value && !context.has_input(i)) continue;
    context.expect_same_dtype(query, i);
    context.expect_rank(i, names[i], 3);
    expect_extent(fmt::format("batch of {}", names[i]), context.input(i).shape[0], q[0]);
    expect_extent(fmt::format("sequence of {}", names[i]), context.input(i).shape[1], q[1]);
  }
  const std::int64_t keys = per_head(context, query, q_heads);
  const std::int64_t values = per_head(context, value, kv_heads);
  expect_extent("head size of key", per_head(context, key, kv_heads), keys);
  const Rule rule(attributes);
  expect_gate(context, decay, rule.gated, {kv_heads, kv_heads * keys});
  expect_gate(context, beta, rule.delta, {1, kv_heads});
  const SymbolicShape state{q[0], kv_heads, keys, values};
  DType state_type = context.input(query).dtype;
  if (context.has_input(past_state)) {
    expect_float(context, past_state, names[past_state]);
    context.expect_rank(past_state, names[past_state], 4);
    for (std::size_t i = 0; i < 4; ++i) {
      expect_extent(fmt::format("extent {} of past_state", i), context.input(past_state).shape[i],
                    state[i]);
    }
    state_type = context.input(past_state).dtype;
  }
  context.set_output(0, {context.input(query).dtype, {q[0], q[1], q_heads * values}});
  context.set_output(1, {state_type, state});
}

/// One key head of one sample: its state (keys, values), and rows of the operands of a step.
struct Head {
  std::int64_t keys, values;
  double* state;
  double* k;      // (keys) also of queries
  double* gates;  // (keys)
  double* v;      // (values) also of results
};

/// state = exp(gate) * state, row by row; v = rate * (v - state^T k); state += k v^T
void update(const Head& head, const Rule& rule, double rate) {
  for (std::int64_t i = 0; rule.gated && i < head.keys; ++i) {
    const double factor = std::exp(head.gates[i]);
    for (std::int64_t j = 0; j < head.values; ++j) head.state[i * head.values + j] *= factor;
  }
  for (std::int64_t j = 0; rule.delta && j < head.values; ++j) {
    double known = 0;
    for (std::int64_t i = 0; i < head.keys; ++i)
      known += head.state[i * head.values + j] * head.k[i];
    head.v[j] = rate * (head.v[j] - known);
  }
  for (std::int64_t i = 0; i < head.keys; ++i) {
    for (std::int64_t j = 0; j < head.values; ++j) {
      head.state[i * head.values + j] += head.k[i] * head.v[j];
    }
  }
}

/// v = scale * state^T q
void read(const Head& head, double scale) {
  std::fill(head.v, head.v + head.values, 0.0);
  for (std::int64_t i = 0; i < head.keys; ++i) {
    for (std::int64_t j = 0; j < head.values; ++j) {
      head.v[j] += scale * head.k[i] * head.state[i * head.values + j];
    }
  }
}

void load_gates(const EvalArgs& args, const Head& head, std::int64_t row, std::int64_t h,
                std::int64_t heads) {
  const Tensor& gates = args.inputs[decay];
  const std::int64_t width = gates.shape()[2];
  if (width == heads) {
    std::fill(head.gates, head.gates + head.keys, load_one<double>(gates, row * width + h));
  } else {
    load(gates, row * width + h * head.keys, 1, head.keys, head.gates);
  }
}

Status reference(const EvalArgs& args) {
  const Rule rule(args.attributes());
  const Shape& q = args.inputs[query].shape();
  const std::int64_t steps = q[1];
  const std::int64_t heads = args.attributes().integer("kv_num_heads", 1);
  const std::int64_t q_heads = args.attributes().integer("q_num_heads", 1);
  const std::int64_t group = q_heads / heads;
  auto* scratch = reinterpret_cast<double*>(args.scratch);
  const std::int64_t keys = q[2] / q_heads, values = args.inputs[value].shape()[2] / heads;
  const Head head{keys,
                  values,
                  scratch,
                  scratch + keys * values,
                  scratch + keys * values + keys,
                  scratch + keys * values + 2 * keys};
  double scale = double(args.attributes().real("scale", 0));
  if (scale == 0) scale = 1 / std::sqrt(double(keys));
  for (std::int64_t i = 0; i < q[0] * heads; ++i) {
    const std::int64_t b = i / heads, h = i % heads;
    std::fill(head.state, head.state + keys * values, 0.0);
    if (args.has_input(past_state)) {
      load(args.inputs[past_state], i * keys * values, 1, keys * values, head.state);
    }
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t row = b * steps + t;
      load(args.inputs[key], (row * heads + h) * keys, 1, keys, head.k);
      load(args.inputs[value], (row * heads + h) * values, 1, values, head.v);
      if (rule.gated) load_gates(args, head, row, h, heads);
      double rate = 0;
      if (rule.delta) {
        const std::int64_t width = args.inputs[beta].shape()[2];
        rate = load_one<double>(args.inputs[beta], row * width + (width == 1 ? 0 : h));
      }
      update(head, rule, rate);
      for (std::int64_t g = h * group; g < (h + 1) * group; ++g) {
        load(args.inputs[query], (row * q_heads + g) * keys, 1, keys, head.k);
        read(head, scale);
        store(head.v, values, args.outputs[0], (row * q_heads + g) * values);
      }
    }
    if (args.outputs.size() > 1 && args.outputs[1].present()) {
      store(head.state, keys * values, args.outputs[1], i * keys * values);
    }
  }
  return {};
}

std::size_t scratch_bytes(const CostArgs& args) {
  const std::int64_t keys = args.inputs[query][2] / args.node.attributes.integer("q_num_heads", 1);
  const std::int64_t values =
      args.inputs[value][2] / args.node.attributes.integer("kv_num_heads", 1);
  return std::size_t(keys * values + 2 * keys + values) * sizeof(double);
}

// Each step of a key head writes its state and reads it once per query head.
Cost cost(const CostArgs& args) {
  const std::int64_t keys = args.inputs[query][2] / args.node.attributes.integer("q_num_heads", 1);
  return {.macs = 2 * keys * (args.outputs[0].elements() + args.inputs[value].elements())};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto with = [](const char* rule, std::int64_t q_heads, std::int64_t kv_heads) {
    return Attributes{
        {"kv_num_heads", kv_heads}, {"q_num_heads", q_heads}, {"update_rule", std::string(rule)}};
  };
  const Dim n = Dim::symbol("N"), t = Dim::symbol("T");
  return {{"linear", {f32({n, t, 8}), f32({n, t, 8}), f32({n, t, 6})}, with("linear", 2, 2), 2},
          {"gated",
           {f32({2, 3, 8}), f32({2, 3, 4}), f32({2, 3, 3}), f32({2, 1, 4, 3}), f32({2, 3, 4})},
           with("gated", 2, 1),
           2},
          {"delta",
           {f32({1, 4, 8}), f32({1, 4, 8}), f32({1, 4, 6}), omitted(), omitted(), f32({1, 4, 1})},
           with("delta", 2, 2),
           2},
          {"gated_delta",
           {f32({1, 4, 16}), f32({1, 4, 8}), f32({1, 4, 6}), f32({1, 2, 4, 3}), f32({1, 4, 2}),
            f32({1, 4, 2})},
           with("gated_delta", 4, 2),
           2}};
}

constexpr AttributeDef attributes[] = {{"chunk_size", AttributeKind::integer},
                                       {"kv_num_heads", AttributeKind::integer, true},
                                       {"q_num_heads", AttributeKind::integer, true},
                                       {"scale", AttributeKind::real},
                                       {"update_rule", AttributeKind::string}};

}  // namespace

extern const OpDef linear_attention_op;
constinit const OpDef linear_attention_op = {.name = "LinearAttention",
                                             .inputs = {3, 6},
                                             .outputs = {1, 2},
                                             .attributes = attributes,
                                             .infer = infer,
                                             .reference = reference,
                                             .scratch_bytes = scratch_bytes,
                                             .cost = cost,
                                             .cases = cases};

}  // namespace strata::ir
