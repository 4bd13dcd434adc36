#include "strata/runtime/packing.hpp"

#include <gtest/gtest.h>

#include "strata/kernels/kernels.hpp"
#include "strata/kernels/packing_version.hpp"
#include "strata/runtime/session.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::random_tensor;

/// What a file keeps of a network: its graph after all passes, and its packed weights.
struct Kept {
  ir::Graph graph;
  ir::PackedSet packed;
};

Kept kept() {
  const Session session(testing::small_residual_network());
  return {session.graph(), packed_weights(session.program())};
}

SessionOptions with(const Kept& kept) {
  SessionOptions options;
  options.target.packed->offer(kept.graph, kept.packed, options.target.rows);
  return options;
}

std::vector<Tensor> inputs(const Session& session) {
  std::vector<Tensor> tensors;
  for (const ir::TensorType& type : session.input_types()) {
    DimValues ones;
    std::vector<std::string> symbols;
    for (const Dim& dim : type.shape) dim.collect_symbols(symbols);
    for (const std::string& symbol : symbols) ones.set(symbol, 1);
    tensors.push_back(random_tensor(evaluate(type.shape, ones), 7, 1));
  }
  return tensors;
}

void expect_identical(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(identical(a[i], b[i])) << i;
}

TEST(PackedWeights, AreUsedWhereTheyLie) {
  const Kept file = kept();
  ASSERT_FALSE(file.packed.weights.empty());
  const SessionOptions plain, mapped = with(file);
  Session expected(file.graph, plain), session(file.graph, mapped);
  EXPECT_EQ(mapped.target.packed->spared(), file.packed.weights.size());
  EXPECT_EQ(plain.target.packed->spared(), 0u);
  EXPECT_EQ(mapped.target.packed->packings() + mapped.target.packed->spared(),
            plain.target.packed->packings());
  expect_identical(session.run(inputs(session)), expected.run(inputs(expected)));
}

TEST(PackedWeights, OfOtherKernelsAreNotUsed) {
  Kept file = kept();
  file.packed.version ^= 1;
  const SessionOptions other = with(file);
  const Session repacked(file.graph, other);
  EXPECT_EQ(other.target.packed->spared(), 0u);

  // Nor those of another row, form or size, or of constants that there are not.
  using Damage = void (*)(ir::PackedWeights&);
  constexpr Damage damages[] = {
      [](ir::PackedWeights& weights) { weights.row = "no_such_row"; },
      [](ir::PackedWeights& weights) { weights.form += 1; },
      [](ir::PackedWeights& weights) { weights.bytes = Tensor::zeros(DType::u8, Shape{64}); },
      [](ir::PackedWeights& weights) { weights.sources.back().value = "no such constant"; },
  };
  for (const Damage damage : damages) {
    file = kept();
    ASSERT_FALSE(file.packed.weights.empty());
    for (ir::PackedWeights& weights : file.packed.weights) damage(weights);
    const SessionOptions none = with(file);
    const Session session(file.graph, none);
    EXPECT_EQ(none.target.packed->spared(), 0u);
  }
}

TEST(PackedWeights, ThatAreNotAlignedArePackedAgain) {
  Kept file = kept();
  for (ir::PackedWeights& weights : file.packed.weights) {
    const std::size_t size = weights.bytes.size_bytes();
    auto room = std::make_shared<Tensor>(Tensor::zeros(DType::u8, Shape{std::int64_t(size) + 1}));
    auto* at = static_cast<std::byte*>(room->mutable_raw()) + 1;
    std::ranges::copy(weights.bytes.bytes(), at);
    weights.bytes =
        Tensor::borrow(DType::u8, Shape{std::int64_t(size)}, static_cast<const void*>(at), room);
  }
  const SessionOptions options = with(file);
  const Session session(file.graph, options);
  EXPECT_EQ(options.target.packed->spared(), 0u);
}

// A file may hold anything: no kernel takes an address from what is packed.
TEST(PackedWeights, OfAnyBytesOnlyChangeNumbers) {
  constexpr std::uint64_t seed = 20261122;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 8; ++round) {
    Kept file = kept();
    for (ir::PackedWeights& weights : file.packed.weights) {
      Tensor bytes = weights.bytes.clone();
      for (std::uint8_t& byte : bytes.mutable_data<std::uint8_t>()) {
        byte = std::uint8_t(random.below(256));
      }
      weights.bytes = bytes;
    }
    const SessionOptions options = with(file);
    Session session(file.graph, options);
    EXPECT_EQ(options.target.packed->spared(), file.packed.weights.size());
    EXPECT_EQ(session.run(inputs(session)).size(), 1u);
  }
}

}  // namespace
}  // namespace strata::runtime
