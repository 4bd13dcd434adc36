// LSTM and strata.QLinearLSTM: UNIDIRECTIONAL_SEQUENCE_LSTM, which keeps its memory in variables.
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/node_writer.hpp"

namespace strata::formats::tflite {
namespace {

// Places of the operator's inputs; four gates in the order input, forget, cell, output.
constexpr std::size_t all_inputs = 24;
constexpr std::size_t weights_to = 1, recurrent_to = 5, peephole_to = 9, bias_to = 12, h_to = 18,
                      c_to = 19;
constexpr std::array<std::string_view, 4> gates = {"input", "forget", "cell", "output"};

/// Where the LSTM of the graph has them, whose order is input, output, forget, cell.
constexpr std::array<std::int64_t, 4> real_place = {0, 2, 3, 1};
constexpr std::array<std::int64_t, 4> integer_place = {0, 1, 2, 3};

/// Entry `place` of `count` equal parts of the elements, as a tensor of this shape.
Tensor part(const Tensor& whole, std::int64_t place, std::int64_t count, const Shape& shape) {
  Tensor result = Tensor::zeros(whole.dtype(), shape);
  const std::size_t bytes = whole.size_bytes() / std::size_t(count);
  std::ranges::copy(whole.bytes().subspan(std::size_t(place) * bytes, bytes),
                    static_cast<std::byte*>(result.mutable_raw()));
  return result;
}

/// The file's operator while its inputs are gathered.
class SequenceLstm {
 public:
  SequenceLstm(NodeWriter& writer, std::size_t h_at, std::size_t c_at)
      : writer_(writer), inputs_(all_inputs, -1) {
    inputs_[0] = writer.tensor(0, Layout::plain);
    inputs_[h_to] = memory(h_at);
    inputs_[c_to] = memory(c_at);
    hidden_ = writer.shape(h_at).back();
  }

  std::int64_t hidden() const { return hidden_; }

  /// Four matrices that lie one below the other.
  void add_weights(std::size_t to, std::string_view what, const Tensor& whole,
                   const std::array<std::int64_t, 4>& places, std::span<const float> scales = {}) {
    const std::int64_t columns = whole.elements() / (4 * hidden_);
    for (std::size_t gate = 0; gate < gates.size(); ++gate) {
      const Tensor rows = part(whole, places[gate], 4, Shape{hidden_, columns});
      add(to + gate, what, gate, rows, scales);
    }
  }
  void add_biases(const Tensor& whole, const std::array<std::int64_t, 4>& places,
                  std::span<const float> scales = {}) {
    for (std::size_t gate = 0; gate < gates.size(); ++gate) {
      add(bias_to + gate, "bias", gate, part(whole, places[gate], 4, Shape{hidden_}), scales);
    }
  }
  /// Of input, output and forget gate, in the graph's order.
  void add_peepholes(const Tensor& whole) {
    add(peephole_to, "peephole", 0, part(whole, 0, 3, Shape{hidden_}), {});
    add(peephole_to + 1, "peephole", 1, part(whole, 2, 3, Shape{hidden_}), {});
    add(peephole_to + 2, "peephole", 3, part(whole, 1, 3, Shape{hidden_}), {});
  }

  void write(std::int32_t output, schema::Activation activation, bool time_major,
             std::vector<std::int32_t> intermediates = {}) {
    const OptionsRow options =
        writer_.file().options(schema::CreateUnidirectionalSequenceLSTMOptions(
            writer_.builder(), activation, writer_.attributes().real("cell_clip", 0), 0,
            time_major));
    writer_.file().add_operator(schema::BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM, inputs_,
                                {output}, options, {{}, {}, std::move(intermediates)});
  }

 private:
  std::int32_t memory(std::size_t i) {
    const std::int32_t tensor =
        writer_.has_input(i) && !writer_.graph().is_constant(writer_.input(i))
            ? writer_.tensor(i, Layout::plain)
            : -1;
    if (tensor < 0 || !writer_.file().is_variable(tensor)) {
      fail(ErrorCode::unsupported,
           "an LSTM that begins every run with given values; TensorFlow Lite's remembers what the "
           "last run left (accepted: states of the graph that it alone reads and writes)");
    }
    return tensor;
  }

  void add(std::size_t to, std::string_view what, std::size_t gate, const Tensor& elements,
           std::span<const float> scales) {
    const std::string suffix = fmt::format("/{}_{}", what, gates[gate]);
    Grid grid;
    if (!scales.empty()) grid = {{scales[gate]}, {0}, 0};
    inputs_[to] = writer_.own(suffix, elements, scales.empty() ? nullptr : &grid);
  }

