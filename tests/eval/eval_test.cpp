#include "strata/eval/evaluate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "strata/eval/latency.hpp"
#include "strata/ir/builder.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::eval {
namespace {

constexpr int features = 6;
constexpr int classes = 4;
constexpr std::int64_t items = 203;  // no multiple of any batch below

/// Items whose first `classes` features name the class; every tenth label is wrong.
class OneHot : public data::Dataset {
 public:
  explicit OneHot(std::optional<std::int64_t> fails_at = {}, int label_shift = 0)
      : Dataset(make(label_shift)), fails_at_(fails_at) {}

  void read(std::int64_t index, void* out) const override {
    if (index == fails_at_) fail(ErrorCode::model, "item {} is damaged", index);
    auto* values = static_cast<float*>(out);
    std::fill_n(values, features, 0.25f);
    values[class_of(index)] = 1;
  }
  static std::int32_t class_of(std::int64_t index) { return std::int32_t(index * 7 % classes); }
  static bool is_right(std::int64_t index) { return index % 10 != 3; }

 private:
  static About make(int label_shift) {
    About about;
    about.size = items;
    about.item_shape = {features};
    for (std::int64_t i = 0; i < items; ++i) {
      about.labels.push_back(is_right(i) ? class_of(i) + label_shift : (class_of(i) + 1) % classes);
    }
    return about;
  }
  std::optional<std::int64_t> fails_at_;
};

/// y = x W, where W picks the first features; the batch is a symbol, a number, or no axis.
std::shared_ptr<const runtime::Program> make_program(const SymbolicShape& input) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, input});
  ir::Builder builder(graph);
  Tensor weights = Tensor::zeros(DType::f32, {features, classes});
  for (int i = 0; i < classes; ++i) {
    weights.mutable_data<float>()[std::size_t(i * classes + i)] = 1;
  }
  const ir::ValueId flat =
      input.size() == 2 ? x : builder.op("Reshape", {x, builder.integers({1, features})});
  ir::ValueId scores = builder.op("Gemm", {flat, builder.constant(weights)});
  const ir::ValueId inverted = builder.op("Neg", {scores});
  graph.rename(scores, "scores");
  graph.rename(inverted, "inverted");
  graph.outputs = {scores, inverted};
  return runtime::Program::compile(std::move(graph), runtime::default_target());
}

SymbolicShape open_batch() { return {Dim::symbol("N"), Dim(features)}; }

void expect_known_result(const Evaluation& result) {
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.classes, classes);
  ASSERT_EQ(result.correct.size(), std::size_t(items));
  for (std::int64_t i = 0; i < items; ++i) {
    EXPECT_EQ(result.predictions[std::size_t(i)], OneHot::class_of(i));
    EXPECT_EQ(result.correct[std::size_t(i)], OneHot::is_right(i));
  }
  EXPECT_EQ(result.accuracy().correct, items - 20);
}

TEST(Evaluate, CountsTheSameForAnyBatchAndThreads) {
  const OneHot dataset;
  const auto program = make_program(open_batch());
  const std::vector<std::int64_t> indices = all_items(dataset);
  for (const int threads : {1, 2, 5}) {
    for (const std::int64_t batch : {0, 1, 7, 64, 1000}) {
      SCOPED_TRACE(fmt::format("{} threads, batch {}", threads, batch));
      EvalOptions options;
      options.threads = threads;
      options.batch = batch;
      std::atomic<std::int64_t> seen = 0;
      options.progress = [&](std::int64_t count) { seen += count; };
      expect_known_result(evaluate(program, dataset, indices, options));
      EXPECT_EQ(seen, items);
    }
  }
}

TEST(Evaluate, TakesModelsOfOneItemAndOfAFixedBatch) {
  const OneHot dataset;
  const std::vector<std::int64_t> indices = all_items(dataset);
  for (const SymbolicShape& input :
       {SymbolicShape{Dim(features)}, SymbolicShape{Dim(1), Dim(features)},
        SymbolicShape{Dim(4), Dim(features)}}) {
    SCOPED_TRACE(to_string(input));
    EvalOptions options;
    options.batch = 16;  // the model knows better
    expect_known_result(evaluate(make_program(input), dataset, indices, options));
  }
}

