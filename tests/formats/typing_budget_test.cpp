#include <gtest/gtest.h>

#include "strata/base/error.hpp"
#include "strata/formats/load.hpp"
#include "tests/formats/model_writer.hpp"

// What files may make of typing bodies of control flow.
namespace strata::formats::onnx {
namespace {

using test::Model;

/// The body of a loop with `depth` loops inside, each of which swaps two values of different sizes:
/// so it is typed again until their extents are open.
MessageWriter swapping(int depth) {
  Model body;
  body.input("i", DType::i64, {}).input("goes_on", DType::boolean, {});
  body.input("a", DType::f32, {1}).input("b", DType::f32, {2});
  std::string_view first = "b", second = "a";
  if (depth > 0) {
    test::Attributes inner;
    inner.push_back(swapping(depth - 1));
    body.node("Loop", {"i", "goes_on", "b", "a"}, {"p", "q"}, std::move(inner));
    first = "p";
    second = "q";
  }
  body.node("Identity", {"goes_on"}, {"goes_on_next"});
  body.node("Identity", {first}, {"a_next"}).node("Identity", {second}, {"b_next"});
  body.output("goes_on_next").output("a_next").output("b_next");
  return body.as_attribute("body");
}

std::string loops(int count, int depth) {
  Model model;
  model.input("trips", DType::i64, {}).input("goes_on", DType::boolean, {});
  model.input("a", DType::f32, {1}).input("b", DType::f32, {2});
  for (int i = 0; i < count; ++i) {
    test::Attributes body;
    body.push_back(swapping(depth));
    const std::string p = fmt::format("p{}", i), q = fmt::format("q{}", i);
    model.node("Loop", {"trips", "goes_on", "a", "b"}, {p, q}, std::move(body));
    model.output(p).output(q);
  }
  return model.bytes(17);
}

ir::Graph loaded(const std::string& bytes) {
  return formats::load(std::as_bytes(std::span(bytes)));
}

TEST(TypingBudget, IsOneForAllLoopsOfAFile) {
  EXPECT_EQ(loaded(loops(1, 4)).order().size(), 1u);
  // A megabyte of them, none of which alone is beyond what a file may ask for.
  const std::string hostile = loops(400, 6);
  EXPECT_LT(hostile.size(), std::size_t(2) << 20);
  try {
    loaded(hostile);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported) << error.what();
    EXPECT_NE(std::string_view(error.what()).find("typing the bodies"), std::string_view::npos)
        << error.what();
  }
  // The next file has a budget of its own.
  EXPECT_EQ(loaded(loops(1, 4)).order().size(), 1u);
}

TEST(TypingBudget, IsEnoughForManyPlainLoops) {
  EXPECT_EQ(loaded(loops(2000, 0)).order().size(), 2000u);
}

}  // namespace
}  // namespace strata::formats::onnx
