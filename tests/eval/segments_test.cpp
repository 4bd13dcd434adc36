#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/eval/segment_profile.hpp"
#include "strata/ir/builder.hpp"

namespace strata::eval {
namespace {

using ir::Builder;
using ir::Graph;
using ir::ValueId;

/// Doubles x as often as the input says, then gives the elements that are not zero.
Graph model() {
  auto body = std::make_shared<Graph>();
  {
    Builder builder(*body);
    body->add_input("i", {DType::i64, {}});
    const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
    const ValueId x = body->add_input("x", {DType::f32, {64}});
    body->outputs = {builder.op("Identity", {goes_on}), builder.op("Add", {x, x}, {}, "twice")};
  }
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {64}});
  const ValueId trips = graph.add_input("trips", {DType::i64, {}});
  const auto rounds =
      builder.multi("Loop", {trips, ir::no_value, builder.op("Exp", {x}, {}, "exp")}, 1,
                    {{"body", ir::Subgraph(body)}}, "rounds");
  const ValueId places =
      builder.op("Reshape", {builder.op("NonZero", {rounds[0]}), builder.integers({-1})});
  graph.outputs = {builder.op("Gather", {rounds[0], places}, {}, "kept")};
  return graph;
}

TEST(SegmentProfile, CountsCallsAndAddsUp) {
  runtime::Session session(model());
  const std::vector<Tensor> inputs = {Tensor::zeros(DType::f32, {64}),
                                      Tensor::scalar<std::int64_t>(7)};
  runtime::ProfileOptions options;
  options.warm_up_s = 0;
  options.seconds = 0;
  const SegmentProfile profile = profile_segments(session, inputs, options);
  EXPECT_EQ(profile.runs, options.min_runs);
  EXPECT_GT(profile.peak_bytes, 64 * sizeof(float));
  EXPECT_LE(profile.segment_seconds(), profile.run_seconds);
  bool found = false;
  for (const SegmentFigures& segment : profile.segments) {
    double steps = 0;
    for (const SegmentStep& step : segment.steps) {
      steps += step.seconds;
      if (step.name != "twice") continue;
      found = true;
      EXPECT_EQ(segment.body, "node rounds (Loop)");
      EXPECT_DOUBLE_EQ(step.calls, 7);
      EXPECT_DOUBLE_EQ(step.work.flops, 7 * 64);
    }
    EXPECT_LE(steps, segment.seconds * (1 + 1e-12));  // sums of as many terms, rounded
  }
  EXPECT_TRUE(found);

  const nlohmann::json document = segment_document(profile, session);
  EXPECT_EQ(document["schema"], "strata.segment_profile/1");
  EXPECT_EQ(document["segments"].size(), profile.segments.size());
  const nlohmann::json trace = segment_trace(document, profile);
  std::size_t steps = 0;
  for (const nlohmann::json& event : trace["traceEvents"]) steps += event["ph"] == "X";
  EXPECT_EQ(steps, profile.example.size());
  EXPECT_GE(steps, 8u);
}

TEST(SegmentProfile, EndsWhenAsked) {
  runtime::Session session(model());
  const std::vector<Tensor> inputs = {Tensor::zeros(DType::f32, {64}),
                                      Tensor::scalar<std::int64_t>(1)};
  runtime::ProfileOptions options;
  options.stopped = [] { return true; };
  EXPECT_EQ(profile_segments(session, inputs, options).runs, 1);
}

}  // namespace
}  // namespace strata::eval
