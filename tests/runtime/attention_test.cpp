#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::random_tensor;
using Perm = std::vector<std::int64_t>;

constexpr double unit = std::numeric_limits<float>::epsilon();

double largest(const Tensor& tensor) {
  double most = 0;
  for (const float x : tensor.data<float>()) {
    if (std::isfinite(x)) most = std::max(most, double(std::abs(x)));
  }
  return most;
}

/// How far two results may lie apart whose scores and sums are rounded in different orders: scores
/// are sums of `depth` products; powers of e and their total are off by a factor each; a result
/// is a mean of as many values as there are keys.
double tolerance(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t keys, double scale,
                 double mask = 0) {
  const double depth = double(q.shape()[-1]);
  const double scores = depth * largest(q) * largest(k) * scale + mask;
  const double off = unit * (depth + 6) * scores;
  return 2 * largest(v) * (std::expm1(4 * off) + unit * (double(keys) + 16));
}

void expect_close(const Tensor& got, const Tensor& expected, double allowed) {
  ASSERT_EQ(got.shape(), expected.shape());
  for (std::size_t i = 0; i < got.data<float>().size(); ++i) {
    ASSERT_NEAR(got.data<float>()[i], expected.data<float>()[i], allowed) << "element " << i;
  }
}

std::string rows_of(const Session& session) {
  std::string names;
  for (const Step& step : session.program().steps()) {
    names += std::string(step.row->name.substr(0, step.row->name.find('_'))) + " ";
  }
  return names;
}

/// Heads of what linear layers gave, as exporters of PyTorch spell it.
struct Encoder : testing::Net {
  Encoder() : Net(1) {}

  ir::ValueId heads(std::string_view name, std::int64_t tokens, Perm perm) {
    const auto x = input({Dim::symbol("N"), tokens, 3, 16}, name);
    return op("Transpose", {x}, {{"perm", std::move(perm)}});
  }
  ir::ValueId scores() {
    return op("MatMul", {heads("q", 21, {0, 2, 1, 3}), heads("k", 37, {0, 2, 3, 1})});
  }
  ir::ValueId scaled(ir::ValueId x) {
    return op("Mul", {x, builder().constant(Tensor::scalar(0.25f))});
  }
  void finish(ir::ValueId x, bool joined = true) {
    auto y = op("MatMul", {op("Softmax", {x}), heads("v", 37, {0, 2, 1, 3})});
    if (joined) {
      y = op("Transpose", {y}, {{"perm", Perm{0, 2, 1, 3}}});
      y = op("Reshape", {y, builder().integers({0, 21, 48})});
    }
    graph.outputs = {y};
  }
  static std::vector<Tensor> operands(std::int64_t batch) {
    return {random_tensor({batch, 21, 3, 16}, 5, 1), random_tensor({batch, 37, 3, 16}, 6, 1),
            random_tensor({batch, 37, 3, 16}, 7, 1)};
  }
};

TEST(Attention, IsOneStepThatWritesInPlace) {
  for (const bool joined : {false, true}) {
    Encoder net;
    net.finish(net.scaled(net.scores()), joined);
    SessionOptions options;
    options.threads = 2;
    Session session(net.graph, options);
    EXPECT_EQ(rows_of(session), "attention ");
    options.passes.off = {"fuse_attention"};
    Session steps(net.graph, options);
    EXPECT_EQ(rows_of(steps), joined ? "gemm softmax gemm strided " : "gemm softmax gemm ");
    for (const std::int64_t batch : {2, 1, 0}) {
      const auto in = Encoder::operands(batch);
      const auto expected = ir::interpret(net.graph, in);
      const double allowed = batch == 0 ? 0 : tolerance(in[0], in[1], in[2], 37, 0.25);
      expect_close(session.run(in)[0], expected[0], allowed);
      expect_close(steps.run(in)[0], expected[0], allowed);
    }
  }
}

