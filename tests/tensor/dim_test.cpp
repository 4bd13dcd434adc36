#include "strata/tensor/dim.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/tensor/expect_error.hpp"

namespace strata {
namespace {

const Dim n = Dim::symbol("N"), m = Dim::symbol("M"), h = Dim::symbol("H");

TEST(Dim, ConstantsAreNumbers) {
  const Dim seven = 7;
  EXPECT_TRUE(seven.is_constant());
  EXPECT_EQ(seven.as_constant(), 7);
  EXPECT_EQ(seven.evaluate({}), 7);
  EXPECT_EQ(Dim(), Dim(0));
  EXPECT_EQ(Dim(3) * 4 - 5 + 1, Dim(8));
  EXPECT_EQ(n - n, Dim(0));
  EXPECT_TRUE((n - n).is_constant());
  EXPECT_EQ(n.as_constant(), std::nullopt);
}

TEST(Dim, KnowsSingleSymbols) {
  EXPECT_EQ(n.as_symbol(), "N");
  EXPECT_EQ((n + 0).as_symbol(), "N");
  EXPECT_EQ((n * 2).as_symbol(), std::nullopt);
  EXPECT_EQ(Dim(1).as_symbol(), std::nullopt);
  expect_error(ErrorCode::model, "needs a name", [] { Dim::symbol(""); });
}

TEST(Dim, OrderOfBuildingDoesNotMatter) {
  EXPECT_EQ(n * 4, n + n + 2 * n);
  EXPECT_EQ((n + 1) * (n - 1), n * n - 1);
  EXPECT_EQ(n * (m + h), h * n + m * n);
  EXPECT_NE(n, m);
  EXPECT_NE(n, n + 1);
}

TEST(Dim, FloorDivisionsMeetInOneForm) {
  EXPECT_EQ(Dim::floor_div(n * 4, 2), 2 * n);
  EXPECT_EQ(Dim::floor_div(n * 5 + 7, 2), 2 * n + 3 + Dim::floor_div(n + 1, 2));
  // Two ways to write the output of a convolution of stride 2.
  EXPECT_EQ(Dim::floor_div(h - 1, 2) + 1, Dim::floor_div(h + 1, 2));
  EXPECT_EQ(Dim::floor_div(Dim::floor_div(h, 2), 2), Dim::floor_div(h, 4));
  EXPECT_EQ(Dim::floor_div(Dim::floor_div(h + 1, 2) + 1, 2), Dim::floor_div(h + 3, 4));
  EXPECT_EQ(Dim::floor_div(6 * n + 3, 4), n + Dim::floor_div(2 * n + 3, 4));
  EXPECT_EQ(Dim::floor_div(4 * n + 3, 6), Dim::floor_div(2 * n + 1, 3));
  EXPECT_EQ(Dim::floor_div(n, -1), 0 - n);
  EXPECT_EQ(Dim::floor_div(n, -2), Dim::floor_div(0 - n, 2));
  EXPECT_EQ(Dim::floor_div(n * m + 3 * n, n), m + 3);
  EXPECT_EQ(Dim::floor_div(n * m + 1, n), m + Dim::floor_div(1, n));
  EXPECT_EQ(Dim::floor_div((n + m) * (n - 3), n + m), n - 3);
  EXPECT_EQ(Dim::floor_div(0, n), Dim(0));
  EXPECT_EQ(Dim::floor_div(-7, 2), Dim(-4));
}

TEST(Dim, DividesOnlyExactly) {
  EXPECT_EQ(Dim::divide_exactly(n * m * 6, n * 2), 3 * m);
  EXPECT_EQ(Dim::divide_exactly(n * n - 1, n + 1), n - 1);
  EXPECT_EQ(Dim::divide_exactly(0, n), Dim(0));
  EXPECT_EQ(Dim::divide_exactly(n * 3, 2), std::nullopt);
  EXPECT_EQ(Dim::divide_exactly(n, m), std::nullopt);
  EXPECT_EQ(Dim::divide_exactly(n * n + 1, n + 1), std::nullopt);
  EXPECT_EQ(Dim::divide_exactly(n, 0), std::nullopt);
  EXPECT_EQ(Dim::divide_exactly(12, 4), Dim(3));
}

TEST(Dim, MaxAndMinDropWhatNeverWins) {
  EXPECT_EQ(Dim::max(n, n), n);
  EXPECT_EQ(Dim::max(n, n + 2), n + 2);
  EXPECT_EQ(Dim::min(n, n + 2), n);
  EXPECT_EQ(Dim::max(3, 5), Dim(5));
  EXPECT_EQ(Dim::max(n, m), Dim::max(m, n));
  EXPECT_EQ(Dim::max(Dim::max(n, m), h), Dim::max(n, Dim::max(h, m)));
  EXPECT_EQ(Dim::max(Dim::max(n, m), n + 1), Dim::max(m, n + 1));
  EXPECT_NE(Dim::max(n, m), Dim::min(n, m));
}

TEST(Dim, EvaluatesUnderValues) {
  DimValues values;
  values.set("N", 3);
  values.set("M", -5);
  values.set("N", 4);
  EXPECT_EQ(values.items().size(), 2u);
  EXPECT_EQ((n * m + 1).evaluate(values), -19);
  EXPECT_EQ(Dim::floor_div(m, 2).evaluate(values), -3);
  EXPECT_EQ(Dim::max(m, Dim::min(n, 2)).evaluate(values), 2);
  expect_error(ErrorCode::usage, "'H' has no value", [&] { (n + h).evaluate(values); });
}

TEST(Dim, EvaluationNeverWraps) {
  DimValues values;
  values.set("N", std::int64_t(1) << 40);
  values.set("M", 0);
  values.set("H", INT64_MIN);
  expect_error(ErrorCode::model, "exceeds 63 bits", [&] { (n * n).evaluate(values); });
  expect_error(ErrorCode::model, "divided by 0", [&] { Dim::floor_div(n, m).evaluate(values); });
  expect_error(ErrorCode::model, "exceeds 63 bits",
               [&] { Dim::floor_div(h, m - 1).evaluate(values); });
}

TEST(Dim, BuildingNeverWraps) {
  const Dim big = INT64_MAX;
  for (const Dim& one : {Dim(1), n}) {
    expect_error(ErrorCode::model, "exceeds 63 bits", [&] { big* one + one; });
    expect_error(ErrorCode::model, "exceeds 63 bits", [&] { (big * one) * 2; });
    expect_error(ErrorCode::model, "exceeds 63 bits", [&] { (Dim(0) - big * one) - one - one; });
  }
  expect_error(ErrorCode::model, "exceeds 63 bits", [] { Dim::floor_div(INT64_MIN, -1); });
  expect_error(ErrorCode::model, "divided by 0", [] { Dim::floor_div(n, 0); });
  expect_error(ErrorCode::model, "divided by 0", [] { Dim::floor_div(1, 0); });
}

TEST(Dim, RefusesToExplode) {
  expect_error(ErrorCode::unsupported, "too large", [] {
    Dim power = n + m + h + 1;
    for (int i = 0; i < 64; ++i) power = power * power;
  });
  // Sharing keeps this small in memory; written out it doubles with each step.
  expect_error(ErrorCode::unsupported, "too large", [] {
    Dim x = n;
    for (int i = 0; i < 64; ++i) x = Dim::floor_div(x + m, x + h);
  });
  expect_error(ErrorCode::unsupported, "nested 100 deep", [] {
    Dim x = n;
    for (int i = 0; i < 200; ++i) x = Dim::floor_div(x, m);
  });
}

TEST(Dim, DeepNetworksStaySmall) {
  Dim x = h;
  for (int layer = 0; layer < 30; ++layer) x = Dim::floor_div(x - 1, 2) + 1;
  EXPECT_EQ(x, Dim::floor_div(h + ((std::int64_t(1) << 30) - 1), std::int64_t(1) << 30));
}

TEST(Dim, CollectsSymbolsOnce) {
  std::vector<std::string> names = {"N"};
  (Dim::floor_div(n * m, h + 1) + m).collect_symbols(names);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"H", "M", "N"}));
}

