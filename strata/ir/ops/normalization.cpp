#include <cmath>
#include <numeric>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// Mean and 1 / sqrt(variance + epsilon) of a run of elements.
struct Moments {
  double mean, inverse_deviation;
};

template <class T>
Moments moments(std::span<const T> run, double epsilon) {
  double sum = 0;
  for (const T x : run) sum += double(x);
  const double mean = sum / double(run.size());
  double squares = 0;
  for (const T x : run) squares += (double(x) - mean) * (double(x) - mean);
  return {mean, 1 / std::sqrt(squares / double(run.size()) + epsilon)};
}

double epsilon_of(const EvalArgs& args) { return args.attributes().real("epsilon", 1e-5f); }

/// Normalizes X (N, C, ...) in runs of C / groups channels, then scales and shifts each channel.
Status normalize_channels(const EvalArgs& args, std::int64_t groups) {
  if (args.inputs[0].elements() == 0) return {};
  const Shape& shape = args.inputs[0].shape();
  const std::int64_t plane = shape.elements(2, shape.rank());
  const std::int64_t run = shape[1] / groups * plane;
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    const auto x = args.inputs[0].data<T>();
    const auto scale = args.inputs[1].data<T>();
    const auto bias = args.inputs[2].data<T>();
    const auto y = args.outputs[0].mutable_data<T>();
    for (std::int64_t start = 0; start < args.inputs[0].elements(); start += run) {
      const Moments m = moments(x.subspan(std::size_t(start), std::size_t(run)), epsilon_of(args));
      for (std::int64_t i = start; i < start + run; ++i) {
        const auto channel = std::size_t(i / plane % shape[1]);
        const double unit = (double(x[std::size_t(i)]) - m.mean) * m.inverse_deviation;
        y[std::size_t(i)] = narrow<T>(unit * double(scale[channel]) + double(bias[channel]));
      }
    }
  });
  return {};
}

void infer_channels(InferContext& context) {
  expect_float(context, 0, "X");
  const SymbolicShape& x = context.input(0).shape;
  if (x.size() < 3) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 3 (N, C and spatial axes)", x.size());
  }
  constexpr std::string_view names[] = {"X", "scale", "B"};
  for (int i = 1; i < 3; ++i) {
    context.expect_same_dtype(0, i);
    context.expect_rank(i, names[i], 1);
    expect_extent(fmt::format("length of {}", names[i]), context.input(i).shape[0], x[1]);
  }
  context.set_output(0, context.input(0));
}

void infer_group(InferContext& context) {
  infer_channels(context);
  const std::int64_t channels = expect_known("number of channels", context.input(0).shape[1]);
  const std::int64_t groups = context.attributes().integer("num_groups", 0);
  expect_between("num_groups", groups, 1, std::max<std::int64_t>(channels, 1));
  if (channels % groups != 0) {
    fail(ErrorCode::model, "X has {} channels, which num_groups {} does not divide", channels,
         groups);
  }
}

Status instance_reference(const EvalArgs& args) {
  return normalize_channels(args, args.inputs[0].shape()[1]);
}

Status group_reference(const EvalArgs& args) {
  return normalize_channels(args, args.attributes().integer("num_groups", 1));
}

/// (x - mean) / sqrt(variance + epsilon) over these axes, with mean and inverse deviation.
struct Standardized {
  ValueId unit, mean, inverse_deviation;
};
Standardized standardize(Builder& builder, ValueId x, ValueId axes, float epsilon) {
  const ValueId mean = builder.op("ReduceMean", {x, axes});
  const ValueId centred = builder.op("Sub", {x, mean});
  const ValueId variance = builder.op("ReduceMean", {builder.op("Mul", {centred, centred}), axes});
  const ValueId shifted = builder.op("Add", {variance, scalar_like(builder, x, epsilon)});
  const ValueId inverse = builder.op("Reciprocal", {builder.op("Sqrt", {shifted})});
  return {builder.op("Mul", {centred, inverse}), mean, inverse};
}