TEST(Attention, MasksOfEveryShape) {
  for (const SymbolicShape& shape :
       {SymbolicShape{37}, SymbolicShape{21, 37}, SymbolicShape{1, 1, 37}, SymbolicShape{3, 21, 37},
        SymbolicShape{Dim::symbol("N"), 1, 1, 37}, SymbolicShape{Dim::symbol("N"), 3, 21, 37}}) {
    Encoder net;
    const auto mask = net.input(shape, "mask");
    net.finish(net.add(net.scaled(net.scores()), mask));
    Session session(net.graph);
    EXPECT_EQ(rows_of(session), "attention ");
    auto in = Encoder::operands(2);
    std::vector<std::int64_t> dims;
    for (const Dim& dim : shape) dims.push_back(dim.is_constant() ? dim.constant() : 2);
    Tensor values = random_tensor(Shape(dims), 8, 1);
    for (std::size_t i = 0; i < values.data<float>().size(); i += 3) {
      values.mutable_data<float>()[i] = -HUGE_VALF;
    }
    in.insert(in.begin(), values);
    expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0],
                 tolerance(in[1], in[2], in[3], 37, 0.25, largest(values)));
  }
}

TEST(Attention, TheOpIsOneStepWhereItIsPlain) {
  const ir::Attributes heads{{"q_num_heads", std::int64_t(3)}, {"kv_num_heads", std::int64_t(3)}};
  for (const bool apart : {false, true}) {
    for (const bool masked : {false, true}) {
      testing::Net net(1);
      const Dim n = Dim::symbol("N");
      const auto operand = [&](std::int64_t tokens, std::string_view name) {
        return apart ? net.input({n, 3, tokens, 16}, name) : net.input({n, tokens, 48}, name);
      };
      std::vector<ir::ValueId> inputs{operand(21, "q"), operand(37, "k"), operand(37, "v")};
      if (masked) inputs.push_back(net.input({21, 37}, "mask"));
      net.graph.outputs = {net.op("Attention", inputs, apart ? ir::Attributes{} : heads)};
      Session session(net.graph);
      EXPECT_EQ(rows_of(session), "attention ");
      const auto tensor = [&](std::int64_t tokens, std::uint64_t seed) {
        return apart ? random_tensor({2, 3, tokens, 16}, seed, 1)
                     : random_tensor({2, tokens, 48}, seed, 1);
      };
      std::vector<Tensor> in{tensor(21, 5), tensor(37, 6), tensor(37, 7)};
      if (masked) {
        in.push_back(random_tensor({21, 37}, 8, 1));
        std::ranges::fill(in.back().mutable_data<float>().first(37), -HUGE_VALF);
      }
      const double depth = 16, keys = 37;
      const double scores = depth * largest(in[0]) * largest(in[1]) / 4 + masked * 8;
      const double allowed =
          2 * largest(in[2]) * (std::expm1(4 * unit * (depth + 6) * scores) + unit * (keys + 16));
      expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0], allowed);
    }
  }
}

/// A single head without a batch.
TEST(Attention, ProductsMayBeGemmBetweenReshapes) {
  testing::Net net(1);
  const auto q = net.input({21, 16}, "q"), k = net.input({37, 16}, "k"),
             v = net.input({37, 5}, "v");
  const ir::Attributes turned{{"transB", std::int64_t(1)}};
  const auto scores = net.op(
      "Mul", {net.op("Gemm", {q, k}, turned), net.builder().constant(Tensor::scalar(0.25f))});
  const auto whole = net.op("Reshape", {scores, net.builder().integers({1, 1, 21, 37})});
  const auto masked = net.add(whole, net.input({1, 1, 21, 37}, "mask"));
  const auto flat =
      net.op("Reshape", {net.op("Softmax", {masked}), net.builder().integers({21, 37})});
  const auto columns = net.op("Transpose", {v}, {{"perm", Perm{1, 0}}});
  net.graph.outputs = {net.op("Gemm", {flat, columns}, turned)};
  Session session(net.graph);
  EXPECT_EQ(rows_of(session), "attention ");
  const std::vector<Tensor> in{random_tensor({21, 16}, 5, 1), random_tensor({37, 16}, 6, 1),
                               random_tensor({37, 5}, 7, 1), random_tensor({1, 1, 21, 37}, 8, 1)};
  expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0],
               tolerance(in[0], in[1], in[2], 37, 0.25, largest(in[3])));
}

TEST(Attention, RunsInStepsWhereAPartOfItIsPinned) {
  Encoder net;
  net.finish(net.scaled(net.scores()));
  Session whole(net.graph);
  SessionOptions options;
  options.target.pins = {{whole.program().steps()[0].name, "softmax_f32_threepass_baseline"}};
  Session steps(net.graph, options);
  EXPECT_EQ(rows_of(steps), "gemm softmax gemm strided ");
  ASSERT_EQ(steps.program().apart().size(), 1u);
  EXPECT_NE(steps.program().apart()[0].reason.find("is pinned to softmax"), std::string::npos);
  options.target.pins = {{whole.program().steps()[0].name, "attention_f32_streaming_4x8_baseline"}};
  EXPECT_EQ(Session(net.graph, options).program().steps()[0].row->name,
            "attention_f32_streaming_4x8_baseline");
}

