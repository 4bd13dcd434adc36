#include "strata/ir/text.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "strata/ir/base64.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/graphs.hpp"

namespace strata::ir {
namespace {

using namespace testing;

TEST(Text, RandomGraphsReadBackIdentical) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Graph graph = random_graph(random, 1 + int(random.below(30)));
    verify(graph);
    const std::string text = to_text(graph);
    const Graph back = parse_text(text);
    verify(back);
    EXPECT_TRUE(identical(graph, back)) << text;
    EXPECT_EQ(to_text(back), text);
  }
}

TEST(Text, BitsOfNumbersSurvive) {
  const float nan = std::bit_cast<float>(0xffc12345u);
  const float inf = std::numeric_limits<float>::infinity();
  const float tiny = std::numeric_limits<float>::denorm_min();
  Graph graph;
  graph.add_constant("f32", Tensor::from<float>({7}, {nan, -inf, tiny, -0.0f, 0.1f, 1e30f, 3}));
  graph.add_constant("f64", Tensor::from<double>({3}, {0.1, 5e-324, -HUGE_VAL}));
  Half half_nan;
  half_nan.bits = 0x7e01;
  BFloat16 bfloat_nan;
  bfloat_nan.bits = 0xffc1;
  graph.add_constant("f16", Tensor::from<Half>({3}, {half_nan, Half(6e-8f), Half(-65504.0f)}));
  graph.add_constant("bf16", Tensor::from<BFloat16>({2}, {bfloat_nan, BFloat16(3e38f)}));
  graph.add_constant("bool", Tensor::from<bool>({2}, {true, false}));
  graph.add_constant("u64", Tensor::scalar(std::numeric_limits<std::uint64_t>::max()));
  graph.add_constant("i64", Tensor::scalar(std::numeric_limits<std::int64_t>::min()));
  graph.add_constant("empty", Tensor::zeros(DType::f32, {0, 3}));
  graph.add_constant("long", Tensor::zeros(DType::i16, {17}));
  const std::string text = to_text(graph);
  EXPECT_TRUE(identical(parse_text(text), graph)) << text;
}

/// The example of docs/graph.md reads as documented and prints as it stands there.
TEST(Text, DocumentedExampleIsCurrent) {
  std::ifstream file(STRATA_SOURCE_DIR "/docs/graph.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string all = page.str();
  const std::size_t begin = all.find("```\n") + 4;
  const std::string text = all.substr(begin, all.find("```", begin) - begin);
  const Graph graph = parse_text(text);
  verify(graph);
  EXPECT_EQ(to_text(graph), text);
}

TEST(Text, StatesAndSourcesSurvive) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1}));
  const ValueId read = graph.add_state("count", Tensor::from<float>({1}, {5}));
  graph.states[0].name = "the counter";
  graph.states[0].written = Builder(graph, {"a", "b\x01"}).op("Add", {read, x});
  const Graph back = parse_text(to_text(graph));
  EXPECT_TRUE(identical(back, graph)) << to_text(back);
  EXPECT_EQ(to_text(graph, {.constants = true, .sources = false}).find("from ["),
            std::string::npos);
}

TEST(Text, DifferencesAreSeen) {
  Random random(7);
  const Graph graph = random_graph(random, 10);
  Graph other = graph;
  other.rename(other.outputs[0], "renamed");
  EXPECT_FALSE(identical(graph, other));
  other = graph;
  add_sources(other.node(other.order()[0]).sources, {"elsewhere"});
  EXPECT_FALSE(identical(graph, other));
  EXPECT_TRUE(identical(graph, Graph(graph)));
}

TEST(Text, RefusesWhatIsWrong) {
  std::ifstream file(STRATA_SOURCE_DIR "/tests/ir/rejected.txt");
  ASSERT_TRUE(file);
  std::vector<std::pair<std::string, std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("--- ")) {
      cases.emplace_back(line.substr(4), "");
    } else if (!cases.empty()) {
      cases.back().second += line + "\n";
    }
  }
  EXPECT_GT(cases.size(), 30u);
  for (const auto& [expected, text] : cases) {
    const std::string error = error_of([&] { parse_text(text); });
    EXPECT_NE(error.find(expected), std::string::npos)
        << "expected: " << expected << "\nerror:    " << error << "\n"
        << text;
    EXPECT_EQ(error.find("line "), 0u) << error;
  }
}

TEST(Text, NestingIsLimited) {
  const auto nested = [](int depth) {
    std::string text = "graph \"0\" {\n";
    for (int i = 1; i < depth; ++i) {
      text += "input %x: f32[2]\n%y: f32[2] = strata.Fused \"f\" (%x) {body = graph \"\" {\n";
    }
    text += "input %x: f32[2]\n%y: f32[2] = Relu \"r\" (%x) output %y\n";
    for (int i = 1; i < depth; ++i) text += "}} output %y\n";
    return text + "}";
  };
  parse_text(nested(64));
  EXPECT_NE(error_of([&] { parse_text(nested(65)); }).find("graphs nested deeper than 64"),
            std::string::npos);
  EXPECT_NE(error_of([&] { parse_text(nested(100'000)); }).find("nested deeper"),
            std::string::npos);
}

/// Every prefix and many one-byte changes of a text give a graph or an Error.
TEST(Text, DamagedTextIsHarmless) {
  Random random(3);
  const std::string text = to_text(random_graph(random, 12));
  for (std::size_t size = 0; size < text.size(); size += 7) {
    EXPECT_FALSE(error_of([&] { parse_text(text.substr(0, size)); }).empty()) << size;
  }
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = text;
    damaged[random.below(damaged.size())] = char(random.below(256));
    error_of([&] { verify(parse_text(damaged)); });
  }
}

/// RFC 4648, section 10.
TEST(Base64, PublishedVectors) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [raw, encoded] : vectors) {
    EXPECT_EQ(to_base64(std::as_bytes(std::span(raw))), encoded);
    const auto back = from_base64(encoded);
    ASSERT_TRUE(back);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(back->data()), back->size()), raw);
  }
  for (const char* bad : {"Z", "Zg=", "Zh==", "Zm9=", "=m9v", "Zm9v=", "Z*9v", "Zg==Zg=="}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

}  // namespace
}  // namespace strata::ir