/// unit * scale + bias, both per channel (axis 1 of `rank`).
ValueId scale_channels(Builder& builder, const Node& node, ValueId unit, std::size_t rank) {
  std::vector<std::int64_t> column{-1};
  column.resize(rank - 1, 1);
  const ValueId shape = builder.integers(column);
  const ValueId scale = builder.op("Reshape", {node.inputs[1], shape});
  const ValueId bias = builder.op("Reshape", {node.inputs[2], shape});
  return builder.op("Add", {builder.op("Mul", {unit, scale}), bias});
}

ValueId axes_from(Builder& builder, std::size_t first, std::size_t rank) {
  std::vector<std::int64_t> axes(rank - first);
  std::iota(axes.begin(), axes.end(), std::int64_t(first));
  return builder.integers(std::move(axes));
}

Replacement decompose_instance(Builder& builder, const Node& node) {
  const std::size_t rank = type_of(builder, node.inputs[0]).shape.size();
  const ValueId unit = standardize(builder, node.inputs[0], axes_from(builder, 2, rank),
                                   node.attributes.real("epsilon", 1e-5f))
                           .unit;
  return {{scale_channels(builder, node, unit, rank)}};
}

Replacement decompose_group(Builder& builder, const Node& node) {
  const std::size_t rank = type_of(builder, node.inputs[0]).shape.size();
  const ValueId grouped = builder.integers({0, node.attributes.integer("num_groups", 1), -1});
  const ValueId x = builder.op("Reshape", {node.inputs[0], grouped});
  const ValueId unit =
      standardize(builder, x, builder.integers({2}), node.attributes.real("epsilon", 1e-5f)).unit;
  const ValueId shape = builder.op("Shape", {node.inputs[0]});
  return {{scale_channels(builder, node, builder.op("Reshape", {unit, shape}), rank)}};
}

int layer_axis(const Attributes& attributes, int rank) {
  return normalize_axis(attributes.integer("axis", -1), rank, "axis");
}

void infer_layer(InferContext& context) {
  expect_float(context, 0, "X");
  expect_between("stash_type", context.attributes().integer("stash_type", 1), 1, 1);
  const TensorType x = context.input(0);
  const int axis = layer_axis(context.attributes(), int(x.shape.size()));
  constexpr std::string_view names[] = {"X", "Scale", "B"};
  for (int i = 1; i < 3; ++i) {
    if (!context.has_input(i)) continue;
    context.expect_same_dtype(0, i);
    const SymbolicShape& given = context.input(i).shape;
    if (given.size() > x.shape.size()) context.expect_rank(i, names[i], int(x.shape.size()));
    for (std::size_t a = 0; a < given.size(); ++a) {
      if (given[a] == Dim(1)) continue;
      expect_extent(fmt::format("extent {} of {}", a, names[i]), given[a],
                    x.shape[a + x.shape.size() - given.size()]);
    }
  }
  context.set_output(0, x);
  SymbolicShape reduced = x.shape;
  std::fill(reduced.begin() + axis, reduced.end(), Dim(1));
  context.set_output(1, {DType::f32, reduced});
  context.set_output(2, {DType::f32, reduced});
}

// The standardized elements are rounded to the type of X before they are scaled, as ONNX has it.
Status layer_reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  Tensor& y = args.outputs[0];
  const int axis = layer_axis(args.attributes(), x.shape().rank());
  const auto run = std::size_t(x.shape().elements(axis, x.shape().rank()));
  const auto wanted = [&](std::size_t i) {
    return args.outputs.size() > i && args.outputs[i].present();
  };
  dispatch_float(x.dtype(), [&]<class T>() {
    const auto from = x.data<T>();
    const auto to = y.mutable_data<T>();
    for (std::size_t start = 0; start < from.size(); start += run) {
      const Moments m = moments(from.subspan(start, run), epsilon_of(args));
      for (std::size_t i = start; i < start + run; ++i) {
        to[i] = narrow<T>((double(from[i]) - m.mean) * m.inverse_deviation);
      }
      if (wanted(1)) args.outputs[1].mutable_data<float>()[start / run] = float(m.mean);
      if (wanted(2)) {
        args.outputs[2].mutable_data<float>()[start / run] = float(m.inverse_deviation);
      }
    }
  });
  combine<double>(y, args.inputs[1], y, [](double a, double b) { return a * b; });
  if (args.has_input(2)) {
    combine<double>(y, args.inputs[2], y, [](double a, double b) { return a + b; });
  }
  return {};
}

