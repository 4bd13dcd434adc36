#include <gtest/gtest.h>

#include <functional>

#include "strata/ir/builder.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;

/// What exporters write for norms.
struct Spelling {
  bool centred = false;
  bool squares_by_power = false;
  /// How the root divides.
  enum class Root { divide, reciprocal, one_over, power } root = Root::divide;
  bool swapped = false;  ///< operands of sums and products
  bool axis_from_front = false;
  bool bias = false;
};

struct Net {
  Random random{5};
  Graph graph;
  ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3, 8}));
  bool swapped = false;

  ValueId node(std::string_view op, std::vector<ValueId> inputs, std::string_view name) {
    const bool commutes = op == "Add" || op == "Mul";
    if (swapped && commutes) std::ranges::reverse(inputs);
    return user_node(graph, op, std::move(inputs), name);
  }
  ValueId number(float value, std::string_view name) {
    return graph.add_constant(name, Tensor::scalar(value));
  }
  ValueId mean(ValueId of, std::string_view name, std::int64_t axis) {
    const ValueId axes =
        graph.add_constant(std::string(name) + ".axes", Tensor::from<std::int64_t>({1}, {axis}));
    return node("ReduceMean", {of, axes}, name);
  }

  ValueId build(const Spelling& spelling) {
    swapped = spelling.swapped;
    const std::int64_t axis = spelling.axis_from_front ? 2 : -1;
    ValueId value = x;
    if (spelling.centred) value = node("Sub", {x, mean(x, "mean", axis)}, "difference");
    const ValueId squares = spelling.squares_by_power
                                ? node("Pow", {value, number(2, "two")}, "squares")
                                : node("Mul", {value, value}, "squares");
    const ValueId shifted =
        node("Add", {mean(squares, "variance", axis), number(0.01f, "epsilon")}, "shifted");
    ValueId unit = no_value;
    switch (spelling.root) {
      case Spelling::Root::divide:
        unit = node("Div", {value, node("Sqrt", {shifted}, "root")}, "unit");
        break;
      case Spelling::Root::reciprocal:
        unit =
            node("Mul", {value, node("Reciprocal", {node("Sqrt", {shifted}, "root")}, "inverse")},
                 "unit");
        break;
      case Spelling::Root::one_over:
        unit = node(
            "Mul",
            {value, node("Div", {number(1, "one"), node("Sqrt", {shifted}, "root")}, "inverse")},
            "unit");
        break;
      case Spelling::Root::power:
        unit = node("Mul", {value, node("Pow", {shifted, number(-0.5f, "exponent")}, "inverse")},
                    "unit");
        break;
    }
    ValueId y = node("Mul", {unit, weight(graph, random, "scale", {8})}, "scaled");
    if (spelling.bias) y = node("Add", {y, weight(graph, random, "bias", {8})}, "sum");
    return y;
  }
};

TEST(RecognizeNorm, EverySpelling) {
  using Root = Spelling::Root;
  for (const Root root : {Root::divide, Root::reciprocal, Root::one_over, Root::power}) {
    for (const int form : {0, 1, 2, 3, 4, 5, 6, 7}) {
      for (const bool centred : {false, true}) {
        const Spelling spelling{.centred = centred,
                                .squares_by_power = (form & 1) != 0,
                                .root = root,
                                .swapped = (form & 2) != 0,
                                .axis_from_front = (form & 4) != 0,
                                .bias = centred && (form & 1) != 0};
        Net net;
        net.graph.outputs = {net.build(spelling)};
        run(net.graph, {"recognize_norm"});
        const char* op = centred ? "LayerNormalization" : "RMSNormalization";
        const char* last = spelling.bias ? "sum" : "scaled";
        EXPECT_EQ(nodes_of(net.graph), std::string(op) + ":" + last) << int(root) << " " << form;
        const Node& norm = node_named(net.graph, last);
        EXPECT_EQ(norm.attributes.real("epsilon", 0), 0.01f);
        EXPECT_EQ(norm.inputs.size(), spelling.bias ? 3u : 2u);
        EXPECT_TRUE(std::ranges::count(norm.sources, "squares"));
      }
    }
  }
}

