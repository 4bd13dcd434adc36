#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "strata/base/error.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using kernels::Precision;
using testing::random_tensor;
using testing::small_residual_network;

bool has_bf16() { return has_isa(detected_isa(), Isa::avx512_bf16); }

/// Convolutions with bf16 pinned to the row that computes on it, where it takes them.
SessionOptions on_bf16(const ir::Graph& graph, int threads) {
  SessionOptions options;
  options.threads = threads;
  options.target.precision = Precision::bf16;
  const Session session(graph, options);
  for (const Step& step : session.program().steps()) {
    if (step.op == "Conv") {
      options.target.pins.push_back({step.name, "conv_bf16_direct_avx512_bf16"});
    }
  }
  return options;
}

int bf16_steps(const Session& session) {
  const auto& steps = session.program().steps();
  return int(std::ranges::count_if(
      steps, [](const Step& step) { return step.row->precision == Precision::bf16; }));
}

std::string usage_error(const ir::Graph& graph, const SessionOptions& options) {
  try {
    Session session(graph, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

TEST(Precision, NamesAreParsed) {
  EXPECT_EQ(parse_precision("f32"), Precision::f32);
  EXPECT_EQ(parse_precision("bf16"), Precision::bf16);
  EXPECT_THROW(parse_precision("f16"), Error);
}

TEST(Precision, RowsOfBf16SayThatPrecisionIsF32UnlessAskedFor) {
  if (!has_bf16()) GTEST_SKIP() << "this processor has no bf16";
  const Session session(small_residual_network());
  EXPECT_EQ(bf16_steps(session), 0);
  int explained = 0;
  for (const Step& step : session.program().steps()) {
    for (const Rejection& rejection : step.rejections) {
      if (rejection.row.find("bf16") == std::string_view::npos) continue;
      EXPECT_EQ(rejection.reason, "precision is f32") << rejection.row;
      ++explained;
    }
  }
  EXPECT_GT(explained, 0);
}

TEST(Precision, Bf16IsRefusedWithoutItsInstructions) {
  SessionOptions options;
  options.target.precision = Precision::bf16;
  options.target.isa = Isa::baseline;
  const std::string message = usage_error(small_residual_network(), options);
  EXPECT_NE(message.find("precision bf16 needs the instruction set avx512_bf16"), message.npos)
      << message;
}

TEST(Precision, Bf16IsCloseAndTheSameOnAnyNumberOfThreads) {
  if (!has_bf16()) GTEST_SKIP() << "this processor has no bf16";
  const ir::Graph graph = small_residual_network();
  Session one(graph, on_bf16(graph, 1)), two(graph, on_bf16(graph, 2));
  EXPECT_GT(bf16_steps(one), 0);
  for (const std::int64_t batch : {1, 3}) {
    const Tensor x = random_tensor({batch, 3, 21, 19}, 5, 1);
    const Tensor got = one.run(std::span(&x, 1))[0];
    const Tensor other = two.run(std::span(&x, 1))[0];
    const Tensor expected = ir::interpret(graph, std::span(&x, 1))[0];
    double largest = 0, error = 0;
    for (std::size_t i = 0; i < expected.data<float>().size(); ++i) {
      EXPECT_EQ(got.data<float>()[i], other.data<float>()[i]);
      largest = std::max(largest, double(std::abs(expected.data<float>()[i])));
      error = std::max(error, double(std::abs(got.data<float>()[i] - expected.data<float>()[i])));
    }
    // Each layer rounds both factors of its products; weights keep magnitudes as they are.
    const double layers = double(bf16_steps(one));
    EXPECT_LE(error, layers * 2.0 / 256 * std::max(largest, 1.0)) << "batch " << batch;
    EXPECT_GT(error, 0);
  }
}

TEST(Precision, StaysF32WhereLittleIsWonForIt) {
  if (!has_bf16()) GTEST_SKIP() << "this processor has no bf16";
  testing::Net net(3);
  const ir::ValueId x = net.input({1, 3, 64, 64});
  const ir::ValueId few_products = net.conv(x, 64, 3);
  const ir::ValueId many = net.conv(few_products, 64, 3, 2);
  net.graph.outputs = {net.conv(many, 16, 1)};
  SessionOptions options;
  options.target.precision = Precision::bf16;
  const Session session(net.graph, options);
  std::vector<Precision> taken;
  for (const Step& step : session.program().steps()) {
    if (step.op == "Conv") taken.push_back(step.row->precision);
  }
  EXPECT_EQ(taken, (std::vector{Precision::f32, Precision::bf16, Precision::f32}));
}

}  // namespace
}  // namespace strata::runtime