TEST(Evaluate, JudgesTheNamedOutputAndTheItemsAskedFor) {
  const OneHot dataset;
  const std::vector<std::int64_t> indices{5, 3, 200};
  EvalOptions options;
  options.output = "scores";
  options.top = 2;
  const Evaluation result = evaluate(make_program(open_batch()), dataset, indices, options);
  EXPECT_EQ(result.predictions, (std::vector<std::int32_t>{OneHot::class_of(5), OneHot::class_of(3),
                                                           OneHot::class_of(200)}));
  EXPECT_EQ(result.correct, (std::vector<std::uint8_t>{1, 0, 1}));
  options.output = "inverted";
  const Evaluation inverted = evaluate(make_program(open_batch()), dataset, indices, options);
  EXPECT_EQ(inverted.accuracy().correct, 0);
  options.output = "score";
  expect_error(ErrorCode::usage, "no output 'score', the model has scores, inverted",
               [&] { evaluate(make_program(open_batch()), dataset, indices, options); });
}

TEST(Evaluate, StopsEarlyWithAPrefix) {
  const OneHot dataset;
  const std::vector<std::int64_t> indices = all_items(dataset);
  std::atomic<bool> cancel = false;
  EvalOptions options;
  options.threads = 3;
  options.batch = 2;
  options.cancel = &cancel;
  std::atomic<std::int64_t> seen = 0;
  options.progress = [&](std::int64_t count) {
    if ((seen += count) >= 50) cancel = true;
  };
  const Evaluation result = evaluate(make_program(open_batch()), dataset, indices, options);
  EXPECT_FALSE(result.complete);
  EXPECT_GE(result.correct.size(), 40u);  // all but what other workers had not begun
  EXPECT_LT(result.correct.size(), std::size_t(items));
  EXPECT_EQ(result.correct.size(), result.predictions.size());
  for (std::size_t i = 0; i < result.correct.size(); ++i) {
    EXPECT_EQ(result.correct[i], OneHot::is_right(std::int64_t(i)));
  }
}

TEST(Evaluate, PassesOnWhatGoesWrongInWorkers) {
  const OneHot dataset(77);
  EvalOptions options;
  options.threads = 4;
  expect_error(ErrorCode::model, "item 77 is damaged",
               [&] { evaluate(make_program(open_batch()), dataset, all_items(dataset), options); });
}

TEST(Evaluate, SaysWhatDoesNotFit) {
  const OneHot dataset;
  ir::Graph other;
  other.outputs = {other.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(9)}})};
  expect_error(ErrorCode::usage, "items are f32[6], the model takes x f32[N,9]",
               [&] { make_feed(other, dataset, 1); });
  other.add_input("y", {DType::f32, {}});
  expect_error(ErrorCode::usage, "the model has 2 inputs, say which one",
               [&] { make_feed(other, dataset, 1); });
  const OneHot wide({}, 2);
  expect_error(ErrorCode::usage, "record 1 has class 5, the model's output has 4 scores",
               [&] { evaluate(make_program(open_batch()), wide, all_items(wide)); });
}

TEST(Evaluate, HoldsAMemoryBudget) {
  // Two values are alive at once, of which the output's own memory can hold one.
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, open_batch()});
  ir::Builder builder(graph);
  graph.outputs = {builder.op("Add", {builder.op("Neg", {x}), builder.op("Abs", {x})})};
  const auto program = runtime::Program::compile(std::move(graph), runtime::default_target());
  const OneHot dataset;
  EvalOptions options;
  options.memory_budget = 1 << 20;
  EXPECT_EQ(evaluate(program, dataset, all_items(dataset), options).classes, features);
  options.memory_budget = 1;
  expect_error(ErrorCode::usage, "",
               [&] { evaluate(program, dataset, all_items(dataset), options); });
}

