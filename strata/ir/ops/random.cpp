#include "strata/ir/ops/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {

Random node_random(const Node& node) {
  const Attribute* seed = node.attributes.find("seed");
  if (const auto* real = seed ? std::get_if<float>(seed) : nullptr) {
    return Random(std::bit_cast<std::uint32_t>(*real));
  }
  if (const auto* integer = seed ? std::get_if<std::int64_t>(seed) : nullptr) {
    return Random(std::uint64_t(*integer));
  }
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : node.name) hash = (hash ^ std::uint8_t(c)) * 0x100000001b3;
  return Random(hash);
}

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();

DType dtype_or(const Attributes& attributes, DType fallback) {
  return attributes.has("dtype") ? attributes.dtype("dtype") : fallback;
}

void expect_float_result(DType type) {
  if (!is_float(type)) {
    fail(ErrorCode::model, "dtype is {}; accepted: f16, bf16, f32, f64", to_string(type));
  }
}

void infer_shaped(InferContext& context) {
  const auto stated = integers_view(context.attributes(), "shape");
  if (stated.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "shape has {} entries; accepted: at most {}", stated.size(),
         max_rank);
  }
  for (const std::int64_t extent : stated) expect_between("shape entry", extent, 0, most);
  const DType type = dtype_or(context.attributes(), DType::f32);
  expect_float_result(type);
  context.set_output(0, {type, {stated.begin(), stated.end()}});
}

void infer_like(InferContext& context) {
  const DType type = dtype_or(context.attributes(), context.input(0).dtype);
  expect_float_result(type);
  context.set_output(0, {type, context.input(0).shape});
}

void infer_bernoulli(InferContext& context) {
  expect_float(context, 0, "input");
  const DType type = dtype_or(context.attributes(), context.input(0).dtype);
  context.set_output(0, {type, context.input(0).shape});
}

void infer_multinomial(InferContext& context) {
  expect_float(context, 0, "input");
  context.expect_rank(0, "input", 2);
  const std::int64_t count = context.attributes().integer("sample_size", 1);
  expect_between("sample_size", count, 1, most);
  const DType type = dtype_or(context.attributes(), DType::i32);
  if (type != DType::i32 && type != DType::i64) {
    fail(ErrorCode::model, "dtype is {}; accepted: i32, i64", to_string(type));
  }
  context.set_output(0, {type, {context.input(0).shape[0], count}});
}

Status normal(const EvalArgs& args) {
  Random random = node_random(args.node);
  const double mean = args.attributes().real("mean", 0);
  const double scale = args.attributes().real("scale", 1);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    store_one(mean + scale * random.normal(), args.outputs[0], i);
  }
  return {};
}

Status uniform(const EvalArgs& args) {
  Random random = node_random(args.node);
  const double low = args.attributes().real("low", 0);
  const double high = args.attributes().real("high", 1);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    store_one(low + (high - low) * random.uniform(), args.outputs[0], i);
  }
  return {};
}

Status bernoulli(const EvalArgs& args) {
  Random random = node_random(args.node);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    const bool one = random.uniform() < load_one<double>(args.inputs[0], i);
    store_one(std::int64_t(one), args.outputs[0], i);
  }
  return {};
}

/// The class whose share of the cumulated probabilities holds `u` in [0, 1).
std::int64_t drawn_class(const Tensor& x, std::int64_t row, double maximum, double total,
                         double u) {
  const std::int64_t classes = x.shape()[1];
  double rest = u * total;
  for (std::int64_t c = 0; c < classes; ++c) {
    rest -= std::exp(load_one<double>(x, row * classes + c) - maximum);
    if (rest < 0) return c;
  }
  return classes - 1;
}

Status multinomial(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const std::int64_t classes = x.shape()[1];
  const std::int64_t samples = args.outputs[0].shape()[1];
  if (classes == 0 && args.outputs[0].elements() > 0) return {"there are no classes to draw"};
  Random random = node_random(args.node);
  for (std::int64_t row = 0; row < x.shape()[0]; ++row) {
    double maximum = -std::numeric_limits<double>::infinity();
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      maximum = std::max(maximum, load_one<double>(x, row * classes + c));
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      total += std::exp(load_one<double>(x, row * classes + c) - maximum);
    }
    if (!std::isfinite(total)) return {"the logarithms of probabilities are not finite"};
    for (std::int64_t i = 0; i < samples; ++i) {
      store_one(drawn_class(x, row, maximum, total, random.uniform()), args.outputs[0],
                row * samples + i);
    }
  }
  return {};
}

using namespace example;
using Ints = std::vector<std::int64_t>;

