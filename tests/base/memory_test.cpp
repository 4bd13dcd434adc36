#include "strata/base/memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

namespace strata {
namespace {

TEST(Memory, LargeBlocksBeginWithAPageAndAreZero) {
  for (const std::size_t size : {std::size_t(1), large_page, 3 * large_page + 5}) {
    const auto block = allocate_large(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.get()) % large_page, 0u);
    EXPECT_TRUE(std::all_of(block.get(), block.get() + size,
                            [](std::byte b) { return b == std::byte(0); }));
    std::fill(block.get(), block.get() + size, std::byte(1));
    EXPECT_EQ(block.get()[size - 1], std::byte(1));
  }
}

TEST(Memory, PreferringLargePagesKeepsWhatIsThere) {
  std::vector<std::byte> bytes(5 * large_page + 3, std::byte(7));
  for (const std::size_t begin : {std::size_t(0), std::size_t(1), large_page - 1}) {
    for (const std::size_t size : {std::size_t(0), large_page, 3 * large_page + 1}) {
      prefer_large_pages(bytes.data() + begin, size);
    }
  }
  prefer_large_pages(nullptr, 0);
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte(7); }));
}

TEST(Memory, WhatNoMachineHasIsRefused) {
  EXPECT_THROW(allocate_large(std::size_t(1) << 60), std::bad_alloc);
}

}  // namespace
}  // namespace strata
