#include "strata/compress/quantize/static_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/ir/passes/fold_quantization.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::is_op;
using ir::Node;
using ir::ValueId;

constexpr double largest_bias = 0x1p30;  // sums have room for the products

/// Calls f(row-major index in the weight, channel, place in the channel).
template <class F>
void for_each_weight(const Shape& shape, int channel_axis, F&& f) {
  const std::int64_t inner = shape.elements(channel_axis + 1, shape.rank());
  const std::int64_t channels = shape[channel_axis];
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    const std::int64_t channel = i / inner % channels;
    f(std::size_t(i), std::size_t(channel), std::size_t(i / inner / channels * inner + i % inner));
  }
}

const EncodedTensor& weight_of(const Graph& graph, const Unit& unit) {
  return *graph.value(graph.node(unit.main).inputs[1]).constant;
}

/// Puts quantizers into a copy of the graph.
class Inserter {
 public:
  Inserter(const Graph& graph, StaticPlan plan)
      : graph_(graph), plan_(std::move(plan)), producers_(graph.value_limit()) {
    for (const Unit& unit : plan_.units) producers_[ir::index(unit.output)] = &unit;
  }

  Graph run() && {
    dequantized_.resize(plan_.grids.size(), ir::no_value);
    for (std::size_t i = 0; i < plan_.grids.size(); ++i) {
      const auto id = ValueId(std::uint32_t(i));
      if (!plan_.grids[i]) continue;
      dequantized_[i] = graph_.is_constant(id) ? quantized_constant(id) : quantized_value(id);
    }
    for (const Unit& unit : plan_.units) {
      Node& main = graph_.node(unit.main);
      for (const std::size_t i : unit.inputs) {
        const ValueId stands_for = dequantized_of(main.inputs[i]);
        if (stands_for != ir::no_value) main.inputs[i] = stands_for;
      }
      if (unit.weighted()) quantize_layer(unit);
    }
    graph_.sort();
    graph_.compact();
    ir::infer_types(graph_);
    return std::move(graph_);
  }

 private:
  /// Units whose results are quantized have been given them by now.
  ValueId dequantized_of(ValueId id) const {
    return ir::index(id) < dequantized_.size() ? dequantized_[ir::index(id)] : ir::no_value;
  }

  struct Parameters {
    ValueId scale, zero_point;
  };
  Parameters parameters(ir::Builder& builder, const Grid& grid, const std::string& name) {
    return {builder.constant(Tensor::scalar(grid.scale), name + "_scale"),
            builder.constant(Tensor::scalar(std::int8_t(grid.zero_point)), name + "_zero_point")};
  }

  ValueId quantized_constant(ValueId id) {
    const Grid& grid = plan_.grid(id);
    ir::Builder builder(graph_, graph_.value(id).sources);
    const Tensor numbers = graph_.value(id).constant->decode();
    Tensor codes = Tensor::zeros(DType::i8, numbers.shape());
    for (std::int64_t i = 0; i < numbers.elements(); ++i) {
      codes.mutable_data<std::int8_t>()[std::size_t(i)] = std::int8_t(onnx_arithmetic::quantize(
          numbers.data<float>()[std::size_t(i)], grid.scale, grid.zero_point, grid.range));
    }
    const std::string name = graph_.value(id).name;
    const ValueId stored = builder.constant(codes, name + "_q");
    const auto [scale, zero_point] = parameters(builder, grid, name);
    return builder.op("DequantizeLinear", {stored, scale, zero_point});
  }

  ValueId quantized_value(ValueId id) {
    const Grid grid = plan_.grid(id);
    const std::string name = graph_.value(id).name;
    ir::Builder builder(graph_, graph_.sources(id));
    const auto [scale, zero_point] = parameters(builder, grid, name);
    const Unit* ours = producers_[ir::index(id)];
    std::vector<ir::NodeId> own;
    ValueId bounded = id;
    // What is moved is within the bounds.
    if (!grid.fills_type() && !(ours && ours->kind == UnitKind::shared)) {
      bounded =
          builder.op("Clip", {id, builder.constant(Tensor::scalar(grid.number(grid.range.low))),
                              builder.constant(Tensor::scalar(grid.number(grid.range.high)))});
      own.push_back(graph_.value(bounded).producer);
    }
    const ValueId codes = builder.op("QuantizeLinear", {bounded, scale, zero_point});
    if (own.empty()) own.push_back(graph_.value(codes).producer);
    const ValueId result = builder.op("DequantizeLinear", {codes, scale, zero_point});
    if (!ours) {
      // What reading gives nodes that came from nowhere else.
      Node& node = graph_.node(graph_.value(codes).producer);
      if (node.sources.empty()) node.sources = {node.name};
      graph_.rename(codes, name + "_q");
      return result;
    }
    const bool is_output = std::ranges::count(graph_.outputs, id) > 0;
    graph_.replace_uses(id, result);
    graph_.node(own.front()).inputs[0] = id;
    graph_.swap_names(id, is_output ? result : codes);
    if (bounded != id) join_bounds(id, bounded);
    return result;
  }

