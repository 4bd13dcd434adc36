#include "strata/ir/passes/pipeline.hpp"

#include <gtest/gtest.h>

#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;

/// conv-bn-relu, a residual block with a dropout and a transposed detour, and a classifier.
Graph small_network(Random& random) {
  Graph graph;
  ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3, 8, 8}));
  const auto block = [&](ValueId from, std::string name, std::int64_t in) {
    const ValueId w = weight(graph, random, name + ".w", {4, in, 3, 3});
    const ValueId c = user_node(graph, "Conv", {from, w}, name,
                                {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    return batch_norm(graph, random, c, name + ".bn", 4);
  };
  const ValueId a = user_node(graph, "Relu", {block(x, "conv1", 3)}, "relu1");
  ValueId b = block(a, "conv2", 4);
  b = user_node(graph, "Dropout", {b}, "drop");
  b = user_node(graph, "Transpose", {b}, "t1", {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}});
  b = user_node(graph, "Identity", {b}, "identity");
  b = user_node(graph, "Transpose", {b}, "t2", {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
  b = user_node(graph, "Relu", {user_node(graph, "Add", {b, a}, "add")}, "relu2");
  b = user_node(graph, "GlobalAveragePool", {b}, "pool");
  b = user_node(graph, "Flatten", {b}, "flatten");
  const ValueId fc = user_node(graph, "MatMul", {b, weight(graph, random, "fc.w", {4, 5})}, "fc");
  b = user_node(graph, "Add", {fc, weight(graph, random, "fc.b", {5})}, "fc.add");
  graph.outputs = {user_node(graph, "Softmax", {b}, "softmax")};
  return graph;
}

TEST(Pipeline, OptimizesANetworkAndKeepsNames) {
  Random random(3);
  Graph graph = small_network(random);
  PassOptions options;
  options.check = true;
  const auto records = optimize(graph, options);
  EXPECT_EQ(nodes_of(graph),
            "strata.Fused:conv1 strata.Fused:conv2 GlobalAveragePool:pool Flatten:flatten Gemm:fc "
            "Softmax:softmax");
  EXPECT_EQ(node_named(graph, "conv2").sources,
            (Sources{"add", "conv2", "conv2.bn", "conv2.bn.bias", "conv2.bn.mean", "conv2.bn.scale",
                     "conv2.bn.var", "relu2"}));
  ASSERT_EQ(records.size(), all_passes().size());
  EXPECT_EQ(records.front().name, "eliminate_identity");
  EXPECT_EQ(records.back().nodes_after, 6u);
  EXPECT_TRUE(identical(parse_text(to_text(graph)), graph));
  // What is optimized stays as it is.
  const Graph once = graph;
  optimize(graph, options);
  EXPECT_TRUE(identical(graph, once)) << to_text(graph);
}

TEST(Pipeline, EachPassCanBeOff) {
  for (const Pass* pass : all_passes()) {
    Random random(3);
    Graph graph = small_network(random);
    PassOptions options;
    options.check = true;
    options.off = {std::string(pass->name)};
    EXPECT_EQ(optimize(graph, options).size(), all_passes().size() - 1) << pass->name;
  }
  Graph graph;
  PassOptions options;
  options.off = {"fusion"};
  const std::string error = error_of([&] { optimize(graph, options); });
  EXPECT_EQ(error.find("unknown pass 'fusion', expected one of eliminate_identity, "), 0u) << error;
}

TEST(Pipeline, RandomGraphsKeepTheirResults) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Graph graph = random_graph(random, 1 + int(random.below(25)));
    PassOptions options;
    options.check = true;
    optimize(graph, options);
  }
}

/// Passes are sweeps; quadratic ones would run for minutes here.
TEST(Pipeline, LargeGraphsAreLinear) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 2}));
  const std::vector<std::int64_t> swap = {1, 0};
  ValueId v = x;
  constexpr int repeats = 4'000;
  for (int i = 0; i < repeats; ++i) {
    v = user_node(graph, "Identity", {v}, "identity");
    v = user_node(graph, "Transpose", {v}, "there", {{"perm", swap}});
    v = user_node(graph, "Relu", {v}, "relu");
    v = user_node(graph, "Transpose", {v}, "back", {{"perm", swap}});
    v = user_node(graph, "Add", {v, x}, "add");
  }
  graph.outputs = {v};
  optimize(graph);
  // The first Relu, each Add with the Relu that follows, and the last Add.
  EXPECT_EQ(graph.order().size(), std::size_t(repeats + 1));
}

const Pass swap_operands = {"swap_operands", "wrong on purpose: a - b becomes b - a",
                            [](Graph& graph, const PassOptions&) {
                              for (NodeId id : graph.order()) {
                                Node& node = graph.node(id);
                                if (node.op->name == "Sub")
                                  std::swap(node.inputs[0], node.inputs[1]);
                              }
                            }};
const Pass break_types = {
    "break_types", "wrong on purpose: an operand goes missing",
    [](Graph& graph, const PassOptions&) { graph.node(graph.order()[0]).inputs.clear(); }};
const Pass rename_output = {
    "rename_output", "wrong on purpose",
    [](Graph& graph, const PassOptions&) { graph.rename(graph.outputs[0], "other"); }};

Graph difference() {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3}));
  const ValueId y = graph.add_input("y", f32({Dim::symbol("N"), 3}));
  graph.outputs = {user_node(graph, "Sub", {x, y}, "sub")};
  return graph;
}

TEST(Pipeline, CheckNamesTheFirstPassThatChangesResults) {
  Graph graph = difference();
  const Pass* passes[] = {&find_pass("eliminate_dead"), &swap_operands, &find_pass("fuse")};
  PassOptions options;
  run_passes(graph, passes, options);  // unnoticed without the check
  graph = difference();
  options.check = true;
  const std::string error = error_of([&] { run_passes(graph, passes, options); });
  EXPECT_EQ(error.find("pass swap_operands changes results: element 0 of output sub is"), 0u)
      << error;
}

TEST(Pipeline, BrokenGraphsAndInterfacesAreThePassesFault) {
  const std::pair<const Pass*, std::string> cases[] = {
      {&break_types, "after pass break_types: node sub (Sub): 0 inputs, expected 2"},
      {&rename_output,
       "after pass rename_output: inputs and outputs are x, y, other, they were x, y, sub"}};
  for (const auto& [pass, expected] : cases) {
    Graph graph = difference();
    try {
      run_passes(graph, std::span(&pass, 1));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::internal);
      EXPECT_EQ(error.what(), expected);
    }
  }
}

}  // namespace
}  // namespace strata::ir
