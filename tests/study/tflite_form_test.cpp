#include "strata/study/tflite_form.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "strata/base/random.hpp"
#include "strata/compress/quantize/post_training.hpp"
#include "strata/data/dataset.hpp"
#include "strata/data/split.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/session.hpp"

namespace strata::study {
namespace {

/// The demo's network on integers, in ONNX's arithmetic.
ir::Graph quantized_demo() {
  const std::filesystem::path folder = std::filesystem::path(STRATA_SOURCE_DIR) / "demo/kws";
  ir::Graph graph = formats::load(folder / "kws_dscnn_fp32.onnx");
  const auto dataset = data::open_dataset(folder, eval::dataset_options(graph));
  const auto items = data::spread(eval::all_items(*dataset), 16);
  const auto made = compress::quantize_post_training(std::move(graph), *dataset, items, {});
  return compress::quantized(made.original, made.plan);
}

std::vector<Tensor> inputs() {
  std::vector<Tensor> list;
  Random random(4);
  for (int i = 0; i < 8; ++i) {
    Tensor x = Tensor::zeros(DType::f32, {1, 1, 49, 10});
    for (float& e : x.mutable_data<float>()) e = float(40 * random.normal());
    list.push_back(x);
  }
  return list;
}

TEST(TfliteForm, IsWhatReadingTheFileComputes) {
  const ir::Graph graph = quantized_demo();
  const TfliteForm form = tflite_form(graph);
  const ir::Graph read = formats::load(std::as_bytes(std::span(*form.bytes)));
  runtime::Session session(form.graph);
  for (const Tensor& x : inputs()) {
    const Tensor expected = ir::interpret(read, std::span(&x, 1))[0];
    EXPECT_TRUE(identical(ir::interpret(form.graph, std::span(&x, 1))[0], expected));
    EXPECT_TRUE(session.run(std::span(&x, 1))[0].shape() == expected.shape());
  }
  // Written once more, the file says the same.
  const TfliteForm again = tflite_form(form.graph);
  for (const Tensor& x : inputs()) {
    EXPECT_TRUE(identical(ir::interpret(form.graph, std::span(&x, 1))[0],
                          ir::interpret(again.graph, std::span(&x, 1))[0]));
  }
}

TEST(TfliteForm, NodesAreNamedAsTheUserNamesThem) {
  const ir::Graph graph = quantized_demo();
  const TfliteForm form = tflite_form(graph);
  std::size_t integers = 0;
  for (const ir::NodeId id : form.graph.order()) {
    const ir::Node& node = form.graph.node(id);
    if (!node.op->name.starts_with("QLinear")) continue;
    ++integers;
    const auto arithmetic = node.attributes.string("arithmetic", "onnx");
    EXPECT_TRUE(arithmetic == "tflite_xnnpack" || arithmetic == "tflite_optimized") << node.name;
    const auto same = graph.find_node(node.name);
    ASSERT_TRUE(same) << node.name;
    // Averages that change the grid are written as convolutions.
    if (graph.node(*same).op->name != "QLinearAveragePool") {
      EXPECT_EQ(graph.node(*same).op->name, node.op->name);
    }
    EXPECT_EQ(graph.node(*same).sources, node.sources);
  }
  EXPECT_GE(integers, 10u);
}

// What was fused for running, as in containers with packed weights, has a form all the same.
TEST(TfliteForm, TakesFusionsApart) {
  ir::Graph graph =
      formats::load(std::filesystem::path(STRATA_SOURCE_DIR) / "demo/kws/kws_dscnn_fp32.onnx");
  ir::optimize(graph);
  const auto fused = [](const ir::Graph& of) {
    return std::ranges::any_of(of.order(),
                               [&](ir::NodeId id) { return of.node(id).op->name == "Fused"; });
  };
  ASSERT_TRUE(fused(graph));
  EXPECT_FALSE(fused(sized_for_tflite(graph)));
  EXPECT_FALSE(tflite_form(graph).bytes->empty());
}

TEST(TfliteForm, BindsSizes) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 3}});
  graph.outputs = {ir::Builder(graph).op("Relu", {x})};
  const ir::TensorType one{DType::f32, {1, 3}}, two{DType::f32, {2, 3}};
  EXPECT_EQ(sized_for_tflite(graph).value(graph.inputs[0]).type, one);
  DimValues dims;
  dims.set("N", 2);
  const TfliteForm form = tflite_form(graph, dims);
  EXPECT_EQ(form.graph.value(form.graph.inputs[0]).type, two);
}

}  // namespace
}  // namespace strata::study
