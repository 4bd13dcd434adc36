#include "strata/ir/interpreter.hpp"

#include <gtest/gtest.h>

#include "tests/ir/graphs.hpp"

namespace strata::ir {
namespace {

using namespace testing;

std::vector<float> floats(const Tensor& tensor) { return tensor.to_float(); }

TEST(Interpreter, RunsAChain) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 2}));
  const ValueId c = graph.add_constant("c", Tensor::from<float>({2}, {-1, 1}));
  const ValueId sum = user_node(graph, "Add", {x, c}, "add");
  graph.outputs = {user_node(graph, "Relu", {sum}, "relu"), sum};
  std::vector<std::string> seen;
  InterpretOptions options;
  options.observe = [&](ValueId id, const Tensor&) { seen.push_back(graph.value(id).name); };
  const Tensor input = Tensor::from<float>({2, 2}, {0, 1, 2, 3});
  const auto outputs = interpret(graph, std::vector{input}, options);
  EXPECT_EQ(floats(outputs[0]), (std::vector<float>{0, 2, 1, 4}));
  EXPECT_EQ(floats(outputs[1]), (std::vector<float>{-1, 2, 1, 4}));
  EXPECT_EQ(seen, (std::vector<std::string>{"x", "add", "relu"}));
}

TEST(Interpreter, RunsFusedBodiesAndEncodedConstants) {
  Graph graph;
  auto body = std::make_shared<Graph>();
  const ValueId a = body->add_input("a", f32({Dim::symbol("N"), 2}));
  const ValueId b = body->add_input("b", f32({2, 1}));
  body->outputs = {Builder(*body).op("Relu", {Builder(*body).op("MatMul", {a, b})})};
  const ValueId x = graph.add_input("x", f32({Dim::symbol("M"), 2}));
  const Tensor weight = Tensor::from<float>({2, 1}, {127, -64});
  const ValueId w = graph.add_constant("w", i8_tensor_encoding.encode(weight, 1));
  graph.outputs = {user_node(graph, "strata.Fused", {x, w}, "f", {{"body", Subgraph(body)}})};
  const Tensor input = Tensor::from<float>({2, 2}, {1, 1, 0, 1});
  EXPECT_EQ(floats(interpret(graph, std::vector{input})[0]), (std::vector<float>{63, 0}));
}

TEST(Interpreter, StatesStartFromTheirInitialValues) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1}));
  const ValueId read = graph.add_state("count", Tensor::from<float>({1}, {5}));
  graph.states[0].written = user_node(graph, "Add", {read, x}, "count up");
  graph.outputs = {graph.states[0].written};
  const Tensor one = Tensor::from<float>({1}, {1});
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(floats(interpret(graph, std::vector{one})[0]), (std::vector<float>{6}));
  }
}

TEST(Interpreter, SaysWhatIsWrongWithInputs) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3}));
  const ValueId y = graph.add_input("y", f32({Dim::symbol("N"), 3}));
  graph.outputs = {user_node(graph, "Add", {x, y}, "add")};
  const Tensor good = Tensor::zeros(DType::f32, {2, 3});
  const auto error = [&](std::vector<Tensor> inputs) {
    return error_of([&] { interpret(graph, inputs); });
  };
  EXPECT_EQ(error({good}), "1 inputs given, expected 2");
  EXPECT_EQ(error({good, Tensor::zeros(DType::f32, {2})}), "input y has shape [2], expected [N,3]");
  EXPECT_EQ(error({good, Tensor::zeros(DType::f32, {4, 3})}),
            "input y has shape [4,3], expected [N,3] (axis 0 is 4, expected 2)");
  EXPECT_EQ(error({Tensor::zeros(DType::i32, {2, 3}), good}),
            "input x has element type i32, expected f32");
}

TEST(Interpreter, HoldsTheByteLimit) {
  Graph graph;
  ValueId value = graph.add_input("x", f32({Dim::symbol("N")}));
  for (int i = 0; i < 10; ++i) value = user_node(graph, "Relu", {value}, "relu");
  graph.outputs = {value};
  const Tensor input = Tensor::zeros(DType::f32, {100});
  InterpretOptions options;
  options.byte_limit = 800;  // a node's operands; the rest is dropped on the way
  interpret(graph, std::vector{input}, options);
  options.byte_limit = 799;
  EXPECT_NE(error_of([&] {
              interpret(graph, std::vector{input}, options);
            }).find("node relu_1 (Relu): value relu_1 of type f32[100] exceeds the limit"),
            std::string::npos);
}

}  // namespace
}  // namespace strata::ir
