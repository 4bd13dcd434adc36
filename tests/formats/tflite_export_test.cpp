#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "strata/base/random.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::formats {
namespace {

using namespace ir::testing;
using ir::Builder;
using ir::Graph;
using ir::ValueId;
using Ints = std::vector<std::int64_t>;

std::vector<Tensor> run(const Graph& graph) {
  Random random(11);
  std::vector<Tensor> inputs;
  for (const ValueId id : graph.inputs) {
    const ir::TensorType& type = graph.value(id).type;
    Tensor x = random_tensor(random, *as_constant(type.shape), -1, 1);
    if (!is_float(type.dtype)) {
      for (float& e : x.mutable_data<float>()) {
        e = std::floor((type.dtype == DType::u8 ? 127.5f : 0.0f) + 127.0f * e);
      }
    }
    inputs.push_back(x.cast(type.dtype));
  }
  return ir::interpret(graph, inputs);
}

/// Writes, reads and runs both; the largest difference between their outputs.
double difference(const Graph& graph) {
  const std::string bytes = tflite_bytes(graph);
  LoadOptions options;
  const Graph again = load(std::as_bytes(std::span(bytes)), options);
  EXPECT_EQ(again.inputs.size(), graph.inputs.size());
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    EXPECT_EQ(again.value(again.inputs[i]).name, graph.value(graph.inputs[i]).name);
    EXPECT_EQ(again.value(again.inputs[i]).type, graph.value(graph.inputs[i]).type);
  }
  const auto a = run(graph), b = run(again);
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_EQ(a[k].shape(), b[k].shape());
    EXPECT_EQ(a[k].dtype(), b[k].dtype());
    const auto x = a[k].to_float(), y = b[k].to_float();
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::abs(double(x[i]) - double(y[i])));
    }
  }
  return worst;
}

// Both graphs run by references that add in the same order but for the axes of images.
double float_tolerance(int products) {
  return 4.0 * products * double(std::numeric_limits<float>::epsilon());
}

TEST(TfliteExport, FloatNetworksKeepNamesTypesAndResults) {
  Random random(5);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 4, 9, 7}));
  const auto weights = [&](const Shape& shape) {
    return Builder(graph).constant(random_tensor(random, shape, -0.5, 0.5));
  };
  // SAME for odd extents, explicit padding, dilation, depthwise, groups.
  ValueId y = user_node(graph, "Conv", {x, weights({8, 4, 3, 3}), weights({8})}, "same",
                        {{"pads", Ints{1, 1, 1, 1}}});
  y = user_node(graph, "Relu", {y}, "relu");
  y = user_node(graph, "Conv", {y, weights({8, 1, 3, 3})}, "depthwise",
                {{"group", std::int64_t(8)}, {"pads", Ints{2, 0, 1, 1}}, {"strides", Ints{2, 1}}});
  y = user_node(graph, "Conv", {y, weights({6, 4, 1, 1})}, "groups", {{"group", std::int64_t(2)}});
  y = user_node(graph, "Conv", {y, weights({6, 6, 2, 2})}, "dilated", {{"dilations", Ints{2, 2}}});
  y = user_node(graph, "MaxPool", {y}, "pool",
                {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}});
  const ValueId skip = user_node(graph, "Sigmoid", {y}, "gate");
  y = user_node(graph, "Mul", {y, skip}, "mul");
  y = user_node(graph, "Add", {y, weights({6, 1, 1})}, "add");
  y = user_node(graph, "Concat", {y, skip}, "concat", {{"axis", std::int64_t(1)}});
  y = user_node(graph, "GlobalAveragePool", {y}, "average");
  y = user_node(graph, "Flatten", {y}, "flat");
  y = user_node(graph, "Gemm", {y, weights({12, 5}), weights({5})}, "dense");
  graph.outputs = {user_node(graph, "Softmax", {y}, "scores", {{"axis", std::int64_t(1)}})};
  EXPECT_LE(difference(graph), float_tolerance(8 * 9));
}

