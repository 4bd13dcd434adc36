#include "strata/runtime/blocks.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::Net;

/// The first layers of a MobileNet V2, on `side` x `side` pixels: an inverted bottleneck whose
/// result has two readers.
ir::Graph bottleneck(std::int64_t side) {
  Net net(7);
  ir::ValueId x = net.relu(net.conv(net.input({Dim::symbol("N"), 3, side, side}), 32, 3, 2));
  x = net.relu(net.conv(x, 32, 3, 1, 32));
  x = net.conv(x, 16, 1);
  ir::ValueId wide = net.relu(net.conv(x, 96, 1));
  wide = net.relu(net.conv(wide, 96, 3, 1, 96));
  x = net.add(net.conv(wide, 16, 1), x);
  net.graph.outputs = {net.relu(net.conv(x, 24, 1))};
  return net.graph;
}

/// As on a machine whose kernels are known, with a small second-level cache.
SessionOptions options(bool blocks, int threads) {
  SessionOptions options;
  options.threads = threads;
  options.target.machine.l2_bytes = 512 << 10;
  if (!blocks) options.passes.off = {"blocks"};
  return options;
}

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  const auto* data = static_cast<const std::byte*>(tensor.raw());
  return {data, data + tensor.size_bytes()};
}

TEST(Blocks, GiveTheSameBitsWithLessMemory) {
  const ir::Graph graph = bottleneck(160);
  const Tensor x = testing::random_tensor({2, 3, 160, 160}, 11, 1);
  Session whole(graph, options(false, 1));
  const std::vector<std::byte> expected = bytes_of(whole.run(std::span(&x, 1))[0]);
  const Binding& plain = *whole.bindings()[0];
  EXPECT_TRUE(plain.blocks().empty());
  for (const int threads : {1, 2, 3}) {
    Session session(graph, options(true, threads));
    EXPECT_EQ(bytes_of(session.run(std::span(&x, 1))[0]), expected) << threads << " threads";
    const Binding& binding = *session.bindings()[0];
    if (!has_isa(detected_isa(), Isa::avx2)) continue;  // elsewhere arithmetic decides
    ASSERT_FALSE(binding.blocks().empty());
    EXPECT_LT(binding.peak_bytes(), plain.peak_bytes());
    for (const BoundBlock& block : binding.blocks()) {
      EXPECT_GT(block.saved_seconds, 0);
      for (const std::size_t step : block.steps) {
        EXPECT_EQ(binding.steps()[step].skipped, step != block.steps.back());
      }
    }
  }
}

TEST(Blocks, LeaveDeadBuffersAlone) {
  const Tensor x = testing::random_tensor({1, 3, 160, 160}, 12, 1);
  Session session(bottleneck(160), options(true, 2));
  const std::vector<std::byte> expected = bytes_of(session.run(std::span(&x, 1))[0]);
  const Shape shape = x.shape();
  Context& context = session.context(std::span(&shape, 1));
  context.poison_dead_buffers(std::byte(0xff));
  EXPECT_EQ(bytes_of(session.run(std::span(&x, 1))[0]), expected);
}

TEST(Blocks, AreNotMadeOfWhatFitsTheCache) {
  const Tensor x = testing::random_tensor({1, 3, 32, 32}, 13, 1);
  Session session(bottleneck(32), options(true, 1));
  session.run(std::span(&x, 1));
  EXPECT_TRUE(session.bindings()[0]->blocks().empty());
}

}  // namespace
}  // namespace strata::runtime