Replacement decompose_layer(Builder& builder, const Node& node) {
  const TensorType x = type_of(builder, node.inputs[0]);
  if (x.dtype != DType::f32) return std::nullopt;  // stage one is in f32
  const int axis = layer_axis(node.attributes, int(x.shape.size()));
  const Standardized standardized =
      standardize(builder, node.inputs[0], axes_from(builder, std::size_t(axis), x.shape.size()),
                  node.attributes.real("epsilon", 1e-5f));
  ValueId y = builder.op("Mul", {standardized.unit, node.inputs[1]});
  if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
    y = builder.op("Add", {y, node.inputs[2]});
  }
  const std::vector<ValueId> all{y, standardized.mean, standardized.inverse_deviation};
  return std::vector(all.begin(), all.begin() + std::ptrdiff_t(node.outputs.size()));
}

Cost cost(const CostArgs& args) { return {.flops = 8 * args.outputs[0].elements()}; }

using example::f32;
using example::weight;

std::vector<OpCase> instance_cases() {
  return {{"no_channels", {f32({2, 0, 3}), weight({0}), weight({0})}},
          {"image", {f32({2, 3, 4, 5}), weight({3}), weight({3})}},
          {"sequence", {f32({1, 4, 9}), weight({4}), weight({4})}, {{"epsilon", 0.01f}}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3, 3}), weight({2}), weight({2})}}};
}

std::vector<OpCase> group_cases() {
  const std::int64_t two = 2;
  return {{"two", {f32({2, 4, 3, 3}), weight({4}), weight({4})}, {{"num_groups", two}}},
          {"one", {f32({1, 3, 5}), weight({3}), weight({3})}, {{"num_groups", std::int64_t(1)}}},
          {"symbolic",
           {f32({Dim::symbol("N"), 6, 2, 3}), weight({6}), weight({6})},
           {{"num_groups", two}}}};
}

std::vector<OpCase> layer_cases() {
  const std::int64_t one = 1;
  return {{"last", {f32({2, 3, 16}), weight({16}), weight({16})}},
          {"two_axes", {f32({2, 3, 5}), weight({3, 5}), weight({3, 5})}, {{"axis", one}}},
          {"no_bias", {f32({4, 8}), weight({8})}},
          {"broadcast_scale", {f32({2, 3, 5}), weight({1}), weight({5})}, {{"axis", one}}},
          {"all_outputs", {f32({2, 3, 5}), weight({5}), weight({5})}, {}, 3},
          {"symbolic", {f32({Dim::symbol("N"), 7}), weight({7}), weight({7})}}};
}

constexpr AttributeDef instance_attributes[] = {{"epsilon", AttributeKind::real}};
constexpr AttributeDef group_attributes[] = {{"epsilon", AttributeKind::real},
                                             {"num_groups", AttributeKind::integer, true},
                                             {"stash_type", AttributeKind::integer}};
constexpr AttributeDef layer_attributes[] = {{"axis", AttributeKind::integer},
                                             {"epsilon", AttributeKind::real},
                                             {"stash_type", AttributeKind::integer}};

}  // namespace

extern const OpDef group_normalization_op, instance_normalization_op, layer_normalization_op;

constinit const OpDef group_normalization_op = {.name = "GroupNormalization",
                                                .inputs = {3, 3},
                                                .attributes = group_attributes,
                                                .infer = infer_group,
                                                .reference = group_reference,
                                                .cost = cost,
                                                .decompose = decompose_group,
                                                .cases = group_cases};
constinit const OpDef instance_normalization_op = {.name = "InstanceNormalization",
                                                   .inputs = {3, 3},
                                                   .attributes = instance_attributes,
                                                   .infer = infer_channels,
                                                   .reference = instance_reference,
                                                   .cost = cost,
                                                   .decompose = decompose_instance,
                                                   .cases = instance_cases};
constinit const OpDef layer_normalization_op = {.name = "LayerNormalization",
                                                .inputs = {2, 3},
                                                .outputs = {1, 3},
                                                .attributes = layer_attributes,
                                                .infer = infer_layer,
                                                .reference = layer_reference,
                                                .cost = cost,
                                                .decompose = decompose_layer,
                                                .cases = layer_cases};

}  // namespace strata::ir