TEST(Attention, RunsInStepsWhereTheyMultiplyOnBf16) {
  if (!has_isa(detected_isa(), Isa::avx512_bf16)) GTEST_SKIP() << "no bf16";
  testing::Net net(1);
  const auto heads = [&](std::string_view name, Perm perm) {
    return net.op("Transpose", {net.input({1, 128, 8, 64}, name)}, {{"perm", std::move(perm)}});
  };
  const auto scores = net.op("MatMul", {heads("q", {0, 2, 1, 3}), heads("k", {0, 2, 3, 1})});
  net.graph.outputs = {net.op("MatMul", {net.op("Softmax", {scores}), heads("v", {0, 2, 1, 3})})};
  SessionOptions options;
  EXPECT_EQ(rows_of(Session(net.graph, options)), "attention ");
  options.target.precision = kernels::Precision::bf16;
  Session rounded(net.graph, options);
  EXPECT_EQ(rows_of(rounded), "gemm softmax gemm ");
  ASSERT_EQ(rounded.program().apart().size(), 1u);
  EXPECT_NE(rounded.program().apart()[0].reason.find("one by one"), std::string::npos);
}

TEST(Attention, TheOpAsksWhetherItsPartsAreFasterToo) {
  if (!has_isa(detected_isa(), Isa::avx512_bf16)) GTEST_SKIP() << "no bf16";
  testing::Net net(1);
  const auto heads = [&](std::string_view name) { return net.input({1, 8, 512, 64}, name); };
  net.graph.outputs = {net.op("Attention", {heads("q"), heads("k"), heads("v")})};
  SessionOptions options;
  EXPECT_EQ(rows_of(Session(net.graph, options)), "attention ");
  options.target.precision = kernels::Precision::bf16;
  Session rounded(net.graph, options);
  EXPECT_EQ(rows_of(rounded), "binary strided gemm softmax gemm ");
  ASSERT_GE(rounded.program().apart().size(), 1u);
  EXPECT_NE(rounded.program().apart()[0].reason.find("one by one"), std::string::npos);
}

/// Products of few rows read keys and values as they lie; attention packs them.
TEST(Attention, FewQueriesRunInSteps) {
  for (const std::int64_t queries : {1, 3, 40}) {
    testing::Net net(1);
    const auto q = net.input({1, 12, queries, 64}, "q"), k = net.input({1, 12, 512, 64}, "k");
    const auto v = net.input({1, 12, 512, 64}, "v");
    const auto turned = net.op("Transpose", {k}, {{"perm", Perm{0, 1, 3, 2}}});
    net.graph.outputs = {net.op("MatMul", {net.op("Softmax", {net.op("MatMul", {q, turned})}), v})};
    EXPECT_EQ(rows_of(Session(net.graph)), queries == 40 ? "attention " : "gemm softmax gemm ");
    net.graph.outputs = {net.op("Attention", {q, k, v})};
    EXPECT_EQ(rows_of(Session(net.graph)),
              queries == 40 ? "attention " : "binary strided gemm softmax gemm ");
  }
}

TEST(Attention, RunsInStepsWithoutKeys) {
  testing::Net net(1);
  const Dim s = Dim::symbol("S");
  const auto q = net.input({1, 4, 8}, "q"), k = net.input({1, 8, s}, "k");
  const auto v = net.input({1, s, 5}, "v");
  net.graph.outputs = {net.op("MatMul", {net.op("Softmax", {net.op("MatMul", {q, k})}), v})};
  Session session(net.graph);
  for (const std::int64_t keys : {3, 0, 600}) {
    const std::vector<Tensor> in{random_tensor({1, 4, 8}, 2, 1), random_tensor({1, 8, keys}, 3, 1),
                                 random_tensor({1, keys, 5}, 4, 1)};
    expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0],
                 keys == 0 ? 0 : tolerance(in[0], in[1], in[2], keys, 1));
  }
}

