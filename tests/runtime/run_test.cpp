// What the runtime promises: results as the interpreter's, the same bits on any number of threads,
// an arena that is used as printed, nothing allocated while running.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "tests/runtime/allocation_count.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::random_tensor;
using testing::small_residual_network;

/// Rounding of `depth` chained dot products of length at most `k`, for values of order one.
double tolerance(int k, int depth, double magnitude) {
  return std::numeric_limits<float>::epsilon() * (k + 1) * depth * magnitude;
}

void expect_close(const Tensor& got, const Tensor& expected, double bound) {
  ASSERT_EQ(got.shape(), expected.shape());
  for (std::size_t i = 0; i < got.data<float>().size(); ++i) {
    ASSERT_NEAR(got.data<float>()[i], expected.data<float>()[i], bound) << "element " << i;
  }
}

SessionOptions with_threads(int threads) {
  SessionOptions options;
  options.threads = threads;
  return options;
}

TEST(Run, AgreesWithTheInterpreterOnEveryInstructionSet) {
  const ir::Graph graph = small_residual_network();
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx2 | Isa::avx512}) {
    if (!has_isa(detected_isa(), isa)) continue;
    SessionOptions options;
    options.target.isa = isa;
    Session session(graph, options);
    for (std::int64_t batch : {1, 2, 5}) {
      SCOPED_TRACE(to_string(isa) + ", batch " + std::to_string(batch));
      const Tensor x = random_tensor({batch, 3, 21, 19}, 5, 1);
      const Tensor expected = ir::interpret(graph, std::span(&x, 1))[0];
      expect_close(session.run(std::span(&x, 1))[0], expected, tolerance(24 * 25, 8, 1));
    }
  }
}

TEST(Run, UnfusedUnoptimisedAgreesToo) {
  const ir::Graph graph = small_residual_network(3);
  SessionOptions options;
  options.optimize = false;
  Session session(graph, options);
  const Tensor x = random_tensor({2, 3, 21, 19}, 6, 1);
  expect_close(session.run(std::span(&x, 1))[0], ir::interpret(graph, std::span(&x, 1))[0],
               tolerance(24 * 25, 8, 1));
}

TEST(Run, SameBitsOnAnyNumberOfThreads) {
  const Tensor x = random_tensor({3, 3, 21, 19}, 7, 1);
  Session one(small_residual_network(), with_threads(1));
  const Tensor expected = one.run(std::span(&x, 1))[0];
  for (int threads : {2, 3, 7}) {
    Session many(small_residual_network(), with_threads(threads));
    EXPECT_TRUE(identical(many.run(std::span(&x, 1))[0], expected)) << threads << " threads";
  }
}

TEST(Run, AllocatesNothing) {
  Session session(small_residual_network(), with_threads(2));
  const Tensor x = random_tensor({1, 3, 21, 19}, 8, 1);
  const Shape shape = x.shape();
  Context& context = session.context(std::span(&shape, 1));
  Tensor y = Tensor::zeros(DType::f32, {1, 10});
  const void* in[] = {x.raw()};
  void* out[] = {y.mutable_raw()};
  context.run(in, out);
  const std::int64_t before = testing::allocation_count();
  for (int i = 0; i < 3; ++i) context.run(in, out);
  EXPECT_EQ(testing::allocation_count() - before, 0);
}

/// An arena of exactly `size` bytes that ends at a page nobody may touch.
class GuardedArena {
 public:
  explicit GuardedArena(std::size_t size) {
    const auto page = std::size_t(sysconf(_SC_PAGESIZE));
    mapped_ = (size + page - 1) / page * page + page;
    base_ = static_cast<std::byte*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    std::memset(base_, 0xA5, mapped_ - page);
    arena_ = Arena(base_ + mapped_ - page - size, size);
  }
  ~GuardedArena() { munmap(base_, mapped_); }
  const Arena& arena() const { return arena_; }

 private:
  std::byte* base_;
  std::size_t mapped_;
  Arena arena_;
};

class ArenaTest : public ::testing::TestWithParam<int> {};