TEST(DimText, IsReadable) {
  EXPECT_EQ(to_string(4 * n + 1), "4*N+1");
  EXPECT_EQ(to_string(1 - n), "-N+1");
  EXPECT_EQ(to_string(n * n * m - 3 * h), "M*N*N-3*H");
  EXPECT_EQ(to_string(Dim::floor_div(h + 1, 2)), "floor((H+1)/2)");
  EXPECT_EQ(to_string(Dim::floor_div(n, m + 1)), "floor(N/(M+1))");
  EXPECT_EQ(to_string(Dim::floor_div(2 * n, 3)), "floor(2*N/3)");
  EXPECT_EQ(to_string(Dim::floor_div(2, n)), "floor(2/N)");
  EXPECT_EQ(to_string(Dim::max(n, m) * 2), "2*max(M,N)");
  EXPECT_EQ(to_string(Dim::symbol("batch size")), "\"batch size\"");
  EXPECT_EQ(to_string(Dim::symbol("max")), "\"max\"");
  EXPECT_EQ(to_string(Dim(-3)), "-3");
}

TEST(DimText, ReadsBackEveryName) {
  std::string strange = "a\"b\\c\n\x01\x7f\xc3\xa9]";
  for (const std::string& name :
       {std::string("N"), std::string("unk__12"), std::string("4x"), std::string("N+1"),
        std::string("floor"), std::string(" "), std::string("a\0b", 3), strange}) {
    EXPECT_EQ(parse_dim(to_string(Dim::symbol(name))).as_symbol(), name);
  }
}