TEST(RecognizeNorm, AsKerasSpellsIt) {
  for (const bool swapped : {false, true}) {
    for (const bool mean_is_output : {false, true}) {
      Net net;
      net.swapped = swapped;
      const ValueId mean = net.mean(net.x, "mean", 2);
      const ValueId difference = net.node("Sub", {net.x, mean}, "difference");
      const ValueId squares = net.node("Mul", {difference, difference}, "squares");
      const ValueId variance = net.mean(squares, "variance", 2);
      const ValueId shifted = net.node("Add", {variance, net.number(0.01f, "epsilon")}, "shifted");
      const ValueId root = net.node("Sqrt", {shifted}, "root");
      const ValueId inverse = net.node("Reciprocal", {root}, "inverse");
      const ValueId factor =
          net.node("Mul", {inverse, weight(net.graph, net.random, "scale", {8})}, "factor");
      const ValueId bias = weight(net.graph, net.random, "bias", {8});
      const ValueId shift = net.node("Sub", {bias, net.node("Mul", {mean, factor}, "m")}, "shift");
      net.graph.outputs = {
          net.node("Add", {net.node("Mul", {net.x, factor}, "product"), shift}, "y")};
      if (mean_is_output) net.graph.outputs.push_back(mean);
      const std::string before = nodes_of(net.graph);
      run(net.graph, {"recognize_norm"});
      if (mean_is_output) {
        EXPECT_EQ(nodes_of(net.graph), before);
      } else {
        EXPECT_EQ(nodes_of(net.graph), "LayerNormalization:y");
        EXPECT_EQ(node_named(net.graph, "y").inputs.size(), 3u);
      }
    }
  }
}

TEST(RecognizeNorm, TheBiasOfAnUncentredNormStays) {
  Net net;
  net.graph.outputs = {net.build({.bias = true})};
  run(net.graph, {"recognize_norm"});
  EXPECT_EQ(nodes_of(net.graph), "RMSNormalization:scaled Add:sum");
}

TEST(RecognizeNorm, DifferencesThatOthersReadStay) {
  Net net;
  const ValueId y = net.build({.centred = true});
  net.graph.outputs = {y, *net.graph.find_value("difference")};
  run(net.graph, {"recognize_norm"});
  EXPECT_EQ(nodes_of(net.graph), "ReduceMean:mean Sub:difference RMSNormalization:scaled");
}

TEST(RecognizeNorm, LeavesWhatIsNone) {
  const auto stays = [](const std::function<void(Graph&)>& change) {
    Net net;
    net.graph.outputs = {net.build({})};
    change(net.graph);
    infer_types(net.graph);
    const std::string before = nodes_of(net.graph);
    run(net.graph, {"recognize_norm"});
    EXPECT_EQ(nodes_of(net.graph), before);
  };
  const auto set_constant = [](Graph& graph, std::string_view name, Tensor value) {
    graph.value(*graph.find_value(name)).constant = std::move(value);
  };
  stays([&](Graph& graph) {  // wanted elsewhere
    graph.outputs.push_back(*graph.find_value("root"));
  });
  stays([&](Graph& graph) {
    set_constant(graph, "variance.axes", Tensor::from<std::int64_t>({1}, {1}));
  });
  stays([&](Graph& graph) { set_constant(graph, "epsilon", Tensor::scalar(-0.01f)); });
  stays([&](Graph& graph) {  // of another value than the one that is divided
    const ValueId other = graph.add_input("other", f32({Dim::symbol("N"), 3, 8}));
    graph.node(*graph.find_node("unit")).inputs[0] = other;
  });
}

}  // namespace
}  // namespace strata::ir
