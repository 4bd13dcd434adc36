// Networks of codes: kernels of every instruction set give the bits of the interpreter, whatever
// the arithmetic, the layouts chosen and the number of threads.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using ir::ValueId;
using Ints = std::vector<std::int64_t>;

/// Builds networks of codes with seeded weights; each value is on a grid of its own.
class CodeNet {
 public:
  CodeNet(DType type, std::string arithmetic)
      : type_(type), arithmetic_(std::move(arithmetic)), builder_(graph), random_(5) {}

  ValueId input(SymbolicShape shape) { return graph.add_input("", {type_, std::move(shape)}); }

  ValueId conv(ValueId x, std::int64_t out, std::int64_t kernel, std::int64_t stride,
               std::int64_t groups) {
    const std::int64_t channels = graph.value(x).type.shape[1].constant();
    const std::int64_t pad = kernel / 2;
    Tensor w = Tensor::zeros(DType::i8, {out, channels / groups, kernel, kernel});
    for (std::int8_t& code : w.mutable_data<std::int8_t>()) {
      code = std::int8_t(random_.below(256));
    }
    Tensor scales = Tensor::zeros(DType::f32, {out});
    const double spread = std::sqrt(double(channels / groups * kernel * kernel));
    for (float& scale : scales.mutable_data<float>()) {
      scale = float((0.5 + random_.uniform()) / spread / 128);
    }
    Tensor bias = Tensor::zeros(DType::i32, {out});
    for (std::int32_t& b : bias.mutable_data<std::int32_t>()) {
      b = std::int32_t(random_.below(6000)) - 3000;
    }
    const ValueId weights = builder_.constant(std::move(w));
    const ValueId zero = builder_.constant(Tensor::zeros(DType::i8, {out}));
    return op("QLinearConv",
              {x, scale(), zero_point(), weights, builder_.constant(std::move(scales)), zero,
               scale(), zero_point(), builder_.constant(std::move(bias))},
              {{"kernel_shape", Ints{kernel, kernel}},
               {"strides", Ints{stride, stride}},
               {"pads", Ints{pad, pad, pad, pad}},
               {"group", groups}});
  }
  ValueId add(ValueId a, ValueId b) {
    return op("strata.QLinearAdd",
              {a, scale(), zero_point(), b, scale(), zero_point(), scale(), zero_point()});
  }
  ValueId op(std::string_view name, std::vector<ValueId> in, ir::Attributes attributes = {}) {
    if (name.starts_with("QLinear") || name.starts_with("strata.QLinear")) {
      attributes.set("arithmetic", arithmetic_);
    }
    return builder_.op(name, std::move(in), std::move(attributes));
  }
  ValueId scale() {
    return builder_.constant(Tensor::scalar(float(0.02 + 0.01 * random_.uniform())));
  }
  ValueId zero_point() {
    const int offset = int(random_.below(19)) - 9;
    return builder_.constant(type_ == DType::i8 ? Tensor::scalar(std::int8_t(offset))
                                                : Tensor::scalar(std::uint8_t(128 + offset)));
  }

  ir::Graph graph;

 private:
  DType type_;
  std::string arithmetic_;
  ir::Builder builder_;
  Random random_;
};

/// A stem, depthwise and pointwise layers, a residual, a grouped layer, a concatenation, pools and
/// functions of codes.
ir::Graph network(DType type, const std::string& arithmetic) {
  CodeNet net(type, arithmetic);
  ValueId x = net.conv(net.input({Dim::symbol("N"), 3, 22, 19}), 24, 3, 2, 1);
  ValueId y = net.conv(x, 40, 1, 1, 1);
  y = net.conv(net.conv(y, 40, 3, 1, 40), 24, 1, 1, 1);
  x = net.add(x, y);
  y = net.op("MaxPool", {net.conv(x, 12, 3, 1, 4)},
             {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}});
  y = net.op("strata.QLinearHardSwish",
             {y, net.scale(), net.zero_point(), net.scale(), net.zero_point()});
  const ValueId of_x = net.scale(), zero_of_x = net.zero_point();
  x = net.op("strata.QLinearConcat",
             {of_x, zero_of_x, x, of_x, zero_of_x, y, net.scale(), net.zero_point()},
             {{"axis", std::int64_t(1)}});
  x = net.conv(x, 36, 5, 2, 1);
  const ValueId scale = net.scale(), zero = net.zero_point();
  x = net.op("strata.QLinearAveragePool", {x, scale, zero, scale, zero},
             {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}});
  x = net.op("strata.QLinearReduceMean",
             {x, net.scale(), net.zero_point(), net.scale(), net.zero_point()},
             {{"axes", Ints{2, 3}}, {"keepdims", std::int64_t(0)}});
  net.graph.outputs = {x};
  ir::infer_types(net.graph);
  return std::move(net.graph);
}

Tensor random_codes(DType type, const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  Tensor codes = Tensor::zeros(type, shape);
  auto* bytes = static_cast<std::uint8_t*>(codes.mutable_raw());
  for (std::int64_t i = 0; i < codes.elements(); ++i) {
    bytes[i] = std::uint8_t(random.below(256));
  }
  return codes;
}