std::vector<OpCase> shaped_cases() {
  return {{"plain", {}, {{"shape", Ints{3, 5}}}},
          {"seeded", {}, {{"shape", Ints{4}}, {"seed", 7.5f}}},
          {"f16", {}, {{"shape", Ints{2, 3}}, {"dtype", DType::f16}}},
          {"scalar", {}, {{"shape", Ints{}}}},
          {"empty", {}, {{"shape", Ints{0, 3}}}}};
}
std::vector<OpCase> normal_cases() {
  std::vector<OpCase> all = shaped_cases();
  all.push_back({"scaled", {}, {{"shape", Ints{5}}, {"mean", 3.0f}, {"scale", 0.5f}}});
  return all;
}
std::vector<OpCase> uniform_cases() {
  std::vector<OpCase> all = shaped_cases();
  all.push_back({"range", {}, {{"shape", Ints{5}}, {"low", -3.0f}, {"high", -2.0f}}});
  return all;
}

std::vector<OpCase> like_cases() {
  return {{"plain", {f32({3, 5})}},
          {"of_integers", {input(DType::i32, {4})}, {{"dtype", DType::f64}, {"seed", 1.0f}}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {input(DType::f16, {0})}}};
}

std::vector<OpCase> bernoulli_cases() {
  const auto probability = [](std::string_view name, OpCase::Input x, Attributes attributes) {
    return OpCase{.name = name,
                  .inputs = {std::move(x)},
                  .attributes = std::move(attributes),
                  .low = 0,
                  .high = 1};
  };
  return {probability("plain", f32({3, 5}), {}),
          probability("bool", f32({9}), {{"dtype", DType::boolean}, {"seed", 2.0f}}),
          probability("f64", f32({9}), {{"dtype", DType::f64}}),
          probability("symbolic", f32({Dim::symbol("N"), 3}), {}),
          probability("empty", input(DType::f16, {0}), {})};
}

std::vector<OpCase> multinomial_cases() {
  return {{"plain", {f32({3, 5})}},
          {"many", {f32({2, 4})}, {{"sample_size", std::int64_t(20)}, {"dtype", DType::i64}}},
          {"f16", {input(DType::f16, {1, 3})}, {{"seed", 3.0f}}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {f32({0, 3})}}};
}

constexpr AttributeDef normal_attributes[] = {{"dtype", AttributeKind::dtype},
                                              {"mean", AttributeKind::real},
                                              {"scale", AttributeKind::real},
                                              {"seed", AttributeKind::real},
                                              {"shape", AttributeKind::integers, true}};
constexpr AttributeDef uniform_attributes[] = {{"dtype", AttributeKind::dtype},
                                               {"high", AttributeKind::real},
                                               {"low", AttributeKind::real},
                                               {"seed", AttributeKind::real},
                                               {"shape", AttributeKind::integers, true}};
constexpr AttributeDef multinomial_attributes[] = {{"dtype", AttributeKind::dtype},
                                                   {"sample_size", AttributeKind::integer},
                                                   {"seed", AttributeKind::real}};
constexpr AttributeDef bernoulli_attributes[] = {{"dtype", AttributeKind::dtype},
                                                 {"seed", AttributeKind::real}};

constexpr std::span<const AttributeDef> without_shape(std::span<const AttributeDef> attributes) {
  return attributes.first(attributes.size() - 1);
}

}  // namespace

extern const OpDef bernoulli_op, multinomial_op, random_normal_like_op, random_normal_op,
    random_uniform_like_op, random_uniform_op;

constinit const OpDef bernoulli_op = {.name = "Bernoulli",
                                      .attributes = bernoulli_attributes,
                                      .infer = infer_bernoulli,
                                      .reference = bernoulli,
                                      .cost = elementwise_cost,
                                      .cases = bernoulli_cases};
constinit const OpDef multinomial_op = {.name = "Multinomial",
                                        .attributes = multinomial_attributes,
                                        .infer = infer_multinomial,
                                        .reference = multinomial,
                                        .cost = elementwise_cost,
                                        .cases = multinomial_cases};
constinit const OpDef random_normal_like_op = {.name = "RandomNormalLike",
                                               .attributes = without_shape(normal_attributes),
                                               .infer = infer_like,
                                               .reference = normal,
                                               .cost = elementwise_cost,
                                               .cases = like_cases};
constinit const OpDef random_normal_op = {.name = "RandomNormal",
                                          .inputs = {0, 0},
                                          .attributes = normal_attributes,
                                          .infer = infer_shaped,
                                          .reference = normal,
                                          .cost = elementwise_cost,
                                          .cases = normal_cases};
constinit const OpDef random_uniform_like_op = {.name = "RandomUniformLike",
                                                .attributes = without_shape(uniform_attributes),
                                                .infer = infer_like,
                                                .reference = uniform,
                                                .cost = elementwise_cost,
                                                .cases = like_cases};
constinit const OpDef random_uniform_op = {.name = "RandomUniform",
                                           .inputs = {0, 0},
                                           .attributes = uniform_attributes,
                                           .infer = infer_shaped,
                                           .reference = uniform,
                                           .cost = elementwise_cost,
                                           .cases = uniform_cases};

}  // namespace strata::ir