TEST(TfliteExport, FlattenOfAnImageKeepsItsOrder) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 3, 4, 5}));
  const ValueId y = user_node(graph, "Relu", {x}, "relu");
  graph.outputs = {user_node(graph, "Flatten", {y}, "flat")};
  EXPECT_EQ(difference(graph), 0);
}

TEST(TfliteExport, TransposedConvolutions) {
  for (const Ints& pads : {Ints{0, 0, 0, 0}, Ints{1, 1, 1, 1}, Ints{0, 1, 1, 0}}) {
    Random random(5);
    Graph graph;
    const ValueId x = graph.add_input("x", f32({1, 3, 4, 5}));
    const ValueId w = Builder(graph).constant(random_tensor(random, {3, 2, 4, 4}));
    graph.outputs = {
        user_node(graph, "ConvTranspose", {x, w}, "up", {{"pads", pads}, {"strides", Ints{2, 2}}})};
    EXPECT_LE(difference(graph), float_tolerance(3 * 16));
  }
}

/// A quantized convolution with a bound behind it.
Graph quantized(DType activations, DType weights) {
  Random random(9);
  Graph graph;
  Builder builder(graph);
  const auto number = [&](double v, DType type) {
    return builder.constant(Tensor::scalar(float(v)).cast(type));
  };
  const auto codes = [&](const Shape& shape, DType type) {
    Tensor t = random_tensor(random, shape, type == DType::u8 ? 0 : -127, 127);
    for (float& e : t.mutable_data<float>()) e = std::floor(e);
    return builder.constant(t.cast(type));
  };
  const bool u8 = activations == DType::u8;
  const ValueId x = graph.add_input("x", {activations, {1, 4, 6, 6}});
  const ValueId scales = builder.constant(Tensor::from<float>({3}, {0.01f, 0.02f, 0.015f}));
  const bool per_channel = weights == DType::i8;
  const ValueId zero =
      per_channel ? builder.constant(Tensor::zeros(DType::i8, {3})) : number(120, weights);
  ValueId y = user_node(
      graph, "QLinearConv",
      {x, number(0.05, DType::f32), number(u8 ? 130 : 2, activations), codes({3, 4, 3, 3}, weights),
       per_channel ? scales : number(0.01, DType::f32), zero, number(0.08, DType::f32),
       number(u8 ? 100 : -28, activations),
       builder.constant(Tensor::from<std::int32_t>({3}, {100, -2000, 5}))},
      "conv", {{"arithmetic", std::string("tflite_xnnpack")}, {"pads", Ints{1, 1, 1, 1}}});
  y = user_node(graph, "Clip",
                {y, number(u8 ? 100 : -28, activations), number(u8 ? 175 : 47, activations)},
                "relu6");
  graph.outputs = {y};
  return graph;
}

TEST(TfliteExport, IntegersStayTheSame) {
  EXPECT_EQ(difference(quantized(DType::i8, DType::i8)), 0);
  EXPECT_EQ(difference(quantized(DType::u8, DType::u8)), 0);
  // Codes of u8 become i8 inside where weights are signed; the model's own types stay.
  EXPECT_EQ(difference(quantized(DType::u8, DType::i8)), 0);
}

