// Ops of com.microsoft: results against numbers worked out by hand, and what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "strata/formats/load.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/formats/model_writer.hpp"

namespace strata::formats::onnx::test {
namespace {

using Floats = std::vector<float>;

constexpr std::string_view microsoft = "com.microsoft";

ir::Graph load_bytes(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }
Tensor floats(Shape shape, Floats values) { return Tensor::from<float>(shape, values); }

template <class... Writer>
Attributes list(Writer&&... writer) {
  Attributes attributes;
  (attributes.push_back(std::move(writer)), ...);
  return attributes;
}

Floats run(Model& model, const std::vector<Tensor>& inputs) {
  return ir::interpret(load_bytes(model.bytes(17)), inputs).at(0).to_float();
}

std::string error_of(Model& model) {
  try {
    load_bytes(model.bytes(17));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Microsoft, QuickGelu) {
  Model model;
  model.input("x", DType::f32, {1})
      .node("QuickGelu", {"x"}, {"z"}, list(real("alpha", 2)), "q", microsoft)
      .output("z");
  EXPECT_FLOAT_EQ(run(model, {floats({1}, {0.5f})})[0], 0.5f / (1 + std::exp(-1.0f)));
}

TEST(Microsoft, FusedMatMulTurnsScalesAndMultiplies) {
  Model model;
  model.input("x", DType::f32, {2, 1})
      .input("y", DType::f32, {3, 2})
      .node("FusedMatMul", {"x", "y"}, {"z"},
            list(integer("transA", 1), integer("transB", 1), real("alpha", 0.5f)), "m", microsoft)
      .output("z");
  EXPECT_EQ(run(model, {floats({2, 1}, {1, 2}), floats({3, 2}, {1, 0, 0, 1, 1, 1})}),
            (Floats{0.5f, 1, 1.5f}));
}

TEST(Microsoft, FusedConvAddsAndActivates) {
  Model model;
  model.input("x", DType::f32, {1, 1, 3})
      .input("y", DType::f32, {1, 1, 3})
      .initializer("w", floats({1, 1, 1}, {2}))
      .node("FusedConv", {"x", "w", "", "y"}, {"z"},
            list(text("activation", "Clip"), reals("activation_params", {0, 5})), "c", microsoft)
      .output("z");
  EXPECT_EQ(run(model, {floats({1, 1, 3}, {-1, 1, 3}), floats({1, 1, 3}, {1, 1, 1})}),
            (Floats{0, 3, 5}));
}

TEST(Microsoft, SkipRmsNormalizationGivesTheSumToo) {
  Model model;
  model.input("x", DType::f32, {1, 1, 2})
      .input("y", DType::f32, {1, 1, 2})
      .initializer("g", floats({2}, {1, 10}))
      .node("SkipSimplifiedLayerNormalization", {"x", "y", "g"}, {"n", "", "", "s"}, {}, "k",
            microsoft)
      .node("Concat", {"n", "s"}, {"z"}, list(integer("axis", 2)))
      .output("z");
  const Floats z = run(model, {floats({1, 1, 2}, {1, 1}), floats({1, 1, 2}, {2, -4})});
  const float root = std::sqrt(9.0f);  // of the mean of 9 and 9
  EXPECT_FLOAT_EQ(z[0], 3 / root);
  EXPECT_FLOAT_EQ(z[1], -30 / root);
  EXPECT_EQ(z[2], 3);
  EXPECT_EQ(z[3], -3);
}

// Codes 0 to 15 twice over, less 8, times 0.5 and 2 in their two rows.
TEST(Microsoft, MatMulOfFourBits) {
  std::vector<std::uint8_t> codes;
  for (int i = 0; i < 16; ++i)
    codes.push_back(std::uint8_t((2 * i % 16) | ((2 * i + 1) % 16 << 4)));
  Model model;
  Floats x(16, 0);
  x[1] = 1, x[15] = 10;
  model.input("x", DType::f32, {1, 16})
      .initializer("b", Tensor::from<std::uint8_t>({2, 1, 8}, codes))
      .initializer("s", floats({2, 1}, {0.5f, 2}))
      .node("MatMulNBits", {"x", "b", "s"}, {"z"},
            list(integer("K", 16), integer("N", 2), integer("block_size", 16)), "m", microsoft)
      .output("z");
  EXPECT_EQ(run(model, {floats({1, 16}, x)}), (Floats{-3.5f + 35, -14 + 140}));
}

TEST(Microsoft, WhatIsWrongIsSaid) {
  Model activation;
  activation.input("x", DType::f32, {1, 1, 3})
      .initializer("w", floats({1, 1, 1}, {2}))
      .node("FusedConv", {"x", "w"}, {"z"}, list(text("activation", "Swoosh")), "c", microsoft)
      .output("z");
  EXPECT_NE(error_of(activation).find("activation Swoosh; accepted: Clip"), std::string::npos);

  Model bits;
  bits.input("x", DType::f32, {1, 16})
      .initializer("b", Tensor::from<std::uint8_t>({1}, {1}))
      .initializer("s", floats({2, 1}, {0.5f, 2}))
      .node("MatMulNBits", {"x", "b", "s"}, {"z"},
            list(integer("K", 16), integer("N", 2), integer("block_size", 16)), "m", microsoft)
      .output("z");
  EXPECT_NE(error_of(bits).find("B has 1 elements, expected 2 * 8"), std::string::npos);

  Model mean;
  mean.input("x", DType::f32, {1, 1, 2})
      .initializer("g", floats({2}, {1, 10}))
      .node("SkipLayerNormalization", {"x", "x", "g"}, {"n", "z"}, {}, "k", microsoft)
      .output("z");
  EXPECT_NE(error_of(mean).find("output 1 is used, but not supported"), std::string::npos);

  Model unknown;
  unknown.input("x", DType::f32, {1}).node("Swoosh", {"x"}, {"z"}, {}, "s", microsoft).output("z");
  EXPECT_NE(error_of(unknown).find("com.microsoft.Swoosh (1 node, first s)"), std::string::npos);
}

}  // namespace
}  // namespace strata::formats::onnx::test