TEST(DimText, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_dim(" 2 * ( N + 1 ) - N "), n + 2);
  EXPECT_EQ(parse_dim("floor((H-1)/2)+1"), Dim::floor_div(h + 1, 2));
  EXPECT_EQ(parse_dim("max(N,2,M)"), Dim::max(n, Dim::max(m, 2)));
  EXPECT_EQ(parse_dim("-9223372036854775808"), Dim(INT64_MIN));
  EXPECT_EQ(parse_dim("N-9223372036854775808"), n + Dim(INT64_MIN));
  EXPECT_EQ(parse_dim("2*-N"), 0 - 2 * n);
}

TEST(DimText, RefusesEverythingElse) {
  const std::pair<std::string, std::string> bad[] = {
      {"", "at character 1"},
      {"N+", "at character 3: a number, a symbol"},
      {"N M", "at character 3: end of the expression expected"},
      {std::string("N\0", 2), "at character 2: end of the expression"},
      {"floor(N)", "'/' expected"},
      {"floor(N+1/2)", "'/' expected"},
      {"floor(N/0)", "divided by 0"},
      {"--3", "at character 2: a number"},
      {"N/2", "end of the expression"},
      {"(N", "')' expected"},
      {"max(N", "')' expected"},
      {"\"N", "closing '\"' is missing"},
      {"\"\"", "needs a name"},
      {"\"\\q\"", "hexadecimal"},
      {"\"\\x4\"", "hexadecimal"},
      {"9223372036854775808", "exceeds 63 bits"},
      {"-9223372036854775809", "exceeds 63 bits"},
      {"99999999999999999999999", "exceeds 63 bits"},
      {"4611686018427387904*N*2", "exceeds 63 bits"},
      {std::string(1000, '('), "nested deeper than 256"},
      {std::string(70000, 'N'), "70000 characters"},
  };
  for (const auto& [text, part] : bad) {
    SCOPED_TRACE(text.substr(0, 80));
    expect_error(ErrorCode::model, part, [&, t = text] { parse_dim(t); });
  }
  std::string minuses(60000, '-');
  EXPECT_THROW(parse_dim(minuses), Error);
}

TEST(SymbolicShape, EvaluatesAndPrints) {
  const SymbolicShape shape = {n, 3, h - 5};
  EXPECT_EQ(to_string(shape), "[N,3,H-5]");
  DimValues values;
  values.set("N", 2);
  values.set("H", 9);
  EXPECT_EQ(evaluate(shape, values), (Shape{2, 3, 4}));
  values.set("H", 1);
  expect_error(ErrorCode::model, "axis 2 of shape [N,3,H-5] becomes -4",
               [&] { evaluate(shape, values); });
  expect_error(ErrorCode::unsupported, "9 axes", [] { evaluate(SymbolicShape(9, Dim(1)), {}); });
  EXPECT_EQ(as_constant(shape), std::nullopt);
  EXPECT_EQ(as_constant(SymbolicShape{2, 3}), (Shape{2, 3}));
  EXPECT_EQ(as_constant(SymbolicShape{}), Shape{});
}

TEST(SymbolicShape, IsReadOffTheFront) {
  std::string_view text = "[N,max(M,N),\"a]b\"] rest";
  EXPECT_EQ(take_symbolic_shape(text), (SymbolicShape{n, Dim::max(n, m), Dim::symbol("a]b")}));
  EXPECT_EQ(text, " rest");
  text = "[]";
  EXPECT_EQ(take_symbolic_shape(text), SymbolicShape{});
  for (std::string_view bad : {"", "N", "[N", "[N,", "[N,]", "[,]"}) {
    EXPECT_THROW(take_symbolic_shape(bad), Error) << bad;
  }
}

TEST(SymbolicShape, Broadcasts) {
  EXPECT_EQ(broadcast(SymbolicShape{n, 1, 4}, SymbolicShape{3, 1}), (SymbolicShape{n, 3, 4}));
  EXPECT_EQ(broadcast(SymbolicShape{n}, SymbolicShape{n}), SymbolicShape{n});
  EXPECT_EQ(broadcast(SymbolicShape{n}, SymbolicShape{1}), SymbolicShape{n});
  EXPECT_EQ(broadcast(SymbolicShape{5}, SymbolicShape{n}), SymbolicShape{5});
  EXPECT_EQ(broadcast(SymbolicShape{n}, SymbolicShape{m}), SymbolicShape{Dim::max(n, m)});
  EXPECT_EQ(broadcast(SymbolicShape{}, SymbolicShape{n, 2}), (SymbolicShape{n, 2}));
  expect_error(ErrorCode::model, "shapes [N,3] and [4] do not broadcast: 3 against 4", [] {
    broadcast(SymbolicShape{n, 3}, SymbolicShape{4});
  });
}

}  // namespace
}  // namespace strata
