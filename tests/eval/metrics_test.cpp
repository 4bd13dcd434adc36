#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/data/npy.hpp"
#include "strata/eval/agreement.hpp"
#include "strata/eval/measure.hpp"
#include "strata/eval/metric.hpp"
#include "strata/ir/builder.hpp"
#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::eval {
namespace {

/// Items with these elements.
class Rows : public data::Dataset {
 public:
  Rows(Shape shape, std::vector<std::vector<float>> rows, std::vector<std::int32_t> labels = {})
      : Dataset(make(shape, rows.size(), std::move(labels))), rows_(std::move(rows)) {}
  void read(std::int64_t index, void* out) const override {
    std::ranges::copy(rows_[std::size_t(index)], static_cast<float*>(out));
  }

 private:
  static About make(const Shape& shape, std::size_t size, std::vector<std::int32_t> labels) {
    About about;
    about.size = std::int64_t(size);
    about.item_shape = shape;
    about.labels = std::move(labels);
    return about;
  }
  std::vector<std::vector<float>> rows_;
};

SymbolicShape batched(const Shape& item) {
  SymbolicShape shape{Dim::symbol("N")};
  for (const std::int64_t extent : item) shape.push_back(Dim(extent));
  return shape;
}

/// A model of one op.
runtime::Session model(const Shape& item, std::string_view op) {
  ir::Graph graph;
  ir::Builder builder(graph);
  const ir::ValueId x = graph.add_input("x", {DType::f32, batched(item)});
  graph.outputs = {builder.op(op, {x})};
  graph.rename(graph.outputs[0], "y");
  return runtime::Session(std::move(graph));
}

std::vector<Figure> measure(std::string_view metric, const runtime::Session& session,
                            const data::Dataset& dataset, const std::filesystem::path& truth = {}) {
  EvalOptions options;
  options.threads = 2;
  options.batch = 2;
  const std::vector<std::int64_t> indices = all_items(dataset);
  const ItemRun run(session, dataset, options);
  const MetricInputs inputs{.run = run,
                            .indices = indices,
                            .output = 0,
                            .truth = truth,
                            .input_grid = {},
                            .output_grids = std::vector<std::optional<Grid>>(8)};
  const auto made = find_metric(metric).make(inputs);
  const std::size_t finished =
      run.run(indices, [&](const ItemResult& result) { made->judge(result); });
  return made->figures(finished);
}

TEST(Metrics, AreFoundByName) {
  for (const MetricDef* metric : all_metrics()) {
    EXPECT_EQ(&find_metric(metric->name), metric);
    EXPECT_FALSE(metric->summary.empty());
  }
  expect_error(ErrorCode::usage, "no metric 'top2', there are top1, top5, auc, miou, map",
               [] { find_metric("top2"); });
}

TEST(Metrics, TopKCountsLabelsAmongTheBest) {
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 6; ++i) {
    rows.push_back({0, 1, 2, 3, 4, 5});
  }
  const Rows dataset({6}, rows, {0, 1, 2, 3, 4, 5});
  const runtime::Session session = model({6}, "Identity");
  EXPECT_EQ(measure("top1", session, dataset)[0].counted->correct, 1);
  EXPECT_EQ(measure("top5", session, dataset)[0].counted->correct, 5);
  expect_error(ErrorCode::usage, "the data have no labels",
               [&] { measure("top1", session, Rows({6}, rows)); });
}

TEST(Metrics, AucTakesOneScoreTwoOrTheReconstruction) {
  const Rows one({1}, {{-1}, {3}, {2}, {-5}}, {1, 0, 0, 1});
  EXPECT_EQ(measure("auc", model({1}, "Neg"), one)[0].value, 1);
  const Rows two({2}, {{0, 1}, {3, 0}, {0, 2}, {1, 0}}, {1, 0, 1, 0});
  EXPECT_EQ(measure("auc", model({2}, "Identity"), two)[0].value, 1);
  // Relu reconstructs what is not negative.
  const Rows odd({3}, {{1, 2, 3}, {4, 5, 0}, {-1, 2, 0}, {1, -3, 1}}, {0, 0, 1, 1});
  const auto figures = measure("auc", model({3}, "Relu"), odd);
  EXPECT_EQ(figures[0].value, 1);
  EXPECT_NE(figures[0].basis.find("reconstruction"), std::string::npos) << figures[0].basis;
  expect_error(ErrorCode::usage, "all 2 items are of one class", [&] {
    measure("auc", model({1}, "Neg"), Rows({1}, {{1}, {2}}, {1, 1}));
  });
}

TEST(Metrics, MeanIouComparesMasks) {
  // Two classes, [class, height, width]; the second item has one pixel of two wrong, and one that
  // does not count.
  const Rows dataset({2, 1, 3}, {{9, 0, 9, 0, 9, 0}, {9, 9, 9, 0, 0, 0}});
  const data::Folder folder;
  data::write_npy(folder / "m.npy", Tensor::from<std::uint8_t>({2, 1, 3}, {0, 1, 0, 0, 1, 255}));
  const auto figures = measure("miou", model({2, 1, 3}, "Identity"), dataset, folder / "m.npy");
  // Class 0: 3 of 4 pixels; class 1: 1 of 2.
  EXPECT_EQ(figures[0].value, (3.0 / 4 + 1.0 / 2) / 2);
  EXPECT_EQ(figures[1].value, 4.0 / 5);
  EXPECT_TRUE(figures[0].interval);
  expect_error(ErrorCode::usage, "no masks: give them as --truth", [&] {
    measure("miou", model({2, 1, 3}, "Identity"), dataset);
  });
  data::write_npy(folder / "m.npy", Tensor::from<std::uint8_t>({1, 1, 3}, {0, 1, 0}));
  expect_error(ErrorCode::model, "integers [2,height,width] expected", [&] {
    measure("miou", model({2, 1, 3}, "Identity"), dataset, folder / "m.npy");
  });
}

