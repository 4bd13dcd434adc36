#include "strata/check/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/check/bisect.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::check {
namespace {

using runtime::testing::random_tensor;

std::vector<std::vector<Tensor>> some_inputs() {
  return {{random_tensor({2, 3, 21, 19}, 5)}, {random_tensor({2, 3, 21, 19}, 6)}};
}

Side healthy() {
  Side side;
  side.graph = runtime::testing::small_residual_network();
  return side;
}

/// The node that is the n-th of its op, in order.
ir::NodeId nth(const ir::Graph& graph, std::string_view op, int n) {
  for (const ir::NodeId id : graph.order()) {
    if (graph.node(id).op->name == op && n-- == 0) return id;
  }
  ADD_FAILURE() << "no such " << op;
  return ir::no_node;
}

/// One weight of the node, at a position, becomes another number.
void plant_in_weight(ir::Graph& graph, ir::NodeId node, std::size_t at) {
  const ir::ValueId id = graph.node(node).inputs[1];
  Tensor weights = graph.value(id).constant->decode().clone();
  weights.mutable_data<float>()[at] += 0.25f;
  graph.value(id).constant = EncodedTensor(weights);
}

void faulty_pass_run(ir::Graph& graph, const ir::PassOptions&) {
  plant_in_weight(graph, nth(graph, "Conv", 3), 7);
}
constexpr ir::Pass faulty_pass{"plant_fault", "changes one weight of a convolution",
                               faulty_pass_run};

/// A kernel like another one, but for the last element of its result.
decltype(kernels::Row::run) sound_run = nullptr;

const char* faulty_run(const kernels::Args& args, int phase, std::int64_t begin,
                       std::int64_t end) noexcept {
  const char* message = sound_run(args, phase, begin, end);
  if (begin == 0) static_cast<float*>(args.out[0])[0] += 0.5f;
  return message;
}

TEST(Compare, AModelAgreesWithItsPlainMeaning) {
  const Side side = healthy();
  const Comparison comparison = compare(plain(side), side, some_inputs());
  EXPECT_TRUE(comparison.agree());
  EXPECT_EQ(comparison.first(), nullptr);
  EXPECT_EQ(comparison.runs, 2u);
  EXPECT_GE(comparison.layers.size(), 8u);
  EXPECT_EQ(comparison.unmatched, 0u);
  ASSERT_EQ(comparison.outputs.size(), 1u);
  EXPECT_EQ(comparison.outputs[0].top.rows, 4);
  EXPECT_EQ(comparison.outputs[0].top.same_best, 4);
  EXPECT_GT(comparison.outputs[0].difference.sqnr_db(), 60);
}

TEST(Compare, InstructionSetsAgree) {
  Side other = healthy();
  other.target.isa = Isa::baseline;
  EXPECT_TRUE(compare(healthy(), other, some_inputs()).agree());
}

TEST(Compare, RoundingThatExplainsEverythingDecidesNothing) {
  const Difference half{.max_abs = 0.5, .max_measure = 1},
      little{.max_abs = 0.005, .max_measure = 1};
  const auto judged = [](const Difference& difference, double allowed) {
    Comparison comparison;
    comparison.judge_output(difference, allowed);
    return comparison.agreement;
  };
  EXPECT_EQ(judged(half, 0.4), Agreement::differ);
  EXPECT_EQ(judged(half, 0.9), Agreement::agree);
  EXPECT_EQ(judged(half, 1), Agreement::undecided);
  EXPECT_EQ(judged(little, 1), Agreement::agree);
  EXPECT_EQ(judged({.max_abs = std::numeric_limits<double>::quiet_NaN()}, 1), Agreement::differ);
  Comparison all;
  all.judge_output(half, 1);
  all.judge_output(half, 0.4);
  all.judge_output(little, 1);
  EXPECT_EQ(all.agreement, Agreement::differ);
}

TEST(Compare, ASideEqualsItself) {
  const Comparison comparison = compare(healthy(), healthy(), some_inputs());
  EXPECT_TRUE(comparison.agree());
  EXPECT_EQ(comparison.outputs[0].difference.max_abs, 0);
  EXPECT_EQ(comparison.outputs[0].difference.sqnr_db(), std::numeric_limits<double>::infinity());
  for (const Layer& layer : comparison.layers) EXPECT_EQ(layer.local.max_abs, 0) << layer.node;
}

TEST(Compare, OneWeightIsFoundByTheNameOfItsNode) {
  Side other = healthy();
  const ir::NodeId node = nth(other.graph, "Conv", 4);
  const std::string name = other.graph.node(node).name;
  const std::string weight = other.graph.value(other.graph.node(node).inputs[1]).name;
  plant_in_weight(other.graph, node, 11);
  const Comparison comparison = compare(healthy(), other, some_inputs());
  EXPECT_FALSE(comparison.agree());
  // The only fault: what comes after it gets A's values and is right.
  const auto wrong = std::ranges::count(comparison.layers, true, &Layer::diverges);
  EXPECT_EQ(wrong, 1);
  const Blame blame = bisect(healthy(), other, some_inputs());
  EXPECT_EQ(blame.kind, Blame::Kind::model);
  EXPECT_EQ(blame.node, name);
  EXPECT_EQ(blame.name, weight);
}

TEST(Compare, APassIsFoundByName) {
  Side other = healthy();
  // In the middle of the pipeline, so that passes before and after it are tried.
  other.passes.insert(other.passes.begin() + 3, &faulty_pass);
  const ir::Graph graph = healthy().graph;
  const std::string name = graph.node(nth(graph, "Conv", 3)).name;
  const Comparison comparison = compare(healthy(), other, some_inputs());
  EXPECT_FALSE(comparison.agree());
  std::vector<std::string> trials;
  const Blame blame = bisect(healthy(), other, some_inputs(),
                             [&](const std::string& trial) { trials.push_back(trial); });
  EXPECT_EQ(blame.kind, Blame::Kind::pass) << blame.reason;
  EXPECT_EQ(blame.side, 'B');
  EXPECT_EQ(blame.name, "plant_fault");
  EXPECT_EQ(blame.node, name);
  EXPECT_LE(trials.size(), 7u);

  const Blame swapped = bisect(other, healthy(), some_inputs());
  EXPECT_EQ(swapped.kind, Blame::Kind::pass);
  EXPECT_EQ(swapped.side, 'A');
  EXPECT_EQ(swapped.name, "plant_fault");
}

TEST(Compare, AKernelIsFoundByName) {
  const Side sound = healthy();
  const Execution execution(sound, std::vector<Shape>{{2, 3, 21, 19}});
  const runtime::BoundStep& victim = execution.binding().steps()[0];
  ASSERT_EQ(victim.row->kind, kernels::ProblemKind::conv);
  sound_run = victim.row->run;
  kernels::Row faulty = *victim.row;
  faulty.name = "conv2d_f32_faulty";
  faulty.run = faulty_run;
  faulty.cost = [](const kernels::Problem&, const Machine&) { return kernels::CostEstimate{0}; };

  Side other = healthy();
  other.target.rows.insert(other.target.rows.begin(), &faulty);
  const Comparison comparison = compare(sound, other, some_inputs());
  ASSERT_FALSE(comparison.agree());
  ASSERT_NE(comparison.first(), nullptr);
  EXPECT_EQ(comparison.first()->kernel_b, "conv2d_f32_faulty");
  const Blame blame = bisect(sound, other, some_inputs());
  EXPECT_EQ(blame.kind, Blame::Kind::kernel) << blame.reason;
  EXPECT_EQ(blame.side, 'B');
  EXPECT_EQ(blame.name, "conv2d_f32_faulty");
  EXPECT_EQ(blame.node, comparison.first()->node);
}

TEST(Compare, FoldingIsNotBlamed) {
  runtime::testing::Net net(7);
  const auto x = net.input({1, 3, 9, 9});
  const auto positive = [&](std::uint64_t seed) {
    Tensor tensor = random_tensor({4}, seed);
    for (float& value : tensor.mutable_data<float>()) value = 0.5f + std::fabs(value);
    return net.builder().constant(tensor);
  };
  const auto conv = net.conv(x, 4, 3);
  net.graph.outputs = {
      net.op("BatchNormalization", {conv, positive(1), positive(2), positive(3), positive(4)})};
  Side a, b;
  a.graph = b.graph = std::move(net.graph);
  const std::string norm = a.graph.node(nth(a.graph, "BatchNormalization", 0)).name;
  for (const ir::NodeId id : b.graph.order()) b.graph.node(id).sources = {b.graph.node(id).name};
  ir::infer_types(b.graph);
  ir::run_passes(b.graph, ir::all_passes(), {.off = {"fuse"}});
  const std::vector<std::vector<Tensor>> inputs{{random_tensor({1, 3, 9, 9}, 5)}};
  EXPECT_TRUE(compare(a, b, inputs).agree());

  // All weights differ by the folding; the fault is in the bias.
  const ir::NodeId folded = nth(b.graph, "Conv", 0);
  const ir::ValueId bias = b.graph.node(folded).inputs[2];
  Tensor values = b.graph.value(bias).constant->decode().clone();
  values.mutable_data<float>()[1] += 0.25f;
  b.graph.value(bias).constant = EncodedTensor(values);
  const Blame blame = bisect(a, b, inputs);
  EXPECT_EQ(blame.kind, Blame::Kind::model);
  EXPECT_EQ(blame.node, norm);
  EXPECT_EQ(blame.name, b.graph.value(bias).name) << blame.reason;
}

TEST(Compare, NothingIsExcusedWhereNothingIsRounded) {
  // Sums of zeros are exact whatever the weights, and moving them is.
  runtime::testing::Net net(7);
  const auto x = net.input({1, 3, 9, 9});
  const auto w = net.builder().constant(random_tensor({4, 3, 3, 3}, 1, 1e3));
  const auto y = net.op("Conv", {x, w});
  net.graph.outputs = {net.op("Transpose", {y}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}})};
  Side side;
  side.graph = std::move(net.graph);
  const std::vector<std::vector<Tensor>> zeros{{Tensor::zeros(DType::f32, {1, 3, 9, 9})}};
  const Comparison comparison = compare(plain(side), plain(side), zeros);
  ASSERT_EQ(comparison.layers.size(), 2u);
  for (const Layer& layer : comparison.layers) EXPECT_EQ(layer.tolerance, 0) << layer.node;
}