bool runs_reference(const Session& session) {
  return std::ranges::any_of(session.program().steps(),
                             [](const Step& step) { return step.row->name == "reference"; });
}

TEST(Codes, KernelsOfEveryInstructionSetGiveTheBitsOfTheInterpreter) {
  for (const DType type : {DType::u8, DType::i8}) {
    for (const std::string arithmetic :
         {"onnx", "tflite_reference", "tflite_optimized", "tflite_xnnpack"}) {
      const ir::Graph graph = network(type, arithmetic);
      const Tensor x = random_codes(type, {2, 3, 22, 19}, 9);
      const Tensor expected = ir::interpret(graph, std::span(&x, 1))[0];
      for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx2 | Isa::avx512,
                            Isa::avx2 | Isa::avx512 | Isa::avx512_vnni}) {
        if (!has_isa(detected_isa(), isa)) continue;
        SCOPED_TRACE(std::string(to_string(type)) + " " + arithmetic + " " + to_string(isa));
        SessionOptions options;
        options.target.isa = isa;
        options.threads = 1;
        Session one(graph, options);
        EXPECT_TRUE(identical(one.run(std::span(&x, 1))[0], expected));
        EXPECT_FALSE(runs_reference(one));
        options.threads = 3;
        Session three(graph, options);
        EXPECT_TRUE(identical(three.run(std::span(&x, 1))[0], expected)) << "3 threads";
      }
    }
  }
}

TEST(Codes, MatricesOfActivations) {
  for (const std::string arithmetic : {"onnx", "tflite_reference"}) {
    CodeNet net(DType::i8, arithmetic);
    const ValueId a = net.input({3, 7, 20}), b = net.input({3, 20, 33});
    const ValueId y = net.op("QLinearMatMul", {a, net.scale(), net.zero_point(), b, net.scale(),
                                               net.zero_point(), net.scale(), net.zero_point()});
    net.graph.outputs = {y};
    ir::infer_types(net.graph);
    const Tensor inputs[] = {random_codes(DType::i8, {3, 7, 20}, 1),
                             random_codes(DType::i8, {3, 20, 33}, 2)};
    const Tensor expected = ir::interpret(net.graph, inputs)[0];
    Session session(net.graph, {});
    EXPECT_TRUE(identical(session.run(inputs)[0], expected)) << arithmetic;
    EXPECT_FALSE(runs_reference(session)) << arithmetic;
  }
}

/// Numbers between layers, codes within: an image's grid, grids of pixels, groups, blocks of
/// channels where convolutions of numbers stand between.
ir::Graph hybrid_network(const std::string& arithmetic) {
  testing::Net net(3);
  const auto dynamic = [&](ValueId x, Shape shape, ir::Attributes attributes, bool per_channel) {
    Random random(std::uint64_t(shape.elements()));
    Tensor w = Tensor::zeros(DType::i8, shape);
    for (std::int8_t& code : w.mutable_data<std::int8_t>()) code = std::int8_t(random.below(256));
    Tensor scales = Tensor::zeros(DType::f32, {per_channel ? shape[0] : 1});
    for (float& scale : scales.mutable_data<float>()) {
      scale = float(0.01 * (0.5 + random.uniform()));
    }
    attributes.set("arithmetic", arithmetic);
    const auto bias = net.builder().constant(testing::random_tensor({shape[0]}, 9, 0.1));
    return net.op(shape.rank() == 2 ? "strata.DynamicQuantGemm" : "strata.DynamicQuantConv",
                  {x, net.builder().constant(std::move(w)), net.builder().constant(scales), bias},
                  std::move(attributes));
  };
  ValueId x = net.input({Dim::symbol("N"), 1, 17, 12});
  x = net.relu(
      dynamic(x, {40, 1, 4, 3}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 0}}}, true));
  x = net.relu(net.conv(x, 40, 3, 1, 40));
  x = dynamic(x, {48, 40, 1, 1}, {}, true);
  x = dynamic(x, {24, 12, 3, 3}, {{"group", std::int64_t(4)}, {"pads", Ints{1, 1, 1, 1}}}, false);
  x = net.op("Flatten", {net.op("GlobalAveragePool", {x})});
  net.graph.outputs = {dynamic(x, {11, 24}, {}, false)};
  ir::infer_types(net.graph);
  return std::move(net.graph);
}

TEST(Codes, MadeOnTheFly) {
  for (const std::string arithmetic : {"tflite_reference", "tflite_optimized", "tflite_xnnpack"}) {
    const ir::Graph graph = hybrid_network(arithmetic);
    const Tensor x = testing::random_tensor({2, 1, 17, 12}, 4, 1);
    std::vector<Tensor> results;
    for (const int threads : {1, 3}) {
      SessionOptions options;
      options.threads = threads;
      Session session(graph, options);
      results.push_back(session.run(std::span(&x, 1))[0]);
      EXPECT_FALSE(runs_reference(session)) << arithmetic;
    }
    EXPECT_TRUE(identical(results[0], results[1])) << arithmetic;
  }
}

}  // namespace
}  // namespace strata::runtime
