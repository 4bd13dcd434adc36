// import(export(g)) is identical to g.
#include <gtest/gtest.h>

#include <filesystem>

#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/text.hpp"
#include "tests/formats/model_writer.hpp"
#include "tests/ir/op_case.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;

// Under a name, because ONNX has no graphs without one.
ir::Graph load_bytes(const std::string& bytes) {
  ir::Graph graph = load(std::as_bytes(std::span(bytes)));
  if (graph.name.empty()) graph.name = "graph";
  return graph;
}

std::string write(const ir::Graph& graph) { return onnx_bytes(graph, {.sources = true}); }

void expect_round_trip(const ir::Graph& graph) {
  const ir::Graph read = load_bytes(write(graph));
  EXPECT_TRUE(ir::identical(read, graph)) << ir::to_text(graph) << "\nbecame\n"
                                          << ir::to_text(read);
}

// Reading drops what training alone needs, and settles what these leave open (the seed, whether a
// Dropout does anything, which branch runs, what bodies call that which they capture).
bool is_rewritten(const ir::OpDef& op) {
  constexpr std::string_view names[] = {"BatchNormalization",
                                        "Bernoulli",
                                        "Constant",
                                        "Dropout",
                                        "If",
                                        "Loop",
                                        "Multinomial",
                                        "RandomNormal",
                                        "RandomNormalLike",
                                        "RandomUniform",
                                        "RandomUniformLike",
                                        "Scan"};
  return std::ranges::count(names, op.name) != 0;
}

/// Ops, and cases of ops, that ONNX has no words for: they are refused, not written wrong.
bool is_beyond_onnx(const ir::OpDef& op, const ir::OpCase& example) {
  constexpr std::string_view names[] = {"DetectionPostProcess", "DynamicQuantConv",
                                        "DynamicQuantGemm", "QLinearLSTM", "QLinearResize"};
  return std::ranges::count(names, op.name) != 0 || example.name == "cell_clip" ||
         (op.name.starts_with("QLinear") && example.name == "i16") ||
         (op.name == "QLinearSoftmax" && example.attributes.has("beta"));
}

class OpRoundTrip : public testing::TestWithParam<const ir::OpDef*> {};

TEST_P(OpRoundTrip, CasesComeBack) {
  const ir::OpDef& op = *GetParam();
  if (!op.cases) return;
  for (const ir::OpCase& example : op.cases()) {
    SCOPED_TRACE(example.name);
    ir::Graph graph = ir::testing::build_case(op, example, 1).graph;
    graph.name = "case";
    // What reading gives nodes that came from nowhere else.
    for (const ir::NodeId id : graph.order()) graph.node(id).sources = {graph.node(id).name};
    try {
      if (op.domain.empty() && !is_rewritten(op)) expect_round_trip(graph);
      expect_round_trip(load_bytes(write(graph)));
      EXPECT_FALSE(is_beyond_onnx(op, example));
    } catch (const Error& error) {
      EXPECT_TRUE(is_beyond_onnx(op, example)) << error.what();
      EXPECT_EQ(error.code(), ErrorCode::unsupported) << error.what();
    }
  }
}