/// Files may hold fused nodes as no pass makes them.
TEST(Attention, OperandsOfOtherShapesThanTheBodySays) {
  const auto type = [](std::vector<Dim> shape) {
    return ir::TensorType{DType::f32, {shape.begin(), shape.end()}};
  };
  auto body = std::make_shared<ir::Graph>();
  ir::Builder inside(*body);
  const auto q = body->add_input("q", type({1, 4, 8})), k = body->add_input("k", type({1, 8, 6}));
  const auto v = body->add_input("v", type({1, 6, 5})), m = body->add_input("m", type({4, 6}));
  const auto scores = inside.op("Add", {inside.op("MatMul", {q, k}), m});
  body->outputs = {inside.op("MatMul", {inside.op("Softmax", {scores}), v})};
  for (const Shape& mask :
       {Shape{4, 6}, Shape{3, 4, 6}, Shape{2, 3, 4, 6}, Shape{1}, Shape{4, 1}}) {
    testing::Net net(1);
    std::vector<ir::ValueId> inputs{net.input({1, 4, 8}, "q"), net.input({1, 8, 6}, "k"),
                                    net.input({1, 6, 5}, "v")};
    inputs.push_back(net.input({mask.begin(), mask.end()}, "m"));
    net.graph.outputs = {net.op("strata.Fused", inputs, {{"body", ir::Subgraph(body)}})};
    const std::vector<Tensor> in{random_tensor({1, 4, 8}, 2, 1), random_tensor({1, 8, 6}, 3, 1),
                                 random_tensor({1, 6, 5}, 4, 1), random_tensor(mask, 5, 1)};
    expect_close(Session(net.graph).run(in)[0], ir::interpret(net.graph, in)[0],
                 tolerance(in[0], in[1], in[2], 6, 1, largest(in[3])));
  }
}

/// The second axis is that of the keys in a matrix alone.
TEST(Attention, OperandsOfAnotherRankThanTheBodySays) {
  const auto type = [](std::vector<Dim> shape) {
    return ir::TensorType{DType::f32, {shape.begin(), shape.end()}};
  };
  auto body = std::make_shared<ir::Graph>();
  ir::Builder inside(*body);
  const auto q = body->add_input("q", type({4, 6})), k = body->add_input("k", type({6, 4}));
  const auto v = body->add_input("v", type({4, 5}));
  const ir::Attributes second{{"axis", std::int64_t(1)}};
  const auto weights = inside.op("Softmax", {inside.op("MatMul", {q, k})}, second);
  body->outputs = {inside.op("MatMul", {weights, v})};
  for (const bool batch : {false, true}) {
    const Shape three{2, 4, 6}, turned{2, 6, 4}, values{2, 4, 5};
    const Shape q_shape = batch ? three : Shape{4, 6}, k_shape = batch ? turned : Shape{6, 4},
                v_shape = batch ? values : Shape{4, 5};
    testing::Net net(1);
    const auto input = [&](const Shape& shape, std::string_view name) {
      return net.input({shape.begin(), shape.end()}, name);
    };
    net.graph.outputs = {net.op("strata.Fused",
                                {input(q_shape, "q"), input(k_shape, "k"), input(v_shape, "v")},
                                {{"body", ir::Subgraph(body)}})};
    const std::vector<Tensor> in{random_tensor(q_shape, 2, 1), random_tensor(k_shape, 3, 1),
                                 random_tensor(v_shape, 4, 1)};
    Session session(net.graph);
    EXPECT_EQ(rows_of(session) == "attention ", !batch);
    expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0],
                 tolerance(in[0], in[1], in[2], 4, 1));
  }
}

/// The keys and values of an operand that all share, packed for each of so many, fit no memory.
TEST(Attention, NothingToComputeTakesNoMemory) {
  constexpr std::int64_t many = std::int64_t(1) << 45;
  for (const auto& [queries, columns] :
       {std::pair<std::int64_t, std::int64_t>{0, 64}, {1, 0}, {0, 0}}) {
    testing::Net net(1);
    const auto q = net.input({many, queries, 0}, "q"), k = net.input({1, 0, 64}, "k");
    const auto v = net.input({1, 64, columns}, "v");
    net.graph.outputs = {net.op("MatMul", {net.op("Softmax", {net.op("MatMul", {q, k})}), v})};
    Session session(net.graph);
    const std::vector<Tensor> in{Tensor::zeros(DType::f32, {many, queries, 0}),
                                 Tensor::zeros(DType::f32, {1, 0, 64}),
                                 random_tensor({1, 64, columns}, 4, 1)};
    EXPECT_EQ(session.run(in)[0].shape(), (Shape{many, queries, columns}));
  }
}

}  // namespace
}  // namespace strata::runtime