TEST(TfliteExport, WeightsAreStoredInFewerBits) {
  for (const Encoding* encoding : {&f16_encoding, &i8_tensor_encoding, &i8_channel_encoding}) {
    SCOPED_TRACE(encoding->name);
    Random random(5);
    Graph graph;
    const auto weights = [&](const Shape& shape, int axis) {
      return graph.add_constant("w", encoding->encode(random_tensor(random, shape), axis));
    };
    ValueId y = graph.add_input("x", f32({1, 6, 7, 5}));
    y = user_node(graph, "Conv", {y, weights({8, 6, 3, 3}, 0)}, "conv");
    y = user_node(graph, "Conv", {y, weights({8, 1, 2, 2}, 0)}, "depthwise",
                  {{"group", std::int64_t(8)}});
    y = user_node(graph, "ConvTranspose", {y, weights({8, 4, 2, 2}, 1)}, "up",
                  {{"strides", Ints{2, 2}}});
    y = user_node(graph, "GlobalAveragePool", {y}, "average");
    y = user_node(graph, "Flatten", {y}, "flat");
    y = user_node(graph, "Gemm", {y, weights({4, 8}, 1)}, "columns");
    y = user_node(graph, "Gemm", {y, weights({8, 8}, 0)}, "rows", {{"transB", std::int64_t(1)}});
    graph.outputs = {user_node(graph, "MatMul", {y, weights({8, 5}, 1)}, "product")};
    EXPECT_LE(difference(graph), 64 * float_tolerance(8 * 9));
    // All weights come back as they were stored, whatever the order of their axes.
    const std::string bytes = tflite_bytes(graph);
    const Graph again = load(std::as_bytes(std::span(bytes)), LoadOptions{});
    std::int64_t elements = 0;
    for (std::uint32_t i = 0; i < again.value_limit(); ++i) {
      const auto& constant = again.value(ValueId(i)).constant;
      if (constant && constant->encoding == encoding) elements += constant->shape.elements();
    }
    EXPECT_GE(elements, 8 * 6 * 9 + 8 * 4 + 8 * 4 * 4 + 4 * 8 + 8 * 8 + 8 * 5);
  }
  EXPECT_TRUE(tflite_stores(f16_encoding.encode(Tensor::zeros(DType::f32, {2, 2}), 0)));
  EXPECT_FALSE(tflite_stores(bf16_encoding.encode(Tensor::zeros(DType::f32, {2, 2}), 0)));
}

/// A graph with two states that an LSTM reads and writes, through reshapes or directly.
struct Recurrence {
  Graph graph;
  ValueId x, h, c;

  Recurrence(ir::TensorType input, Tensor hidden, Tensor cells)
      : x(graph.add_input("x", std::move(input))),
        h(graph.add_state("hidden", std::move(hidden))),
        c(graph.add_state("cells", std::move(cells))) {}
  void write(ValueId new_h, ValueId new_c) {
    graph.states[0].written = new_h;
    graph.states[1].written = new_c;
  }
};

constexpr std::int64_t steps = 4, features = 3, hidden = 2;

struct RealCase {
  std::string activation;
  std::int64_t layout;
  bool squeezed, peepholes;
};

Graph real_lstm(const RealCase& wanted, const ir::Attributes& more = {}) {
  Random random(21);
  const std::int64_t batch = 2;
  const bool first = wanted.layout == 1;
  Recurrence net(f32({first ? batch : steps, first ? steps : batch, features}),
                 Tensor::zeros(DType::f32, {batch, hidden}),
                 Tensor::zeros(DType::f32, {batch, hidden}));
  Builder builder(net.graph);
  const auto weights = [&](const Shape& shape) {
    return builder.constant(random_tensor(random, shape, -0.5, 0.5));
  };
  const ValueId direction = builder.constant(Tensor::from<std::int64_t>({1}, {wanted.layout}));
  ir::Attributes attributes = more;
  attributes.set("layout", wanted.layout);
  attributes.set("cell_clip", 0.4f);
  attributes.set("activations",
                 std::vector<std::string>{"Sigmoid", wanted.activation, wanted.activation});
  const ValueId w = weights({1, 4 * hidden, features}), r = weights({1, 4 * hidden, hidden});
  const ValueId b = weights({1, 8 * hidden});
  const ValueId p = wanted.peepholes ? weights({1, 3 * hidden}) : ir::no_value;
  const ValueId h = builder.op("Unsqueeze", {net.h, direction});
  const ValueId c = builder.op("Unsqueeze", {net.c, direction});
  const auto y = builder.multi("LSTM", {net.x, w, r, b, ir::no_value, h, c, p}, 3, attributes);
  net.write(builder.op("Squeeze", {y[1], direction}), builder.op("Squeeze", {y[2], direction}));
  const ValueId axis = builder.constant(Tensor::from<std::int64_t>({1}, {first ? 2 : 1}));
  net.graph.outputs = {wanted.squeezed ? builder.op("Squeeze", {y[0], axis}) : y[0]};
  return std::move(net.graph);
}