  /// A bound before another is one bound, as one folds into integers.
  void join_bounds(ValueId id, ValueId bounded) {
    Node& outer = graph_.node(graph_.value(bounded).producer);
    const Node& inner = graph_.node(graph_.value(id).producer);
    if (is_op(inner, "Relu")) {
      outer.inputs[0] = inner.inputs[0];
      const float low = graph_.value(outer.inputs[1]).constant->decode().to_float()[0];
      outer.inputs[1] = bound_constant(std::max(low, 0.0f), outer);
    } else if (is_op(inner, "Clip")) {
      outer.inputs[0] = inner.inputs[0];
      const auto joined = [&](std::size_t i, auto&& choose) {
        const float ours = graph_.value(outer.inputs[i]).constant->decode().to_float()[0];
        if (i >= inner.inputs.size() || inner.inputs[i] == ir::no_value) return ours;
        return choose(ours, graph_.value(inner.inputs[i]).constant->decode().to_float()[0]);
      };
      const float low = joined(1, [](float a, float b) { return std::max(a, b); });
      const float high = joined(2, [](float a, float b) { return std::min(a, b); });
      outer.inputs[1] = bound_constant(low, outer);
      outer.inputs[2] = bound_constant(high, outer);
    } else {
      return;
    }
    const ir::NodeId dead[] = {graph_.value(id).producer};
    graph_.erase(dead);
  }
  ValueId bound_constant(float value, const Node& of) {
    return ir::Builder(graph_, of.sources).constant(Tensor::scalar(value));
  }

  void quantize_layer(const Unit& unit) {
    LayerCodes& layer = plan_.layers.at(unit.main);
    Node& main = graph_.node(unit.main);
    const ValueId input = main.inputs[0];
    const Node& reader = graph_.node(graph_.value(input).producer);
    const float input_scale = graph_.value(reader.inputs[1]).constant->decode().to_float()[0];
    const Tensor bias = bias_codes(unit, layer, input_scale);
    int axis = unit.channel_axis;
    if (is_op(main, "Gemm") && axis == 1) {
      layer.codes = transposed(layer.codes);
      main.attributes.set("transB", std::int64_t(1));
      axis = 0;
    }
    ir::Builder builder(graph_, graph_.value(main.inputs[1]).sources);
    const std::string name = graph_.value(main.inputs[1]).name;
    const ValueId codes = builder.constant(layer.codes, name + "_q");
    const auto channels = std::int64_t(layer.scales.size());
    const ValueId scales =
        builder.constant(Tensor::from<float>(Shape{channels}, layer.scales), name + "_scale");
    main.inputs[1] =
        builder.op("DequantizeLinear", {codes, scales}, {{"axis", std::int64_t(axis)}});
    if (std::ranges::all_of(bias.data<std::int32_t>(), [](std::int32_t b) { return b == 0; })) {
      main.inputs.resize(2);
      return;
    }
    STRATA_ASSERT(!is_op(main, "MatMul"));
    std::vector<float> steps;
    for (const float scale : layer.scales) steps.push_back(input_scale * scale);
    const ValueId bias_scales = builder.constant(
        Tensor::from<float>(Shape{channels}, std::span<const float>(steps)), name + "_bias_scale");
    const ValueId stored = builder.constant(bias, name + "_bias_q");
    main.inputs.resize(3);
    main.inputs[2] =
        builder.op("DequantizeLinear", {stored, bias_scales}, {{"axis", std::int64_t(0)}});
  }

  static Tensor transposed(const Tensor& matrix) {
    const std::int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
    Tensor result = Tensor::zeros(DType::i8, Shape{columns, rows});
    for (std::int64_t i = 0; i < matrix.elements(); ++i) {
      result.mutable_data<std::int8_t>()[std::size_t(i % columns * rows + i / columns)] =
          matrix.data<std::int8_t>()[std::size_t(i)];
    }
    return result;
  }

