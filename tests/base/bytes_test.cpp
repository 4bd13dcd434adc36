#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "strata/base/byte_reader.hpp"
#include "strata/base/checked.hpp"

namespace strata {
namespace {

TEST(ByteReader, ReadsLittleEndianInOrder) {
  const std::array<std::uint8_t, 7> bytes = {0x01, 0x34, 0x12, 0x00, 0x00, 0x80, 0x3f};
  ByteReader reader(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(reader.read<std::uint8_t>(), 1);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x1234);
  EXPECT_EQ(reader.offset(), 3u);
  EXPECT_EQ(reader.read<float>(), 1.0f);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, EveryTruncationNamesTheOffset) {
  const std::array<std::byte, 8> bytes{};
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::span<const std::byte>(bytes).first(length));
    try {
      reader.read<std::uint64_t>();
      FAIL() << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), fmt::format("at byte 0: 8 bytes wanted, {} left", length));
    }
    EXPECT_EQ(reader.offset(), 0u) << "a refused read moves nothing";
  }
}

TEST(ByteReader, HugeLengthDoesNotWrap) {
  const std::array<std::byte, 8> bytes{};
  ByteReader reader(bytes);
  reader.read<std::uint32_t>();
  EXPECT_THROW(reader.take(std::numeric_limits<std::size_t>::max()), Error);
  EXPECT_EQ(reader.take(4).size(), 4u);
}

TEST(Checked, GivesNothingInsteadOfWrapping) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(checked_mul(1 << 20, 1 << 20), std::int64_t(1) << 40);
  EXPECT_EQ(checked_mul((std::int64_t(1) << 42) + 1, std::int64_t(1) << 22), std::nullopt);
  EXPECT_EQ(checked_mul(least, -1), std::nullopt);
  EXPECT_EQ(checked_add(most, 0), most);
  EXPECT_EQ(checked_add(most, 1), std::nullopt);
  EXPECT_EQ(checked_add(least, -1), std::nullopt);
}

}  // namespace
}  // namespace strata