TEST(Feed, SaysWhatDataMustBe) {
  ir::Graph graph;
  graph.add_input("x", {DType::f16, {Dim::symbol("N"), Dim(3), Dim(4)}});
  const data::DatasetOptions options = dataset_options(graph);
  EXPECT_EQ(options.dtype, DType::f16);
  EXPECT_EQ(options.item_shape, (Shape{3, 4}));
  graph.add_input("y", {DType::u8, {Dim(1), Dim::symbol("H")}});
  EXPECT_FALSE(dataset_options(graph, "y").item_shape);
  expect_error(ErrorCode::usage, "say which one", [&] { dataset_options(graph); });
  expect_error(ErrorCode::usage, "for input z", [&] { dataset_options(graph, "z"); });
}

TEST(Latency, QuantilesInterpolate) {
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(quantile({3}, 0.99), 3);
  EXPECT_EQ(quantile({1, 2, 4}, 0.5), 2);
  EXPECT_EQ(quantile({1, 2, 4}, 0.75), 3);
  EXPECT_EQ(quantile({1, 2, 4}, 1), 4);
  std::vector<double> runs(101);
  std::iota(runs.rbegin(), runs.rend(), 0.0);
  const Latency latency = summarize(runs);
  EXPECT_EQ(latency.p50, 50);
  EXPECT_EQ(latency.p90, 90);
  EXPECT_EQ(latency.p99, 99);
  EXPECT_EQ(latency.fastest, 0);
  EXPECT_EQ(latency.mean, 50);
}

TEST(Latency, TellsOfABusyMachine) {
  Latency even = summarize(std::vector<double>(100, 0.01));
  EXPECT_FALSE(busy_warning(even, 1));  // nothing known of processors
  even.processors = 0.99;
  EXPECT_FALSE(busy_warning(even, 1));
  even.processors = 0.45;
  ASSERT_TRUE(busy_warning(even, 1));
  EXPECT_NE(busy_warning(even, 1)->text.find("for only 45 % of the time"), std::string::npos);
  EXPECT_FALSE(busy_warning(even, 2));  // threads that wait for each other
  std::vector<double> uneven(100, 0.01);
  std::fill(uneven.begin(), uneven.begin() + 20, 0.03);
  ASSERT_TRUE(busy_warning(summarize(uneven), 2));
  EXPECT_NE(busy_warning(summarize(uneven), 2)->text.find("3.0 times the median"),
            std::string::npos);
  EXPECT_FALSE(busy_warning(Latency(), 1));
  const std::vector<double> few = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4};
  EXPECT_FALSE(busy_warning(summarize(few), 1));
}

TEST(Latency, CountsRunsAndStops) {
  const auto program = make_program({Dim(1), Dim(features)});
  Runner runner(runtime::Binding::bind(program, {}), std::make_shared<ThreadPool>(1));
  LatencyOptions options;
  options.warm_up_s = 0;
  options.seconds = 0;
  options.min_runs = 7;
  EXPECT_EQ(measure_latency(runner, options).runs.size(), 7u);
  const std::atomic<bool> cancel = true;
  options.cancel = &cancel;
  EXPECT_TRUE(measure_latency(runner, options).runs.empty());
}

TEST(Runner, TakesInputsAndShowsOutputs) {
  const auto program = make_program({Dim(1), Dim(features)});
  const auto binding = runtime::Binding::bind(program, {});
  const auto pool = std::make_shared<ThreadPool>(1);
  const Tensor input = Tensor::from<float>({1, features}, {1, 2, 3, 4, 5, 6});
  Runner runner(binding, pool, std::span(&input, 1));
  runner.run();
  EXPECT_EQ(runner.outputs()[0].to_float(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(runner.time_steps(3).size(), program->steps().size());
  const Tensor wrong = Tensor::zeros(DType::f32, {1});
  expect_error(ErrorCode::usage, "input of f32[1] given, f32[1,6] accepted",
               [&] { Runner(binding, pool, std::span(&wrong, 1)); });
}

}  // namespace
}  // namespace strata::eval