  Graph graph_;
  StaticPlan plan_;
  std::vector<const Unit*> producers_;  // by value
  std::vector<ValueId> dequantized_;
};

}  // namespace

StaticPlan alone(const Graph& graph, const StaticPlan& plan, std::size_t unit) {
  StaticPlan only;
  only.units = {plan.units[unit]};
  only.grids.resize(plan.grids.size());
  const Node& main = graph.node(only.units[0].main);
  for (const std::size_t i : only.units[0].inputs) {
    only.grids[ir::index(main.inputs[i])] = plan.grids[ir::index(main.inputs[i])];
  }
  only.grids[ir::index(only.units[0].output)] = plan.grids[ir::index(only.units[0].output)];
  const auto layer = plan.layers.find(only.units[0].main);
  if (layer != plan.layers.end()) only.layers.insert(*layer);
  return only;
}

RoundingProblem read_weights(const Graph& graph, const Unit& unit) {
  const EncodedTensor& weight = weight_of(graph, unit);
  const std::vector<float> elements = weight.decode().to_float();
  RoundingProblem problem;
  problem.channels = weight.shape[unit.channel_axis];
  problem.inputs = weight.shape.elements() / problem.channels;
  problem.weights.resize(elements.size());
  for_each_weight(
      weight.shape, unit.channel_axis, [&](std::size_t i, std::size_t channel, std::size_t at) {
        problem.weights[channel * std::size_t(problem.inputs) + at] = double(elements[i]);
      });
  return problem;
}

std::vector<double> read_bias(const Graph& graph, const Unit& unit) {
  return ir::read_linear(graph, graph.node(unit.main))->bias;
}

Tensor codes_tensor(const Graph& graph, const Unit& unit, const std::vector<std::int8_t>& codes) {
  const Shape& shape = weight_of(graph, unit).shape;
  Tensor tensor = Tensor::zeros(DType::i8, shape);
  const auto inputs = std::size_t(shape.elements() / shape[unit.channel_axis]);
  for_each_weight(shape, unit.channel_axis,
                  [&](std::size_t i, std::size_t channel, std::size_t at) {
                    tensor.mutable_data<std::int8_t>()[i] = codes[channel * inputs + at];
                  });
  return tensor;
}

Tensor decoded_weight(const Unit& unit, const LayerCodes& layer) {
  Tensor tensor = Tensor::zeros(DType::f32, layer.codes.shape());
  for_each_weight(layer.codes.shape(), unit.channel_axis,
                  [&](std::size_t i, std::size_t channel, std::size_t) {
                    tensor.mutable_data<float>()[i] =
                        float(layer.codes.data<std::int8_t>()[i]) * layer.scales[channel];
                  });
  return tensor;
}

Tensor bias_codes(const Unit& unit, LayerCodes& layer, float input_scale) {
  const auto channels = layer.scales.size();
  std::vector<float> before = layer.scales;
  for (std::size_t c = 0; c < channels; ++c) {
    const double least = std::abs(layer.bias[c]) / (double(input_scale) * largest_bias);
    if (double(layer.scales[c]) < least) layer.scales[c] = float(least * 1.01);
  }
  if (before != layer.scales) {
    layer.codes = layer.codes.clone();
    for_each_weight(
        layer.codes.shape(), unit.channel_axis,
        [&](std::size_t i, std::size_t channel, std::size_t) {
          std::int8_t& code = layer.codes.mutable_data<std::int8_t>()[i];
          code = std::int8_t(std::nearbyint(float(code) * before[channel] / layer.scales[channel]));
        });
  }
  Tensor bias = Tensor::zeros(DType::i32, Shape{std::int64_t(channels)});
  for (std::size_t c = 0; c < channels; ++c) {
    const double step = double(input_scale * layer.scales[c]);
    bias.mutable_data<std::int32_t>()[c] = std::int32_t(std::nearbyint(layer.bias[c] / step));
  }
  return bias;
}

Graph with_quantizers(const Graph& graph, StaticPlan plan) {
  return Inserter(graph, std::move(plan)).run();
}

Graph quantized(const Graph& graph, const StaticPlan& plan) {
  Graph result = with_quantizers(graph, plan);
  ir::fold_quantization(result);
  return result;
}

}  // namespace strata::compress