TEST_P(ArenaTest, HighestByteWrittenIsThePeak) {
  const int threads = GetParam();
  auto program = Program::compile(small_residual_network(), default_target());
  DimValues dims;
  dims.set("N", 2);
  BindOptions options;
  options.threads = threads;
  auto binding = Binding::bind(program, dims, options);
  GuardedArena guarded(binding->peak_bytes());
  Context context(binding, std::make_shared<ThreadPool>(threads), guarded.arena());
  const Tensor x = random_tensor({2, 3, 21, 19}, 9, 1);
  Tensor y = Tensor::zeros(DType::f32, {2, 10});
  const void* in[] = {x.raw()};
  void* out[] = {y.mutable_raw()};
  context.run(in, out);
  std::size_t used = binding->peak_bytes();
  while (used > 0 && guarded.arena().data()[used - 1] == std::byte(0xA5)) --used;
  EXPECT_GT(used + arena_alignment, binding->peak_bytes());
  EXPECT_LE(double(binding->peak_bytes()), 1.05 * double(binding->bound_bytes()));
}

TEST_P(ArenaTest, PoisonedDeadBuffersChangeNothing) {
  const int threads = GetParam();
  auto program = Program::compile(small_residual_network(), default_target());
  DimValues dims;
  dims.set("N", 1);
  BindOptions options;
  options.threads = threads;
  auto binding = Binding::bind(program, dims, options);
  const Tensor x = random_tensor({1, 3, 21, 19}, 10, 1);
  const void* in[] = {x.raw()};
  Tensor clean = Tensor::zeros(DType::f32, {1, 10}), poisoned = Tensor::zeros(DType::f32, {1, 10});
  Context context(binding, std::make_shared<ThreadPool>(threads));
  void* out[] = {clean.mutable_raw()};
  context.run(in, out);
  context.poison_dead_buffers(std::byte(0xFF));  // NaN
  out[0] = poisoned.mutable_raw();
  context.run(in, out);
  context.run(in, out);
  EXPECT_TRUE(identical(clean, poisoned));
}

INSTANTIATE_TEST_SUITE_P(Threads, ArenaTest, ::testing::Values(1, 2, 5));

TEST(Plan, BudgetFailsBeforeTheFirstRunAndNamesTheStep) {
  SessionOptions options;
  options.memory_budget = 1024;
  Session session(small_residual_network(), options);
  const Tensor x = random_tensor({1, 3, 21, 19}, 11, 1);
  try {
    session.run(std::span(&x, 1));
    FAIL() << "a budget of 1 KiB held";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("memory budget of 1024 bytes does not hold"),
              std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("Conv"), std::string::npos) << error.what();
  }
}

TEST(Plan, NewBatchPacksNothing) {
  SessionOptions options;
  Session session(small_residual_network(), options);
  const std::size_t packed = options.target.packed->packings();
  EXPECT_GT(packed, 0u);
  for (std::int64_t batch : {1, 2, 3, 9}) {
    const Tensor x = random_tensor({batch, 3, 21, 19}, 12, 1);
    session.run(std::span(&x, 1));
  }
  EXPECT_EQ(options.target.packed->packings(), packed);
  Session second(small_residual_network(), options);  // other constants, other packs
  EXPECT_GT(options.target.packed->packings(), packed);
}

TEST(Plan, ProgramsOfOneGraphSharePackedWeights) {
  const Target target = default_target();
  const ir::Graph graph = small_residual_network();
  auto first = Program::compile(graph, target);
  const std::size_t packed = target.packed->packings();
  auto second = Program::compile(graph, target);
  EXPECT_EQ(target.packed->packings(), packed);
}

TEST(Plan, PinForcesTheRowAndExplainsItselfWhenItCannot) {
  const ir::Graph graph = small_residual_network();
  Target target = default_target();
  auto program = Program::compile(graph, target);
  const Step* conv = nullptr;
  for (const Step& step : program->steps()) {
    if (step.op == "Conv") conv = &step;
  }
  ASSERT_NE(conv, nullptr);
  target.pins = {{conv->name, "reference"}};
  auto pinned = Program::compile(graph, target);
  bool found = false;
  for (const Step& step : pinned->steps()) {
    if (step.name == conv->name) {
      found = true;
      EXPECT_EQ(step.row->name, "reference");
      EXPECT_FALSE(step.rejections.empty());
    }
  }
  EXPECT_TRUE(found);
  target.pins = {{conv->name, "no_such_kernel"}};
  EXPECT_THROW(Program::compile(graph, target), Error);
  target.pins = {{"no_such_node", "reference"}};
  EXPECT_THROW(Program::compile(graph, target), Error);
}