TEST(Compare, NothingIsToBlameWhereSidesAgree) {
  EXPECT_EQ(bisect(healthy(), healthy(), some_inputs()).kind, Blame::Kind::nothing);
}

TEST(Compare, ModelsThatTakeDifferentThingsAreRefused) {
  runtime::testing::Net net(1);
  const auto x = net.input({2, 3}, "x"), y = net.input({2, 3}, "y");
  net.graph.outputs = {net.add(x, y)};
  Side other;
  other.graph = std::move(net.graph);
  try {
    compare(healthy(), other, some_inputs());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("A takes 1 inputs, B 2"), std::string::npos)
        << error.what();
  }
}

TEST(Difference, CountsWhatHasNoNumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto tensor = [](std::initializer_list<float> values) {
    return Tensor::from<float>({std::int64_t(values.size())}, values);
  };
  EXPECT_EQ(measure(tensor({1, nan}), tensor({1, nan})).max_abs, 0);
  EXPECT_TRUE(std::isinf(measure(tensor({1, nan}), tensor({1, 2})).max_abs));
  const Difference difference = measure(tensor({3, 4}), tensor({3, 3.5}));
  EXPECT_EQ(difference.max_abs, 0.5);
  EXPECT_EQ(difference.relative(), 0.125);
  EXPECT_EQ(difference.sqnr_db(), 20);  // 25 / 0.25
}

TEST(Difference, CountsBestClassesByRow) {
  const Tensor a = Tensor::from<float>({2, 3}, {3, 2, 1, 1, 2, 3});
  const Tensor b = Tensor::from<float>({2, 3}, {3, 1, 2, 3, 2, 1});
  const TopAgreement top = top_agreement(a, b, 2);
  EXPECT_EQ(top.rows, 2);
  EXPECT_EQ(top.same_best, 1);
  EXPECT_EQ(top.shared, 2);  // {0,1} and {0,2}; {2,1} and {0,1}
  EXPECT_EQ(top.considered, 4);
}

}  // namespace
}  // namespace strata::check
