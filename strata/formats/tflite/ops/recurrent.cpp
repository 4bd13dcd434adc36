// UNIDIRECTIONAL_SEQUENCE_LSTM: its variables become states of the graph.
#include <algorithm>

#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {
namespace {

// Places of the operands; four gates in the order input, forget, cell, output.
constexpr std::size_t x_at = 0, weights_at = 1, recurrent_at = 5, peephole_at = 9, bias_at = 12,
                      projection_at = 16, h_at = 18, c_at = 19, normalization_at = 20;

/// Gates in the order of the graph's LSTM: input, output, forget, cell.
constexpr std::size_t real_order[] = {0, 3, 1, 2};
/// And in that of the one of integers, which is the file's.
constexpr std::size_t integer_order[] = {0, 1, 2, 3};

std::string_view activation_name(schema::Activation activation) {
  switch (activation) {
    case schema::Activation::NONE:
      return "Affine";
    case schema::Activation::RELU:
      return "Relu";
    case schema::Activation::TANH:
      return "Tanh";
    default:
      fail(ErrorCode::unsupported, "activation {}; accepted: none, RELU, TANH", int(activation));
  }
}

void refuse_unsupported(const OperatorContext& context,
                        const schema::UnidirectionalSequenceLSTMOptions& options) {
  if (context.has_input(projection_at)) fail(ErrorCode::unsupported, "a projection of the output");
  if (context.has_input(normalization_at + 1)) {
    fail(ErrorCode::unsupported, "normalized gates");
  }
  if (options.diagonal_recurrent_tensors()) {
    fail(ErrorCode::unsupported, "diagonal recurrent weights");
  }
  if (!context.has_input(weights_at)) {
    fail(ErrorCode::unsupported, "coupled input and forget gates");
  }
  for (const std::size_t i : {h_at, c_at}) {
    if (!context.values().info(context.input_tensor(i)).is_variable) {
      fail(ErrorCode::model, "input {} (\"{}\") is no variable", i, context.input_name(i));
    }
  }
}

/// Operands one below the other: a constant if they are.
ir::ValueId joined(OperatorContext& context, std::span<const std::size_t> operands) {
  std::vector<Tensor> parts;
  std::vector<ir::ValueId> values;
  for (const std::size_t i : operands) {
    values.push_back(context.input(i));
    if (auto part = context.constant_input(i)) parts.push_back(std::move(*part));
  }
  const Shape first = parts.empty() ? Shape{} : parts[0].shape();
  const bool constant = parts.size() == values.size() && first.rank() > 0 &&
                        std::ranges::all_of(parts, [&](const Tensor& part) {
                          return part.shape() == first && part.dtype() == parts[0].dtype();
                        });
  if (!constant) return context.node("Concat", std::move(values), {{"axis", std::int64_t(0)}});
  Shape shape = first;
  shape.set(0, first[0] * std::int64_t(parts.size()));
  Tensor whole = Tensor::zeros(parts[0].dtype(), shape);
  auto* to = static_cast<std::byte*>(whole.mutable_raw());
  for (const Tensor& part : parts) to = std::ranges::copy(part.bytes(), to).out;
  return context.constant(std::move(whole));
}

std::vector<std::size_t> gates(std::size_t first, std::span<const std::size_t> order) {
  std::vector<std::size_t> places;
  for (const std::size_t gate : order) places.push_back(first + gate);
  return places;
}

/// The rows of all gates, with an axis of directions before them.
ir::ValueId stacked(OperatorContext& context, std::span<const std::size_t> operands) {
  return context.node("Unsqueeze", {joined(context, operands), context.integer_list({0})});
}

ir::ValueId biases(OperatorContext& context, ir::ValueId x) {
  const ir::ValueId own = joined(context, gates(bias_at, real_order));
  // The graph's op has biases of the recurrent product too.
  const std::int64_t rows = 4 * context.shape(bias_at + 1).at(0);
  const ir::ValueId none = context.constant(Tensor::zeros(context.type_of(x).dtype, Shape{rows}));
  const ir::ValueId both = context.node("Concat", {own, none}, {{"axis", std::int64_t(0)}});
  return context.node("Unsqueeze", {both, context.integer_list({0})});
}

ir::ValueId peepholes(OperatorContext& context) {
  if (!context.has_input(peephole_at + 1)) return ir::no_value;
  constexpr std::size_t order[] = {0, 2, 1};  // input, output, forget
  return stacked(context, gates(peephole_at, order));
}

void real_lstm(OperatorContext& context, const schema::UnidirectionalSequenceLSTMOptions& options) {
  if (!is_float(context.type(weights_at))) {
    fail(ErrorCode::unsupported, "weights of type {} on floats",
         to_string(context.type(weights_at)));
  }
  const ir::ValueId x = context.input(x_at);
  // Time first takes states with the direction first, batch first with the direction second.
  const bool time_major = options.time_major();
  const ir::ValueId direction = context.integer_list({time_major ? 0 : 1});
  const auto with_direction = [&](ir::ValueId state) {
    return context.node("Unsqueeze", {state, direction});
  };
  const std::string g(activation_name(options.fused_activation_function()));
  ir::Attributes attributes{{"activations", std::vector<std::string>{"Sigmoid", g, g}},
                            {"layout", std::int64_t(time_major ? 0 : 1)},
                            {"cell_clip", options.cell_clip()}};
  const auto results = context.builder().multi(
      "LSTM",
      {x, stacked(context, gates(weights_at, real_order)),
       stacked(context, gates(recurrent_at, real_order)), biases(context, x), ir::no_value,
       with_direction(context.input(h_at)), with_direction(context.input(c_at)),
       peepholes(context)},
      3, std::move(attributes));
  context.emit("Squeeze", {results[0], context.integer_list({time_major ? 1 : 2})});
  context.update(h_at, context.node("Squeeze", {results[1], direction}));
  context.update(c_at, context.node("Squeeze", {results[2], direction}));
}

/// The scales of four weights in one constant.
ir::ValueId gate_scales(OperatorContext& context, std::size_t first) {
  std::vector<float> scales;
  for (const std::size_t gate : integer_order) {
    const Quantization weights = context.quantization(first + gate);
    if (!weights.zero_point.empty() && weights.zero_point[0] != 0) {
      fail(ErrorCode::unsupported, "weights with zero point {}; accepted: 0",
           weights.zero_point[0]);
    }
    scales.push_back(weights.scale[0]);
  }
  return context.constant(Tensor::from<float>({4}, scales));
}

/// Where the file says how hidden states are stored before they are written.
Quantization hidden_quantization(const OperatorContext& context) {
  constexpr std::size_t hidden_at = 4;
  if (context.intermediates().size() <= hidden_at) {
    fail(ErrorCode::model, "it has {} intermediates, expected 5", context.intermediates().size());
  }
  Quantization found = context.model().quantization(context.intermediates()[hidden_at]);
  if (found.scale.size() != 1) {
    fail(ErrorCode::model, "the hidden state has {} scales, expected 1", found.scale.size());
  }
  return found;
}

void integer_lstm(OperatorContext& context,
                  const schema::UnidirectionalSequenceLSTMOptions& options) {
  if (context.has_input(peephole_at + 1)) {
    fail(ErrorCode::unsupported, "peepholes of integers");
  }
  if (options.fused_activation_function() != schema::Activation::TANH) {
    fail(ErrorCode::unsupported, "activation {}; accepted: TANH",
         int(options.fused_activation_function()));
  }
  std::vector<ir::ValueId> operands{context.input(x_at)};
  context.append_parameters(operands, context.quantization(x_at), DType::i8);
  for (const std::size_t first : {weights_at, recurrent_at}) {
    operands.push_back(joined(context, gates(first, integer_order)));
    operands.push_back(gate_scales(context, first));
  }
  operands.push_back(joined(context, gates(bias_at, integer_order)));
  operands.push_back(context.input(h_at));
  context.append_parameters(operands, context.quantization(h_at), DType::i8);
  operands.push_back(context.input(c_at));
  operands.push_back(context.constant(Tensor::scalar(context.quantization(c_at).scale[0])));
  context.append_parameters(operands, hidden_quantization(context), DType::i8);
  const auto results =
      context.builder().multi("strata.QLinearLSTM", std::move(operands), 3,
                              {{"arithmetic", context.arithmetic(false)},
                               {"cell_clip", options.cell_clip()},
                               {"time_major", std::int64_t(options.time_major())}});
  context.emit_value(results[0]);
  context.update(h_at, results[1]);
  context.update(c_at, results[2]);
}

}  // namespace

void convert_sequence_lstm(OperatorContext& context) {
  const auto& options = context.options<schema::UnidirectionalSequenceLSTMOptions>();
  refuse_unsupported(context, options);
  context.is_quantized(x_at) ? integer_lstm(context, options) : real_lstm(context, options);
}

}  // namespace strata::formats::tflite