TEST(Run, WrongInputsAreRefusedWithWhatIsAccepted) {
  Session session(small_residual_network());
  const Tensor wrong_type = Tensor::zeros(DType::f64, {1, 3, 21, 19});
  const Tensor wrong_size = Tensor::zeros(DType::f32, {1, 4, 21, 19});
  for (const Tensor& x : {wrong_type, wrong_size}) {
    try {
      session.run(std::span(&x, 1));
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("input"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("[N,3,21,19]"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(session.run({}), Error);
}

TEST(Run, OutputsThatAreInputsConstantsOrTwiceTheSameAreCopied) {
  testing::Net net(1);
  auto x = net.input({2, 3});
  auto y = net.relu(x);
  auto flat = net.op("Reshape", {y, net.builder().integers({6})});
  auto c = net.builder().constant(Tensor::from<float>({1}, {7.0f}));
  net.graph.outputs = {x, y, y, flat, c};
  Session session(net.graph);
  const Tensor in = Tensor::from<float>({2, 3}, {-1, 2, -3, 4, -5, 6});
  const auto out = session.run(std::span(&in, 1));
  const Tensor positive = Tensor::from<float>({2, 3}, {0, 2, 0, 4, 0, 6});
  ASSERT_EQ(out.size(), 5u);
  EXPECT_TRUE(identical(out[0], in));
  EXPECT_TRUE(identical(out[1], positive));
  EXPECT_TRUE(identical(out[2], positive));
  EXPECT_TRUE(identical(out[3], positive.reshaped({6})));
  EXPECT_EQ(out[4].data<float>()[0], 7);
}

TEST(Run, SymbolsThatDoNotFitEachOtherAreRefusedWhenBound) {
  testing::Net net(1);
  auto x = net.input({Dim::symbol("N")}, "x");
  auto y = net.input({Dim::symbol("M")}, "y");
  net.graph.outputs = {net.add(x, y)};
  Session session(net.graph);
  const Tensor fits[] = {random_tensor({5}, 1, 1), random_tensor({1}, 2, 1)};
  EXPECT_EQ(session.run(fits)[0].shape(), Shape{5});
  const Tensor clash[] = {random_tensor({200}, 1, 1), random_tensor({30000}, 2, 1)};
  try {
    session.run(clash);
    FAIL() << "200 and 30000 elements were added";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    EXPECT_NE(std::string(error.what()).find("Add"), std::string::npos) << error.what();
  }
}

TEST(Run, SizesOfOneNeedNotMakeSense) {
  testing::Net net(1);
  const auto x = net.input({Dim::symbol("N"), 3, Dim::symbol("H"), Dim::symbol("W")});
  net.graph.outputs = {net.op("MaxPool", {x}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}})};
  ir::infer_types(net.graph);
  Session session(net.graph);
  for (std::int64_t side : {6, 9}) {
    const Tensor in = random_tensor({2, 3, side, side}, 3, 1);
    EXPECT_TRUE(identical(session.run(std::span(&in, 1))[0],
                          ir::interpret(net.graph, std::span(&in, 1))[0]));
  }
}

TEST(Run, ALoweringThatHoldsForOneBatchOnlyIsReplacedForAnother) {
  testing::Net net(1);
  const auto x = net.input({Dim::symbol("N"), 2, 3, 4}, "x");
  const auto y = net.input({Dim::symbol("M"), 1, 4, 5}, "y");
  net.graph.outputs = {net.op("MatMul", {x, y})};
  Session session(net.graph);
  for (std::int64_t n : {1, 3, 0}) {
    const Tensor in[] = {random_tensor({n, 2, 3, 4}, 3, 1), random_tensor({n, 1, 4, 5}, 4, 1)};
    expect_close(session.run(in)[0], ir::interpret(net.graph, in)[0], tolerance(4, 1, 16));
  }
}

TEST(Run, TheBiasOfAProductIsAddedByItsKernel) {
  testing::Net net(1);
  const auto x = net.input({Dim::symbol("N"), 5, 12}, "x");
  const auto residual = net.input({Dim::symbol("N"), 5, 40}, "residual");
  const auto bias = net.builder().constant(random_tensor({40}, 8, 1));
  const Tensor weight = random_tensor({12, 40}, 5, 1);
  for (const Encoding* encoding : {&dense_encoding, &f16_encoding, &i8_channel_encoding}) {
    const auto w = net.graph.add_constant("w", encoding->encode(weight, 1));
    const auto sum = net.add(bias, net.op("MatMul", {x, w}));
    net.graph.outputs.push_back(net.relu(net.add(sum, residual)));
  }
  for (const int threads : {1, 3}) {
    Session session(net.graph, with_threads(threads));
    EXPECT_EQ(session.program().steps().size(), 3u);
    for (const std::int64_t n : {1, 4}) {
      const Tensor in[] = {random_tensor({n, 5, 12}, 6, 1), random_tensor({n, 5, 40}, 7, 1)};
      const auto expected = ir::interpret(net.graph, in);
      const auto got = session.run(in);
      for (std::size_t i = 0; i < 3; ++i) {
        expect_close(got[i], expected[i], tolerance(14, 1, 4 * 4));
      }
    }
  }
}

/// Attention reads its heads where they lie; every way in which a product may see them.
TEST(Run, TransposedOperandsOfProductsStayWhereTheyAre) {
  using Perm = std::vector<std::int64_t>;
  testing::Net net(1);
  const Dim n = Dim::symbol("N");
  const auto a = net.input({n, 7, 3, 12}, "a");
  const auto columns = net.op("Transpose", {a}, {{"perm", Perm{0, 2, 3, 1}}});
  const auto rows =
      net.op("Transpose", {net.input({n, 7, 3, 12}, "b")}, {{"perm", Perm{0, 2, 1, 3}}});
  const auto scores = net.op("MatMul", {rows, columns});
  const auto scaled = net.op("Div", {scores, net.builder().constant(Tensor::scalar(3.0f))});
  const auto values =
      net.op("Transpose", {net.input({1, 7, 3, 40}, "c")}, {{"perm", Perm{0, 2, 1, 3}}});
  const auto mixed = net.op("MatMul", {net.op("Softmax", {scaled}), values});
  const auto flat = net.op("Transpose", {net.input({7, 5, 12}, "d")}, {{"perm", Perm{1, 2, 0}}});
  const auto other = net.op("Transpose", {net.input({7, 5, 6}, "e")}, {{"perm", Perm{1, 0, 2}}});
  net.graph.outputs = {mixed, scaled, net.op("MatMul", {flat, other})};
  for (const int threads : {1, 3}) {
    Session session(net.graph, with_threads(threads));
    for (const std::int64_t batch : {1, 2, 0}) {
      const Tensor in[] = {random_tensor({batch, 7, 3, 12}, 3, 1),
                           random_tensor({batch, 7, 3, 12}, 4, 1),
                           random_tensor({1, 7, 3, 40}, 5, 1), random_tensor({7, 5, 12}, 6, 1),
                           random_tensor({7, 5, 6}, 7, 1)};
      const auto expected = ir::interpret(net.graph, in);
      const auto got = session.run(in);
      ASSERT_EQ(session.program().steps().size(), 4u);
      // Scores reach 12 x 4 x 4; the exponential of Softmax amplifies what is off in them.
      const double scores_off = tolerance(14, 1, 12 * 4 * 4);
      expect_close(got[1], expected[1], scores_off);
      expect_close(got[0], expected[0], tolerance(9, 1, 4) + 4 * 2 * scores_off);
      expect_close(got[2], expected[2], tolerance(7, 1, 7 * 4 * 4));
    }
  }
}

SymbolicShape symbolic(const Shape& shape) { return {shape.begin(), shape.end()}; }

/// Files may hold fused nodes as no pass makes them.
TEST(Run, FusedNodesOfOtherShapesAreComputedToo) {
  const auto matrix = [](std::int64_t rows, std::int64_t columns) {
    return ir::TensorType{DType::f32, {Dim(rows), Dim(columns)}};
  };
  for (const Shape& addend : {Shape{1}, Shape{4, 1}, Shape{3, 1, 20}}) {
    auto body = std::make_shared<ir::Graph>();
    ir::Builder inside(*body);
    const auto a = body->add_input("a", matrix(4, 8)), b = body->add_input("b", matrix(8, 20));
    const ir::ValueId c = body->add_input("c", {DType::f32, symbolic(addend)});
    body->outputs = {inside.op("Add", {inside.op("MatMul", {a, b}), c})};
    testing::Net net(1);
    const auto x = net.input({4, 8}, "x");
    net.graph.outputs = {net.op("strata.Fused",
                                {x, net.builder().constant(random_tensor({8, 20}, 2, 1)),
                                 net.builder().constant(random_tensor(addend, 3, 1))},
                                {{"body", ir::Subgraph(body)}})};
    const Tensor in = random_tensor({4, 8}, 4, 1);
    expect_close(Session(net.graph).run(std::span(&in, 1))[0],
                 ir::interpret(net.graph, std::span(&in, 1))[0], tolerance(9, 1, 16));
  }
}

TEST(Run, FusedTransposesOfAnyRankAreComputedToo) {
  using Perm = std::vector<std::int64_t>;
  const std::pair<Shape, Perm> cases[] = {
      {{8, 4}, {1, 0}}, {{4, 8, 2}, {2, 0, 1}}, {{1, 2, 3, 8, 4}, {0, 1, 2, 4, 3}}};
  for (const auto& [shape, perm] : cases) {
    auto body = std::make_shared<ir::Graph>();
    ir::Builder inside(*body);
    const auto a = body->add_input("a", {DType::f32, symbolic(shape)});
    const auto b = body->add_input("b", {DType::f32, {Dim(8), Dim(5)}});
    const auto turned = inside.op("Transpose", {a}, {{"perm", perm}});
    body->outputs = {inside.op("MatMul", {turned, b})};
    testing::Net net(1);
    const auto x = net.input(symbolic(shape), "x"), y = net.input({8, 5}, "y");
    net.graph.outputs = {net.op("strata.Fused", {x, y}, {{"body", ir::Subgraph(body)}})};
    const Tensor in[] = {random_tensor(shape, 4, 1), random_tensor({8, 5}, 5, 1)};
    expect_close(Session(net.graph).run(in)[0], ir::interpret(net.graph, in)[0],
                 tolerance(8, 1, 16));
  }
}

TEST(Run, WeightsThatShareCodesKeepTheirOwnScales) {
  testing::Net net(1);
  const auto x = net.input({4, 8}, "x");
  const Tensor codes = i8_tensor_encoding.encode(random_tensor({8, 16}, 5, 1), 0).parts[0];
  std::vector<ir::ValueId> products;
  for (const float scale : {0.01f, 1.0f}) {
    EncodedTensor weight;
    weight.encoding = &i8_tensor_encoding;
    weight.shape = {8, 16};
    weight.parts = {codes, Tensor::scalar(scale)};
    products.push_back(net.op("MatMul", {x, net.graph.add_constant("w", weight)}));
  }
  net.graph.outputs = products;
  Session session(net.graph);
  const Tensor in = random_tensor({4, 8}, 6, 1);
  const auto expected = ir::interpret(net.graph, std::span(&in, 1));
  const auto got = session.run(std::span(&in, 1));
  expect_close(got[0], expected[0], tolerance(8, 1, 127 * 0.01 * 4));
  expect_close(got[1], expected[1], tolerance(8, 1, 127 * 4));
}

TEST(Run, ShapesComputedInTheGraphFollowTheInput) {
  testing::Net net(1);
  auto x = net.input({Dim::symbol("N"), 4, 6});
  auto shape = net.op("Shape", {x});
  auto batch =
      net.op("Gather", {shape, net.builder().constant(Tensor::from<std::int64_t>({1}, {0}))});
  auto target =
      net.op("Concat", {batch, net.builder().integers({-1})}, {{"axis", std::int64_t(0)}});
  net.graph.outputs = {net.relu(net.op("Reshape", {x, target}))};
  Session session(net.graph);
  for (std::int64_t n : {1, 3}) {
    const Tensor in = random_tensor({n, 4, 6}, 2, 1);
    EXPECT_EQ(session.run(std::span(&in, 1))[0].shape(), (Shape{n, 24}));
  }
}

}  // namespace
}  // namespace strata::runtime