TEST(Metrics, MeanIouTakesClassMapsOfOtherSizes) {
  const Rows dataset({1, 1, 2}, {{0, 1}});
  const data::Folder folder;
  data::write_npy(folder / "m.npy",
                  Tensor::from<std::int64_t>({1, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 0}));
  const auto figures = measure("miou", model({1, 1, 2}, "Identity"), dataset, folder / "m.npy");
  EXPECT_EQ(figures[0].value, (4.0 / 5 + 3.0 / 4) / 2);
}

/// A detector whose outputs are parts of its input: two boxes, their classes, scores, how many.
runtime::Session detector() {
  ir::Graph graph;
  ir::Builder builder(graph);
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(1), Dim(13)}});
  const auto part = [&](std::int64_t from, std::int64_t to) {
    return builder.op("Slice",
                      {x, builder.integers({from}), builder.integers({to}), builder.integers({1})});
  };
  graph.outputs = {builder.op("Reshape", {part(0, 8), builder.integers({1, 2, 4})}), part(8, 10),
                   part(10, 12), part(12, 13)};
  return runtime::Session(std::move(graph));
}

TEST(Metrics, AveragePrecisionReadsDetectors) {
  // y before x; the second box of the first item does not count, as it says one.
  const Rows dataset({13}, {{0, 0, 1, 0.5f, 0, 0, 0, 0, 7, 0, 0.9f, 0.8f, 1},
                            {0, 0, 1, 1, 0, 0.5f, 1, 1, 1, 7, 0.9f, 0.8f, 2}});
  const data::Folder folder;
  const auto truth = folder.add("t.csv",
                                "item,class,left,top,right,bottom\n"
                                "record 0,7,0,0,0.5,1\n1,7,0.5,0,1,1\n");
  const auto figures = measure("map", detector(), dataset, truth);
  EXPECT_NEAR(figures[0].value, 1, 1000 * std::numeric_limits<double>::epsilon());
  EXPECT_NE(figures[0].basis.find("2 boxes of 1 classes in 2 items"), std::string::npos);
  expect_error(ErrorCode::usage, "which outputs are boxes and scores?",
               [&] { measure("map", model({13}, "Neg"), dataset, truth); });
}

TEST(Agreement, ComparesPredictionsAndOutputs) {
  const Rows dataset({3}, {{1, 2, 3}, {3, 1, 2}, {-4, 1, 0}}, {2, 0, 1});
  const EvalOptions options;
  const runtime::Session original = model({3}, "Identity"), other = model({3}, "Abs");
  const ItemRun a(original, dataset, options), b(other, dataset, options);
  const std::vector<std::int64_t> indices = all_items(dataset);
  const Agreement same = compare_outputs({a, 0, {}}, {a, 0, {}}, indices);
  EXPECT_EQ(same.predictions.correct, 3);
  EXPECT_EQ(same.relative_error, 0);
  EXPECT_TRUE(std::isinf(same.sqnr_db()));
  const Agreement result = compare_outputs({a, 0, {}}, {b, 0, {}}, indices);
  EXPECT_EQ(result.predictions.correct, 2);
  EXPECT_EQ(result.predictions.count, 3);
  EXPECT_EQ(result.largest_difference, 8);
  EXPECT_EQ(result.largest_value, 4);
  EXPECT_EQ(result.relative_error, std::sqrt(64.0 / 45));
  EXPECT_EQ(result.reference->correct, 3);
  EXPECT_EQ(result.model->correct, 2);
  EXPECT_EQ(result.drop.lost, 1);
  // Codes on a grid are compared as what they stand for.
  const Agreement halved = compare_outputs({a, 0, {}}, {a, 0, Grid{0.5f, 0}}, indices);
  EXPECT_EQ(halved.predictions.correct, 3);
  EXPECT_EQ(halved.relative_error, 0.5);
  const Rows unlabelled({3}, {{1, 2, 3}});
  const ItemRun c(original, unlabelled, options);
  EXPECT_FALSE(compare_outputs({c, 0, {}}, {c, 0, {}}, all_items(unlabelled)).model);
  expect_error(ErrorCode::usage, "3 items for the reference, 1 for the model", [&] {
    compare_outputs({a, 0, {}}, {c, 0, {}}, all_items(unlabelled));
  });
}

TEST(Measure, IsAgreementWhereThereAreNoLabels) {
  Evaluation original, version;
  original.predictions = {1, 2, 3};
  version.predictions = {1, 0, 3};
  original.correct = {1, 0, 1};
  version.correct = {1, 1, 1};
  const Measure by_labels(Rows({1}, {{0}}, {0}));
  EXPECT_EQ(by_labels.name(), "top-1");
  EXPECT_EQ(by_labels.right(original, version), version.correct);
  const Measure by_original(Rows({1}, {{0}}));
  EXPECT_FALSE(by_original.by_labels());
  EXPECT_EQ(by_original.right(original, version), (std::vector<std::uint8_t>{1, 0, 1}));
}

}  // namespace
}  // namespace strata::eval