TEST(TfliteExport, LstmKeepsItsMemoryInVariables) {
  for (const RealCase& wanted :
       {RealCase{"Tanh", 0, true, false}, RealCase{"Relu", 1, true, true},
        RealCase{"Relu", 0, false, true}, RealCase{"Tanh", 1, false, false}}) {
    const Graph graph = real_lstm(wanted);
    EXPECT_LE(difference(graph), float_tolerance(int(steps * (features + hidden + 2))));
    const std::string bytes = tflite_bytes(graph);
    const Graph again = load(std::as_bytes(std::span(bytes)), LoadOptions{});
    ASSERT_EQ(again.states.size(), 2u);
    EXPECT_EQ(again.states[0].name, "hidden");
    EXPECT_EQ(again.states[1].name, "cells");
  }
}

Graph integer_lstm(std::int8_t hidden_start) {
  Random random(22);
  const std::int64_t batch = 1;
  Recurrence net({DType::i8, {batch, steps, features}},
                 Tensor::from<std::int8_t>({batch, hidden}, {hidden_start, hidden_start}),
                 Tensor::zeros(DType::i16, {batch, hidden}));
  Builder builder(net.graph);
  const auto scale = [&](float v) { return builder.constant(Tensor::scalar(v)); };
  const auto zero = [&](int v) { return builder.constant(Tensor::scalar(std::int8_t(v))); };
  const auto codes = [&](const Shape& shape, DType type) {
    Tensor t = random_tensor(random, shape, -127, 127);
    for (float& e : t.mutable_data<float>()) e = std::floor(e);
    return builder.constant(t.cast(type));
  };
  const auto y =
      builder.multi("strata.QLinearLSTM",
                    {net.x, scale(0.02f), zero(-3), codes({4 * hidden, features}, DType::i8),
                     builder.constant(Tensor::from<float>({4}, {0.01f, 0.02f, 0.015f, 0.03f})),
                     codes({4 * hidden, hidden}, DType::i8),
                     builder.constant(Tensor::from<float>({4}, {0.011f, 0.013f, 0.017f, 0.019f})),
                     codes({4 * hidden}, DType::i32), net.h, scale(0.0078125f), zero(-1), net.c,
                     scale(0x1p-11f), scale(0.0078125f), zero(-1)},
                    3, {{"arithmetic", std::string("tflite_xnnpack")}, {"cell_clip", 10.0f}});
  net.write(y[1], y[2]);
  net.graph.outputs = {builder.op("Identity", {y[0]})};
  return std::move(net.graph);
}

TEST(TfliteExport, IntegerLstmStaysTheSame) { EXPECT_EQ(difference(integer_lstm(-1)), 0); }

TEST(TfliteExport, RefusesMemoryThatVariablesAreNot) {
  const auto refusal = [](const Graph& graph) { return error_of([&] { tflite_bytes(graph); }); };
  EXPECT_NE(refusal(integer_lstm(5)).find("state hidden begins with 5"), std::string::npos);
  Graph shared = real_lstm({"Tanh", 0, true, false});
  shared.outputs.push_back(shared.states[1].written);
  EXPECT_NE(refusal(shared).find("state cells is not the memory of one LSTM alone"),
            std::string::npos);
  const Graph clipped = real_lstm({"Tanh", 0, true, false}, {{"clip", 0.5f}});
  EXPECT_NE(refusal(clipped).find("clip 0.5"), std::string::npos);
  const Graph odd = real_lstm({"Affine", 0, true, false});
  EXPECT_NE(refusal(odd).find("activations Sigmoid, Affine, Affine"), std::string::npos);

  Random random(23);
  Graph stateless;
  const ValueId x = stateless.add_input("x", f32({steps, 1, features}));
  Builder builder(stateless);
  const ValueId w = builder.constant(random_tensor(random, {1, 4 * hidden, features}));
  const ValueId r = builder.constant(random_tensor(random, {1, 4 * hidden, hidden}));
  stateless.outputs = {builder.op("LSTM", {x, w, r})};
  EXPECT_NE(refusal(stateless).find("remembers what the last run left"), std::string::npos);
}

