// Functions that a model carries are inlined where they are called.
#include <gtest/gtest.h>

#include "strata/formats/load.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/formats/model_writer.hpp"

namespace strata::formats::onnx::test {
namespace {

using Floats = std::vector<float>;
using Nodes = std::vector<MessageWriter>;

template <class... Node>
Nodes nodes(Node&&... node) {
  Nodes list;
  (list.push_back(std::move(node)), ...);
  return list;
}

ir::Graph load_bytes(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }

Floats run(Model& model, const Floats& x, std::int64_t opset = 18) {
  const Tensor input = Tensor::from<float>({std::int64_t(x.size())}, x);
  return ir::interpret(load_bytes(model.bytes(opset)), std::vector{input}).at(0).to_float();
}

std::string error_of(Model& model) {
  try {
    load_bytes(model.bytes(18));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Model call(std::string_view function, const Names& inputs = {"x"}, Attributes attributes = {}) {
  Model model;
  model.input("x", DType::f32, {2})
      .node(function, inputs, {"z"}, std::move(attributes), "call", "local")
      .output("z");
  return model;
}

TEST(Functions, NodesBearTheNameOfTheCallAndComeFromIt) {
  Model model = call("twice");
  model.function(
      "twice", {"a"}, {"b"},
      nodes(node_proto("Neg", {"a"}, {"t"}), node_proto("Neg", {"t"}, {"b"}, {}, "out")));
  const ir::Graph graph = load_bytes(model.bytes(18));
  ASSERT_EQ(graph.order().size(), 2u);
  const ir::Node& first = graph.node(graph.order()[0]);
  EXPECT_EQ(first.name, "call/Neg_t");
  EXPECT_EQ(first.sources, ir::Sources{"call"});
  EXPECT_EQ(graph.value(first.outputs[0]).name, "call/t");
  EXPECT_EQ(graph.node(graph.order()[1]).name, "call/out");
}

TEST(Functions, AttributesAreThoseOfTheCallOrDefaults) {
  const auto body = [] {
    return nodes(node_proto("LeakyRelu", {"a"}, {"b"}, [] {
      Attributes list;
      list.push_back(reference("alpha", "slope", 1));
      return list;
    }()));
  };
  const auto with = [](float value) {
    Attributes list;
    list.push_back(real("slope", value));
    return list;
  };
  Model given = call("leak", {"x"}, with(0.5f));
  given.function("leak", {"a"}, {"b"}, body(), with(0.25f));
  EXPECT_EQ(run(given, {-4, 4}), (Floats{-2, 4}));
  Model fallback = call("leak");
  fallback.function("leak", {"a"}, {"b"}, body(), with(0.25f));
  EXPECT_EQ(run(fallback, {-4, 4}), (Floats{-1, 4}));
  Model dropped = call("leak");
  dropped.function("leak", {"a"}, {"b"}, body(), {}, {"slope"});
  EXPECT_FLOAT_EQ(run(dropped, {-4, 4})[0], -0.04f);
}

TEST(Functions, CallsWithinCalls) {
  Model model = call("outer");
  model
      .function("outer", {"a"}, {"b"},
                nodes(node_proto("inner", {"a"}, {"t"}, {}, "first", "local"),
                      node_proto("inner", {"t"}, {"b"}, {}, "second", "local")))
      .function("inner", {"a"}, {"b"}, nodes(node_proto("Add", {"a", "a"}, {"b"}, {}, "sum")));
  EXPECT_EQ(run(model, {1, 2}), (Floats{4, 8}));
}

TEST(Functions, OutputThatIsAnInputIsCopied) {
  Model model = call("same");
  model.function("same", {"a"}, {"a"}, {});
  EXPECT_EQ(run(model, {1, 2}), (Floats{1, 2}));
}

TEST(Functions, TheirOpsMeanWhatTheirOwnOpsetSays) {
  Model model = call("clip");
  Attributes bounds;
  bounds.push_back(real("min", 0));
  model.function("clip", {"a"}, {"b"}, nodes(node_proto("Clip", {"a"}, {"b"}, std::move(bounds))),
                 {}, {}, 6);
  EXPECT_EQ(run(model, {-1, 2}), (Floats{0, 2}));
}

TEST(Functions, EqualNamesOfCallsAndValuesStayApart) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Neg", {"x"}, {"same/t"}, {}, "neg")
      .node("twice", {"x"}, {"y"}, {}, "same", "local")
      .node("twice", {"y"}, {"w"}, {}, "same", "local")
      .node("Add", {"w", "same/t"}, {"z"})
      .output("z");
  model.function("twice", {"a"}, {"b"},
                 nodes(node_proto("Add", {"a", "a"}, {"t"}), node_proto("Identity", {"t"}, {"b"})));
  EXPECT_EQ(run(model, {1, 2}), (Floats{3, 6}));
}

TEST(Functions, WhatIsWrongIsSaid) {
  Model loop = call("a");
  loop.function("a", {"x"}, {"y"}, nodes(node_proto("b", {"x"}, {"y"}, {}, {}, "local")))
      .function("b", {"x"}, {"y"}, nodes(node_proto("a", {"x"}, {"y"}, {}, {}, "local")));
  EXPECT_NE(error_of(loop).find("function local.a calls itself"), std::string::npos);

  Model inputs = call("f", {"x", "x"});
  inputs.function("f", {"a"}, {"b"}, nodes(node_proto("Neg", {"a"}, {"b"})));
  EXPECT_NE(error_of(inputs).find("node call (f): 2 inputs and 1 outputs; function local.f has 1"),
            std::string::npos);

  Attributes unknown;
  unknown.push_back(real("slope", 1));
  Model attribute = call("f", {"x"}, std::move(unknown));
  attribute.function("f", {"a"}, {"b"}, nodes(node_proto("Neg", {"a"}, {"b"})));
  EXPECT_NE(error_of(attribute).find("function local.f has no attribute 'slope'"),
            std::string::npos);

  Model twice = call("f");
  twice.function("f", {"a"}, {"b"}, {}).function("f", {"a"}, {"b"}, {});
  EXPECT_NE(error_of(twice).find("function local.f is defined twice"), std::string::npos);

  Model missing = call("f");
  missing.function("f", {"a"}, {"b"}, nodes(node_proto("Unheard", {"a"}, {"b"})));
  EXPECT_NE(error_of(missing).find("Unheard (1 node, first call/Unheard_b)"), std::string::npos);
}

// Each function calls the one before twice: 2^40 nodes, or calls, if nobody counts.
TEST(Functions, DoublingIsBounded) {
  for (const bool empty : {false, true}) {
    constexpr int count = 40;
    std::vector<std::string> names;
    for (int i = 0; i <= count; ++i) names.push_back("f" + std::to_string(i));
    Model model = call(names[count]);
    model.function(names[0], {"a"}, {"b"},
                   empty ? Nodes{} : nodes(node_proto("Neg", {"a"}, {"b"})));
    for (int i = 1; i <= count; ++i) {
      const std::string_view before = names[std::size_t(i - 1)];
      model.function(names[std::size_t(i)], {"a"}, {"b"},
                     nodes(node_proto(before, {"a"}, {"t"}, {}, {}, "local"),
                           node_proto(before, {"t"}, {"b"}, {}, {}, "local")));
    }
    EXPECT_NE(error_of(model).find("functions call each other until"), std::string::npos);
  }
}

TEST(Functions, DepthIsBounded) {
  constexpr int count = 10000;
  std::vector<std::string> names;
  for (int i = 0; i <= count; ++i) names.push_back("f" + std::to_string(i));
  Model model = call(names[count]);
  model.function(names[0], {"a"}, {"b"}, nodes(node_proto("Neg", {"a"}, {"b"})));
  for (int i = 1; i <= count; ++i) {
    model.function(names[std::size_t(i)], {"a"}, {"b"},
                   nodes(node_proto(names[std::size_t(i - 1)], {"a"}, {"b"}, {}, {}, "local")));
  }
  EXPECT_NE(error_of(model).find("functions call each other more than 64 deep"), std::string::npos);
}

}  // namespace
}  // namespace strata::formats::onnx::test
