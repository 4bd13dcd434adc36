#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "strata/ir/interpreter.hpp"
#include "strata/ir/tolerance.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/op_case.hpp"

namespace strata::ir {
namespace {

constexpr std::uint64_t seed = 1;

double largest(const Tensor& tensor) {
  double result = 0;
  const Tensor wide = tensor.cast(DType::f64);
  for (const double x : wide.data<double>()) {
    result = std::max(result, std::fabs(x));
  }
  return result;
}

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.dtype(), expected.dtype());
  ASSERT_EQ(actual.shape(), expected.shape());
  if (!is_float(actual.dtype())) {
    EXPECT_TRUE(identical(actual, expected));
    return;
  }
  const Tensor a = actual.cast(DType::f64);
  const Tensor b = expected.cast(DType::f64);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.data<double>()[std::size_t(i)];
    const double y = b.data<double>()[std::size_t(i)];
    EXPECT_LE(std::fabs(x - y), tolerance) << "element " << i << " is " << x << ", expected " << y;
  }
}

/// Decomposes the node of a one-node graph again and again until nothing is left to decompose.
Graph decomposed(const testing::CaseGraph& example) {
  Graph graph = example.graph;
  const Node node = graph.node(example.node());
  Builder builder(graph);
  const auto values = node.op->decompose(builder, node);
  if (!values) return graph;
  for (std::size_t i = 0; i < values->size(); ++i)
    graph.replace_uses(node.outputs[i], (*values)[i]);
  const NodeId old = example.node();
  graph.erase({&old, 1});
  return graph;
}

/// Extents that only data tell are what came out, the same wherever they occur.
void learn_open_extents(const Graph& graph, std::span<const Tensor> outputs, DimValues& symbols) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const SymbolicShape& shape = graph.value(graph.outputs[i]).type.shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto symbol = shape[axis].as_symbol();
      if (symbol && !symbols.find(*symbol)) symbols.set(*symbol, outputs[i].shape()[int(axis)]);
    }
  }
}

class OpConformance : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(OpConformance, RowIsComplete) {
  const OpDef& op = *GetParam();
  EXPECT_TRUE(op.infer);
  EXPECT_TRUE(op.reference || op.decompose || op.control);
  ASSERT_TRUE(op.cases);
  std::set<std::string_view> names;
  for (const OpCase& example : op.cases()) {
    EXPECT_TRUE(names.insert(example.name).second) << example.name << " appears twice";
  }
  EXPECT_FALSE(names.empty());
  EXPECT_TRUE(std::is_sorted(op.attributes.begin(), op.attributes.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST_P(OpConformance, CasesRunAsInferred) {
  const OpDef& op = *GetParam();
  for (const OpCase& example : op.cases()) {
    SCOPED_TRACE(fmt::format("case {} with seed {}", example.name, seed));
    const testing::CaseGraph built = testing::build_case(op, example, seed);
    verify(built.graph);
    std::vector<Shape> shapes;
    for (const Tensor& input : built.inputs) shapes.push_back(input.shape());
    DimValues symbols = bind_inputs(built.graph, shapes);
    const std::vector<Tensor> outputs = interpret(built.graph, built.inputs);
    learn_open_extents(built.graph, outputs, symbols);
    ASSERT_EQ(outputs.size(), std::size_t(example.outputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Value& value = built.graph.value(built.graph.outputs[i]);
      EXPECT_EQ(outputs[i].dtype(), value.type.dtype);
      EXPECT_EQ(outputs[i].shape(), evaluate(value.type.shape, symbols)) << to_string(value.type);
      EXPECT_TRUE(std::isfinite(largest(outputs[i])));
      if (!value.elements) continue;
      const std::vector<std::int64_t> actual = outputs[i].to_int64();
      ASSERT_EQ(actual.size(), value.elements->size());
      for (std::size_t j = 0; j < actual.size(); ++j) {
        EXPECT_EQ((*value.elements)[j].evaluate(symbols), actual[j]) << "known element " << j;
      }
    }
  }
}

TEST_P(OpConformance, DecompositionAgrees) {
  const OpDef& op = *GetParam();
  if (!op.reference || !op.decompose) return;  // has one meaning only
  for (const OpCase& example : op.cases()) {
    SCOPED_TRACE(fmt::format("case {} with seed {}", example.name, seed));
    const testing::CaseGraph built = testing::build_case(op, example, seed);
    const Graph simpler = decomposed(built);
    double magnitude = 0;
    std::int64_t terms = 1;
    InterpretOptions options;
    options.observe = [&](ValueId, const Tensor& tensor) {
      magnitude = std::max(magnitude, largest(tensor));
      terms = std::max(terms, tensor.elements());
    };
    const std::vector<Tensor> actual = interpret(simpler, built.inputs, options);
    const std::vector<Tensor> expected = interpret(built.graph, built.inputs);
    const auto steps = std::int64_t(simpler.order().size()) + terms;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expect_close(actual[i], expected[i],
                   elementwise_tolerance(expected[i].dtype(), steps, magnitude));
    }
  }
}

TEST_P(OpConformance, CostsAreNotNegative) {
  const OpDef& op = *GetParam();
  if (!op.cost) return;  // moves only
  for (const OpCase& example : op.cases()) {
    const testing::CaseGraph built = testing::build_case(op, example, seed);
    std::vector<Shape> inputs;
    std::vector<Shape> outputs;
    const Node& node = built.graph.node(built.node());
    const auto extent = [&](ValueId id) {
      OpCase::Input operand{.type = id == no_value ? TensorType{} : built.graph.value(id).type};
      return testing::shape_of(operand);
    };
    for (const ValueId id : node.inputs) inputs.push_back(extent(id));
    for (const ValueId id : node.outputs) outputs.push_back(extent(id));
    const Cost cost = op.cost({node, inputs, outputs});
    EXPECT_GE(cost.macs, 0) << example.name;
    EXPECT_GE(cost.flops, 0) << example.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpConformance,
                         ::testing::ValuesIn(all_ops().begin(), all_ops().end()),
                         [](const auto& parameter) {
                           std::string name = qualified_name(*parameter.param);
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata::ir