TEST(TfliteExport, DetectionsAreToldTheirOptions) {
  Random random(24);
  for (const std::int64_t regular : {0, 1}) {
    Graph graph;
    const ValueId boxes = graph.add_input("boxes", f32({1, 12, 4}));
    const ValueId scores = graph.add_input("scores", f32({1, 12, 4}));
    Builder builder(graph);
    const ValueId anchors = builder.constant(random_tensor(random, {12, 4}, 0.2, 0.8));
    graph.outputs = builder.multi("strata.DetectionPostProcess", {boxes, scores, anchors}, 4,
                                  {{"max_detections", std::int64_t(5)},
                                   {"detections_per_class", std::int64_t(2)},
                                   {"num_classes", std::int64_t(3)},
                                   {"use_regular_nms", regular},
                                   {"score_threshold", 0.1f},
                                   {"iou_threshold", 0.3f},
                                   {"y_scale", 10.0f},
                                   {"h_scale", 5.0f}});
    EXPECT_EQ(difference(graph), 0);
    // Outputs that nothing reads are written all the same.
    graph.outputs.resize(1);
    EXPECT_EQ(difference(graph), 0);
  }
}

/// One op on codes of i8 with a grid for its operand and one for its result.
Graph moved_grid(std::string_view op, const Shape& shape, double x_scale, double y_scale,
                 const ir::Attributes& attributes = {}) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::i8, {shape[0], shape[1], shape[2], shape[3]}});
  const auto scale = [&](double v) { return builder.constant(Tensor::scalar(float(v))); };
  const auto zero = [&](int v) { return builder.constant(Tensor::scalar(std::int8_t(v))); };
  graph.outputs = {user_node(graph, op, {x, scale(x_scale), zero(3), scale(y_scale), zero(-7)},
                             "moves", attributes)};
  return graph;
}

TEST(TfliteExport, OperatorsWithOneGridAreFollowedByAnother) {
  const Shape shape{1, 2, 6, 8};
  // Rounded to the operator's codes and to y's, against once: in steps of y's.
  const auto twice = [](double scale, double y_scale) { return 0.5 * scale / y_scale + 0.5 + 0.5; };
  const ir::Attributes same{{"kernel_shape", Ints{3, 3}}, {"auto_pad", std::string("SAME_UPPER")}};
  EXPECT_LE(difference(moved_grid("strata.QLinearAveragePool", shape, 0.05, 0.04, same)),
            twice(0.05, 0.04));
  const ir::Attributes some{{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}};
  EXPECT_LE(difference(moved_grid("strata.QLinearAveragePool", shape, 0.05, 0.01, some)), 1);
  const ir::Attributes whole{{"kernel_shape", Ints{6, 8}}};
  EXPECT_LE(difference(moved_grid("strata.QLinearAveragePool", shape, 0.05, 0.01, whole)), 1);
  for (const std::string_view op : {"strata.QLinearSigmoid", "strata.QLinearTanh"}) {
    const double step = op == "strata.QLinearTanh" ? 0x1p-7 : 0x1p-8;
    EXPECT_LE(difference(moved_grid(op, shape, 0.05, 0.01)), twice(step, 0.01)) << op;
  }
}

/// What writing one node says that is refused; x is of this type.
std::string refusal_of(DType type, std::string_view op,
                       const std::function<std::vector<ValueId>(Builder&, ValueId)>& operands,
                       const ir::Attributes& attributes = {}) {
  Graph graph;
  const ValueId x = graph.add_input("x", {type, {1, 2, 5, 5}});
  Builder builder(graph);
  graph.outputs = {user_node(graph, op, operands(builder, x), "named", attributes)};
  return error_of([&] { tflite_bytes(graph); });
}