  NodeWriter& writer_;
  std::vector<std::int32_t> inputs_;
  std::int64_t hidden_ = 0;
};

/// Not the word for none: with it LiteRT leaves the cells out of what it computes.
schema::Activation activation_of(const ir::Attributes& attributes) {
  const ir::Attribute* found = attributes.find("activations");
  if (!found) return schema::Activation::TANH;
  const auto& names = std::get<std::vector<std::string>>(*found);
  const bool plain = !attributes.has("activation_alpha") && !attributes.has("activation_beta");
  if (plain && names.size() == 3 && names[0] == "Sigmoid" && names[1] == names[2]) {
    if (names[1] == "Tanh") return schema::Activation::TANH;
    if (names[1] == "Relu") return schema::Activation::RELU;
  }
  fail(ErrorCode::unsupported,
       "activations {}; accepted: Sigmoid and twice Tanh or Relu, without parameters",
       fmt::join(names, ", "));
}

void refuse_unsupported(const NodeWriter& writer) {
  const ir::Attributes& attributes = writer.attributes();
  const std::string direction = attributes.string("direction", "forward");
  if (direction != "forward") {
    fail(ErrorCode::unsupported, "direction {}; accepted: forward", direction);
  }
  if (attributes.real("clip", 0) != 0 || attributes.integer("input_forget", 0) != 0) {
    fail(ErrorCode::unsupported, "clip {}, input_forget {}; accepted: 0",
         attributes.real("clip", 0), attributes.integer("input_forget", 0));
  }
  if (writer.has_input(4)) fail(ErrorCode::unsupported, "lengths of sequences");
  if (writer.type(0) != DType::f32) {
    fail(ErrorCode::unsupported, "elements of type {}; accepted: f32", to_string(writer.type(0)));
  }
}

/// Biases of both products, added up.
Tensor summed_biases(NodeWriter& writer, std::int64_t rows) {
  if (!writer.has_input(3)) return Tensor::zeros(DType::f32, Shape{rows});
  const Tensor both = writer.constant(3, "the bias");
  Tensor result = part(both, 0, 2, Shape{rows});
  const Tensor recurrent = part(both, 1, 2, Shape{rows});
  std::ranges::transform(result.data<float>(), recurrent.data<float>(),
                         result.mutable_data<float>().begin(), std::plus<>());
  return result;
}

/// The tensor of an output that nothing reads.
std::int32_t unread(NodeWriter& writer, DType type, std::span<const std::int64_t> shape,
                    const Grid* grid = nullptr) {
  return writer.file().add_tensor(writer.node().name, type, shape, grid);
}

/// Sequence and batch in the node's order, then the hidden states.
std::vector<std::int64_t> sequence_shape(const NodeWriter& writer, std::int64_t hidden) {
  const auto x = writer.shape(0);
  return {x[0], x[1], hidden};
}

}  // namespace

void export_lstm(NodeWriter& writer) {
  refuse_unsupported(writer);
  const schema::Activation activation = activation_of(writer.attributes());
  SequenceLstm lstm(writer, 5, 6);
  lstm.add_weights(weights_to, "weights", writer.constant(1, "W"), real_place);
  lstm.add_weights(recurrent_to, "recurrent", writer.constant(2, "R"), real_place);
  lstm.add_biases(summed_biases(writer, 4 * lstm.hidden()), real_place);
  if (writer.has_input(7)) lstm.add_peepholes(writer.constant(7, "P"));
  const bool time_major = writer.attributes().integer("layout", 0) == 0;
  const auto shape = sequence_shape(writer, lstm.hidden());
  const ir::ValueId y = writer.result();
  if (y == ir::no_value) {
    return lstm.write(unread(writer, DType::f32, shape), activation, time_major);
  }
  // The node's output has an axis of directions more.
  if (writer.take_reshape(shape)) {
    return lstm.write(writer.forms().make(writer.result(), Layout::plain), activation, time_major);
  }
  const std::int32_t between = writer.forms().make_between(y, "/sequence", shape);
  lstm.write(between, activation, time_major);
  writer.emit(schema::BuiltinOperator::RESHAPE,
              {between, writer.own_integers("/shape", writer.forms().shape(y))}, Layout::plain);
}

void export_q_linear_lstm(NodeWriter& writer) {
  SequenceLstm lstm(writer, 8, 11);
  const Grid x = *writer.grid(0);
  const auto w_scales = writer.constant(4, "scales of the weights").to_float();
  const auto r_scales = writer.constant(6, "scales of the recurrent weights").to_float();
  std::vector<float> sum_scales;
  for (const float scale : w_scales) sum_scales.push_back(x.scale[0] * scale);
  lstm.add_weights(weights_to, "weights", writer.constant(3, "w"), integer_place, w_scales);
  lstm.add_weights(recurrent_to, "recurrent", writer.constant(5, "r"), integer_place, r_scales);
  lstm.add_biases(writer.constant(7, "the bias"), integer_place, sum_scales);
  const Grid y{writer.constant(13, "the scale of the results").to_float(),
               writer.integers(14, "the zero point of the results"), 0};
  // Gates have a fixed grid; the last one is that of hidden states before they are stored.
  std::vector<std::int32_t> intermediates;
  for (const std::string_view gate : gates) {
    intermediates.push_back(writer.file().add_tensor(
        fmt::format("{}/intermediate_{}", writer.node().name, gate), DType::f32, {{0}}, nullptr));
  }
  intermediates.push_back(writer.file().add_tensor(
      fmt::format("{}/intermediate_hidden", writer.node().name), DType::i8, {{0}}, &y));
  const std::int32_t output =
      writer.result() == ir::no_value
          ? unread(writer, DType::i8, sequence_shape(writer, lstm.hidden()), &y)
          : writer.forms().make(writer.result(), Layout::plain);
  lstm.write(output, schema::Activation::TANH, writer.attributes().integer("time_major", 0) != 0,
             std::move(intermediates));
}

}  // namespace strata::formats::tflite
