#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::counting;
using testing::expect_floats;
using testing::expect_refused;
using testing::run_op;

Tensor einsum(std::string equation, const std::vector<Tensor>& operands) {
  return run_op("Einsum", operands, {{"equation", std::move(equation)}})[0];
}

void expect_refused_equation(std::string equation, const std::vector<Tensor>& operands,
                             std::string_view fragment) {
  expect_refused("Einsum", operands, {{"equation", std::move(equation)}}, fragment);
}

TEST(Einsum, MeansWhatItsEquationSays) {
  const Tensor a = counting({2, 3});
  const Tensor b = counting({3, 2});
  expect_floats(einsum("ij,jk->ik", {a, b}), {2, 2}, {22, 28, 49, 64});
  expect_floats(einsum("ij,jk->ki", {a, b}), {2, 2}, {22, 49, 28, 64});
  expect_floats(einsum("ij,ji", {a, b}), {}, {86});
  expect_floats(einsum("ij->j", {a}), {3}, {5, 7, 9});
  expect_floats(einsum("ba", {a}), {3, 2}, {1, 4, 2, 5, 3, 6});
  expect_floats(einsum("i,j->ij", {counting({2}), counting({2})}), {2, 2}, {1, 2, 2, 4});
}

TEST(Einsum, TakesDiagonalsOfRepeatedLetters) {
  expect_floats(einsum("ii->i", {counting({2, 2})}), {2}, {1, 4});
  expect_floats(einsum("iii", {counting({2, 2, 2})}), {}, {9});
  expect_floats(einsum("ii,i->i", {counting({2, 2}), counting({2})}), {2}, {1, 8});
}

TEST(Einsum, BroadcastsEllipses) {
  const Tensor a = counting({2, 1, 2});
  const Tensor b = counting({3, 2});
  expect_floats(einsum("...i,...i->...", {a, b}), {2, 3}, {5, 11, 17, 11, 25, 39});
  expect_floats(einsum("...i,...i->i", {a, b}), {2}, {36, 72});
}

TEST(Einsum, WrapsSmallIntegers) {
  const Tensor x = Tensor::from<std::uint8_t>({2}, {200, 3});
  EXPECT_EQ(einsum("i,i", {x, x}).to_int64(), (std::vector<std::int64_t>{(200 * 200 + 9) % 256}));
}

TEST(Einsum, RefusesMalformedEquations) {
  const Tensor a = counting({2, 3});
  expect_refused_equation("ij,jk->ik", {a}, "has 2 terms for 1 operands");
  expect_refused_equation("ijk->i", {a}, "has 3 letters for input 0 of rank 2");
  expect_refused_equation("ij->ii", {a}, "names 'i' twice in its output");
  expect_refused_equation("ij->k", {a}, "no input with 'k'");
  expect_refused_equation("i1->i", {a}, "term 'i1' is malformed");
  expect_refused_equation("i.j", {a}, "malformed");
  expect_refused_equation("......", {a}, "malformed");
  expect_refused_equation("ij->i->j", {a}, "malformed");
  expect_refused_equation("", {a}, "has 0 letters for input 0 of rank 2");
  expect_refused_equation("ij,ij->ij", {a, counting({3, 2})}, "axis 'i' has extents 2 and 3");
}

TEST(Einsum, DecomposesWithSymbolicExtents) {
  Graph graph;
  const Dim n = Dim::symbol("N");
  const Dim m = Dim::symbol("M");
  const ValueId x = graph.add_input("x", {DType::f32, {n, m, 2, 3}});
  const ValueId y = graph.add_input("y", {DType::f32, {n, 2, 3, m}});
  Builder builder(graph);
  const ValueId z = builder.op("Einsum", {x, y}, {{"equation", "nmhd,nhdk->nkm"}});
  EXPECT_EQ(graph.value(z).type.shape, (SymbolicShape{n, m, m}));
  const Node node = graph.node(graph.order().back());
  const auto values = node.op->decompose(builder, node);
  ASSERT_TRUE(values);
  EXPECT_EQ(graph.value((*values)[0]).type.shape, (SymbolicShape{n, m, m}));
}

}  // namespace
}  // namespace strata::ir