TEST(TfliteExport, RefusesWhatOperatorsComputeOtherwise) {
  const auto expect = [](const std::string& error, std::string_view part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_NE(error.find("named"), std::string::npos) << error;
  };
  const auto alone = [](Builder&, ValueId x) { return std::vector{x}; };
  const auto scaled = [](float by) {
    return [by](Builder& builder, ValueId x) {
      return std::vector{x, ir::no_value,
                         builder.constant(Tensor::from<float>({4}, {1, 1, by, by}))};
    };
  };
  const ir::Attributes linear{{"mode", std::string("linear")}};
  expect(refusal_of(DType::f32, "Resize", scaled(1.5f), linear), "scale 1.5 for 7 elements");
  EXPECT_EQ(refusal_of(DType::f32, "Resize", scaled(2), linear), "");
  expect(refusal_of(DType::f32, "Resize", scaled(0.6f),
                    {{"mode", std::string("linear")}, {"antialias", std::int64_t(1)}}),
         "antialias 1");
  expect(refusal_of(DType::f32, "AveragePool", alone,
                    {{"kernel_shape", Ints{2, 2}},
                     {"strides", Ints{2, 2}},
                     {"ceil_mode", std::int64_t(1)},
                     {"count_include_pad", std::int64_t(1)}}),
         "1 elements beyond");
  expect(refusal_of(DType::i8, "Add",
                    [](Builder&, ValueId x) {
                      return std::vector{x, x};
                    }),
         "x is of type i8");
  expect(refusal_of(DType::i8, "Abs", alone), "x is of type i8");
  expect(refusal_of(DType::f32, "MatMul",
                    [](Builder& builder, ValueId x) {
                      return std::vector{x, builder.constant(Tensor::zeros(DType::f32, {5}))};
                    }),
         "operands of 4 and 1 axes");
  expect(refusal_of(DType::i8, "QLinearConv",
                    [](Builder& builder, ValueId x) {
                      const ValueId one = builder.constant(Tensor::scalar(1.0f));
                      const auto zero = [&](int v) {
                        return builder.constant(Tensor::scalar(std::int8_t(v)));
                      };
                      const ValueId w = builder.constant(Tensor::zeros(DType::i8, {3, 2, 1, 1}));
                      return std::vector{x, one, zero(0), w, one, zero(4), one, zero(0)};
                    }),
         "zero point 4");
}

TEST(TfliteExport, ReluOfCodesBoundsByCodeZero) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::i8, {1, 2, 3, 3}});
  const ValueId y = user_node(graph, "Relu", {x}, "relu");
  graph.outputs = {
      builder.op("DequantizeLinear", {y, builder.constant(Tensor::scalar(0.5f)),
                                      builder.constant(Tensor::scalar(std::int8_t(5)))})};
  EXPECT_EQ(difference(graph), 0);
}

TEST(TfliteExport, IndicesFromTheEnd) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({4, 3}));
  Builder builder(graph);
  const auto list = [&](const Shape& shape, const Ints& values) {
    return builder.constant(Tensor::from<std::int64_t>(shape, values));
  };
  graph.outputs = {
      user_node(graph, "Gather", {x, list({3}, {-1, 0, -4})}, "rows"),
      user_node(graph, "Gather", {x, list({2}, {-3, 2})}, "columns", {{"axis", std::int64_t(1)}}),
      user_node(graph, "GatherND", {x, list({2, 2}, {-1, -3, 0, -1})}, "cells")};
  EXPECT_EQ(difference(graph), 0);
  const std::string bytes = tflite_bytes(graph);
  const Graph again = load(std::as_bytes(std::span(bytes)), LoadOptions{});
  for (const ir::NodeId id : again.order()) {
    for (const ValueId operand : again.node(id).inputs) {
      if (!again.is_constant(operand)) continue;
      for (const float place : again.value(operand).constant->decode().to_float()) {
        EXPECT_GE(place, 0);
      }
    }
  }
}

TEST(TfliteExport, SaysAllThatItCannotSay) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 3}));
  const ValueId a = user_node(graph, "Erf", {x}, "first erf");
  const ValueId b = user_node(graph, "Erf", {a}, "second erf");
  graph.outputs = {user_node(graph, "Hardmax", {b}, "hard")};
  EXPECT_EQ(error_of([&] { tflite_bytes(graph); }),
            "2 ops have no form in TensorFlow Lite: Erf (2, first first erf), Hardmax (1, first "
            "hard)");
  Graph open;
  const ValueId n = open.add_input("x", f32({Dim::symbol("N"), 3}));
  open.outputs = {user_node(open, "Relu", {n}, "relu")};
  EXPECT_NE(error_of([&] { tflite_bytes(open); }).find("--dim"), std::string::npos);
}

}  // namespace
}  // namespace strata::formats