std::string op_name(const testing::TestParamInfo<const ir::OpDef*>& info) {
  std::string name = ir::qualified_name(*info.param);
  std::ranges::replace(name, '.', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, OpRoundTrip, testing::ValuesIn(ir::all_ops()), op_name);

TEST(RoundTrip, Corpus) {
  for (const auto& entry :
       fs::directory_iterator(fs::path(STRATA_SOURCE_DIR) / "tests/corpus/onnx/valid")) {
    if (entry.path().extension() != ".onnx") continue;
    SCOPED_TRACE(entry.path());
    ir::Graph graph = load(entry.path());
    if (graph.name.empty()) graph.name = "graph";
    expect_round_trip(graph);
  }
}

using onnx::test::Model;

// y = (sum of x > 0 ? x + w : -x), with w around the branches.
Model branches() {
  Model yes, no, model;
  yes.node("Add", {"x", "w"}, {"sum"}, {}, "add").output("sum", DType::f32, {2});
  no.node("Neg", {"x"}, {"negative"}, {}, "neg").output("negative", DType::f32, {2});
  model.input("x", DType::f32, {2})
      .initializer("w", Tensor::from<float>({2}, {10, 20}))
      .initializer("zero", Tensor::scalar(0.0f))
      .node("ReduceSum", {"x"}, {"total"}, {onnx::test::integer("keepdims", 0)}, "reduce")
      .node("Greater", {"total", "zero"}, {"positive"}, {}, "greater");
  onnx::test::Attributes graphs;
  graphs.push_back(yes.as_attribute("then_branch"));
  graphs.push_back(no.as_attribute("else_branch"));
  model.node("If", {"positive"}, {"y"}, std::move(graphs), "choose").output("y", DType::f32, {2});
  return model;
}

// Adds w to x four times and collects each sum.
Model loop() {
  Model body, model;
  body.input("i", DType::i64, {})
      .input("goes_on", DType::boolean, {})
      .input("before", DType::f32, {2})
      .node("Identity", {"goes_on"}, {"still"}, {}, "keep")
      .node("Add", {"before", "w"}, {"after"}, {}, "add")
      .node("Mul", {"after", "scale"}, {"scaled"}, {}, "mul")
      .output("still", DType::boolean, {})
      .output("after", DType::f32, {2})
      .output("scaled", DType::f32, {2});
  model.input("x", DType::f32, {2})
      .input("w", DType::f32, {2})
      .initializer("trips", Tensor::scalar(std::int64_t(4)))
      .initializer("scale", Tensor::scalar(0.5f));
  onnx::test::Attributes graphs;
  graphs.push_back(body.as_attribute("body"));
  model.node("Loop", {"trips", "", "x"}, {"last", "all"}, std::move(graphs), "loop")
      .output("last", DType::f32, {2})
      .output("all");
  return model;
}

// Running sum of the rows of x, plus a value from around.
Model scan() {
  Model body, model;
  body.input("sum_in", DType::f32, {2})
      .input("row", DType::f32, {2})
      .node("Add", {"sum_in", "row"}, {"sum_out"}, {}, "add")
      .node("Add", {"sum_out", "shift"}, {"shifted"}, {}, "shift")
      .output("sum_out", DType::f32, {2})
      .output("shifted", DType::f32, {2});
  model.input("start", DType::f32, {2})
      .input("x", DType::f32, {3, 2})
      .input("raw", DType::f32, {2});
  onnx::test::Attributes attributes;
  attributes.push_back(body.as_attribute("body"));
  attributes.push_back(onnx::test::integer("num_scan_inputs", 1));
  model.node("Neg", {"raw"}, {"shift"}, {}, "neg")
      .node("Scan", {"start", "x"}, {"total", "rows"}, std::move(attributes), "scan")
      .output("total", DType::f32, {2})
      .output("rows", DType::f32, {3, 2});
  return model;
}

// A branch within an iteration reads a value and a constant from around both.
Model nested() {
  Model yes, no, body, model;
  yes.node("Add", {"before", "w"}, {"sum"}, {}, "add").output("sum", DType::f32, {2});
  no.node("Mul", {"before", "half"}, {"product"}, {}, "mul").output("product", DType::f32, {2});
  onnx::test::Attributes branches;
  branches.push_back(yes.as_attribute("then_branch"));
  branches.push_back(no.as_attribute("else_branch"));
  body.input("i", DType::i64, {})
      .input("goes_on", DType::boolean, {})
      .input("before", DType::f32, {2})
      .node("Identity", {"goes_on"}, {"still"}, {}, "keep")
      .node("Less", {"i", "limit"}, {"early"}, {}, "less")
      .node("If", {"early"}, {"after"}, std::move(branches), "choose")
      .output("still", DType::boolean, {})
      .output("after", DType::f32, {2});
  onnx::test::Attributes graphs;
  graphs.push_back(body.as_attribute("body"));
  model.input("x", DType::f32, {2})
      .input("w", DType::f32, {2})
      .initializer("trips", Tensor::scalar(std::int64_t(4)))
      .initializer("limit", Tensor::scalar(std::int64_t(2)))
      .initializer("half", Tensor::scalar(0.5f))
      .node("Loop", {"trips", "", "x"}, {"last"}, std::move(graphs), "loop")
      .output("last", DType::f32, {2});
  return model;
}

TEST(RoundTrip, ControlFlow) {
  for (auto* make : {branches, loop, scan, nested}) {
    const ir::Graph graph = load_bytes(make().bytes(17));
    expect_round_trip(graph);
    EXPECT_TRUE(ir::identical(ir::parse_text(ir::to_text(graph)), graph));
    std::vector<Tensor> inputs;
    for (const ir::ValueId id : graph.inputs) {
      const Shape shape = *as_constant(graph.value(id).type.shape);
      std::vector<float> values;
      for (std::int64_t i = 0; i < shape.elements(); ++i) values.push_back(float(i + 1));
      inputs.push_back(Tensor::from<float>(shape, values));
    }
    const auto expected = ir::interpret(graph, inputs);
    const auto actual = ir::interpret(load_bytes(write(graph)), inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_TRUE(identical(actual[i], expected[i]));
    }
  }
}

// What lies around a body is not passed to it but read by name.
TEST(RoundTrip, BodiesReadWhatIsAroundThem) {
  const ir::Graph graph = load_bytes(nested().bytes(17));
  const std::string bytes = write(graph);
  const auto count = [&](std::string_view text) {
    std::size_t found = 0;
    for (std::size_t at = bytes.find(text); at != std::string::npos;
         at = bytes.find(text, at + 1)) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(count("captures"), 0u);
  EXPECT_EQ(count("half"), 2u) << "the initializer, and its use";
}

// Two graphs joined by hand may use a name twice; ONNX does not allow a body to hide one.
TEST(RoundTrip, NamesInBodiesHideNone) {
  ir::Graph graph = load_bytes(branches().bytes(17));
  const ir::NodeId node = graph.order().back();
  auto body = std::make_shared<ir::Graph>(graph.node(node).attributes.graph("then_branch"));
  body->rename(body->outputs[0], "total");
  graph.node(node).attributes.set("then_branch", ir::Subgraph(body));
  const ir::Graph read = load_bytes(write(graph));
  const ir::Graph& branch = read.node(read.order().back()).attributes.graph("then_branch");
  EXPECT_EQ(branch.value(branch.outputs[0]).name, "total_");
}

// ONNX Runtime refuses a branch that gives a value of the graph around it.
TEST(RoundTrip, BodiesGiveValuesOfTheirOwn) {
  Model yes, no, model;
  yes.output("x", DType::f32, {2});
  no.node("Neg", {"x"}, {"negative"}, {}, "neg").output("negative", DType::f32, {2});
  onnx::test::Attributes graphs;
  graphs.push_back(yes.as_attribute("then_branch"));
  graphs.push_back(no.as_attribute("else_branch"));
  model.input("x", DType::f32, {2})
      .input("condition", DType::boolean, {})
      .node("If", {"condition"}, {"y"}, std::move(graphs), "choose")
      .output("y", DType::f32, {2});
  const ir::Graph once = load_bytes(write(load_bytes(model.bytes(17))));
  const ir::Graph& branch = once.node(once.order().back()).attributes.graph("then_branch");
  ASSERT_EQ(branch.order().size(), 1u);
  EXPECT_EQ(branch.node(branch.order()[0]).op->name, "Identity");
  expect_round_trip(once);
}

// Our own ops are taken apart wherever they stand.
TEST(RoundTrip, BodiesAreFlattened) {
  ir::Graph graph = load_bytes(branches().bytes(17));
  const ir::NodeId node = graph.order().back();
  auto inner = std::make_shared<ir::Graph>();
  const ir::ValueId in = inner->add_input("x", {DType::f32, {2}});
  inner->outputs = {ir::Builder(*inner, {"neg"}).op("Neg", {in}, {}, "neg")};
  auto body = std::make_shared<ir::Graph>();
  body->name = "else";
  const ir::ValueId x = body->add_input("x", {DType::f32, {2}});
  body->outputs = {ir::Builder(*body, {"neg"})
                       .op("strata.Fused", {x}, {{"body", ir::Subgraph(inner)}}, "fused")};
  graph.node(node).attributes.set("else_branch", ir::Subgraph(body));
  const ir::Graph read = load_bytes(write(graph));
  const ir::Graph& branch = read.node(read.order().back()).attributes.graph("else_branch");
  ASSERT_EQ(branch.order().size(), 1u);
  EXPECT_EQ(ir::describe(branch.node(branch.order()[0])), "node neg (Neg)");
}

TEST(RoundTrip, WhatThingsCameFromIsKept) {
  ir::Graph graph;
  graph.name = "g";
  const ir::ValueId x = graph.add_input("x", {DType::f32, {2}});
  const ir::ValueId w = graph.add_constant("w", Tensor::from<float>({2}, {1, 2}),
                                           {"batch norm", "conv\nwith a break"});
  ir::Builder builder(graph, {"conv", "relu"});
  graph.outputs = {builder.op("Add", {x, w}, {}, "conv")};
  expect_round_trip(graph);
  const ir::Graph without = load_bytes(onnx_bytes(graph));
  EXPECT_EQ(without.node(without.order()[0]).sources, ir::Sources{"conv"});
}

std::string error_of(const ir::Graph& graph, const SaveOptions& options) {
  try {
    onnx_bytes(graph, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RoundTrip, AnOpsetThatLacksAnOpIsRefusedByNode) {
  const ir::Graph graph = load_bytes(Model()
                                         .input("x", DType::i32, {2})
                                         .node("BitwiseNot", {"x"}, {"y"}, {}, "my not")
                                         .output("y")
                                         .bytes(20));
  EXPECT_EQ(error_of(graph, {.opset = 17, .raise_opset = false}),
            "node my not (BitwiseNot) needs opset 18; asked for is opset 17");
  EXPECT_EQ(error_of(graph, {.opset = 18, .raise_opset = false}), "no error");
  EXPECT_EQ(error_of(graph, {.opset = 17}), "no error");
}

// A small opset for an op, and a large one for an element type that the op got later.
TEST(RoundTrip, ElementTypesDecideTheOpsetToo) {
  const auto opset_error = [](DType type) {
    ir::Graph graph;
    const ir::ValueId x = graph.add_input("x", {type, {2}});
    graph.outputs = {ir::Builder(graph).op("Sin", {x}, {}, "sine")};
    return error_of(graph, {.opset = 17, .raise_opset = false});
  };
  EXPECT_EQ(opset_error(DType::f32), "no error");
  EXPECT_EQ(opset_error(DType::bf16), "node sine (Sin) needs opset 22; asked for is opset 17");
}

// All at once, whichever graph they stand in.
TEST(RoundTrip, OpsMissingWithinBodiesAreListed) {
  Model yes, no, model;
  yes.node("Frobnicate", {"x"}, {"a"}, {}, "inner one").output("a", DType::f32, {2});
  no.node("Blend", {"x"}, {"b"}, {}, "inner two").output("b", DType::f32, {2});
  onnx::test::Attributes graphs;
  graphs.push_back(yes.as_attribute("then_branch"));
  graphs.push_back(no.as_attribute("else_branch"));
  model.input("x", DType::f32, {2})
      .input("condition", DType::boolean, {})
      .node("If", {"condition"}, {"c"}, std::move(graphs), "choose")
      .node("Frobnicate", {"c"}, {"y"}, {}, "outer")
      .output("y", DType::f32, {2});
  try {
    load_bytes(model.bytes(17));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "reading model: 2 ops are not supported: Blend (1 node, first inner two), "
                 "Frobnicate (2 nodes, first inner one)");
  }
}

}  // namespace
}  // namespace strata::formats
