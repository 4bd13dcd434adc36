#include "strata/formats/onnx/message.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "strata/base/file.hpp"

namespace strata::formats::onnx {
namespace {

namespace fs = std::filesystem;

Message message(std::string_view bytes) { return Message(std::as_bytes(std::span(bytes))); }

template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    return error.what();
  }
  return "no error";
}

// Reads a file of one field as text, bytes, an integer, ... and returns the error.
std::string reading_text(std::string_view bytes) {
  return error_of([&] {
    Message m = message(bytes);
    while (m.next()) m.text();
  });
}
std::string skipping(std::string_view bytes) {
  return error_of([&] {
    for (Message m = message(bytes); m.next();) {
    }
  });
}

// The worked example of protobuf's encoding guide: field 1 holds 150.
TEST(Message, ReadsTheExampleOfTheFormat) {
  Message m = message("\x08\x96\x01");
  ASSERT_TRUE(m.next());
  EXPECT_EQ(m.field(), 1);
  EXPECT_EQ(m.integer(), 150);
  EXPECT_FALSE(m.next());
}

TEST(Message, NegativeIntegersTakeTenBytes) {
  Message m = message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  ASSERT_TRUE(m.next());
  EXPECT_EQ(m.integer(), -1);
}

// Protobuf's own readers stop at 2 GiB, and 32 bits at 4.
TEST(Message, FieldsMayBeLargerThan32BitsTell) {
  const fs::path path = fs::path(testing::TempDir()) / fmt::format("large-{}", getpid());
  constexpr std::uint64_t length = (std::uint64_t(5) << 30) + 3;
  const std::string head("\x0a\x83\x80\x80\x80\x14", 6), tail("\x10\x07", 2);
  {
    std::ofstream file(path, std::ios::binary);
    file << head;
    file.seekp(std::streamoff(head.size() + length));
    file << tail;
  }
  const MappedFile file = MappedFile::open(path);
  Message m(file.bytes());
  ASSERT_TRUE(m.next());
  EXPECT_EQ(m.bytes().size(), length);
  ASSERT_TRUE(m.next());
  EXPECT_EQ(m.field(), 2);
  EXPECT_EQ(m.integer(), 7);
  Message skipped(file.bytes());
  ASSERT_TRUE(skipped.next() && skipped.next());
  EXPECT_EQ(skipped.integer(), 7);
  Message cut(file.bytes().first(std::size_t(1) << 30));
  ASSERT_TRUE(cut.next());
  EXPECT_THROW(cut.bytes(), Error);
  fs::remove(path);
}

TEST(Message, SkipsWhatIsNotRead) {
  using namespace std::string_view_literals;
  Message m = message("\x08\x05\x12\x03xyz\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0\x28\x07"sv);
  while (m.next() && m.field() != 5) {
  }
  EXPECT_EQ(m.integer(), 7);
}

TEST(Message, RepeatedNumbersPackedOrNot) {
  std::vector<std::int64_t> values;
  Message m = message("\x0a\x03\x01\x96\x01\x08\x02");
  while (m.next()) m.integers([&](std::int64_t value) { values.push_back(value); });
  EXPECT_EQ(values, (std::vector<std::int64_t>{1, 150, 2}));
}

TEST(Message, RepeatedFloatsPackedOrNot) {
  using namespace std::string_view_literals;
  std::vector<float> values;
  Message m = message("\x0a\x08\0\0\x80\x3f\0\0\0\x40\x0d\0\0\x40\x40"sv);
  while (m.next()) m.fixed<float>([&](float value) { values.push_back(value); });
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3}));
}

TEST(Message, ErrorsNameTheByte) {
  EXPECT_EQ(skipping("\x08"), "at byte 1: the message ends within a field");
  EXPECT_EQ(skipping("\x08\x01\x12\x7fx"), "at byte 4: the message ends within a field");
  EXPECT_EQ(skipping("\x08\x01\x0b"), "at byte 3: no protobuf field starts here");
  EXPECT_EQ(skipping("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "at byte 1: an integer of more than 10 bytes");
  EXPECT_EQ(skipping(std::string_view("\0", 1)), "at byte 1: no protobuf field starts here");
}

TEST(Message, FieldOfAnotherWireType) {
  EXPECT_EQ(reading_text("\x08\x01"), "at byte 1: field 1 has wire type 0, expected 2");
}

TEST(Message, OffsetsInsideNestedMessagesCountFromTheFile) {
  Message m = message("\x08\x01\x12\x02\x08\x80");
  ASSERT_TRUE(m.next());
  ASSERT_TRUE(m.next());
  Message inner = m.message();
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(error_of([&] { inner.integer(); }), "at byte 5: the message ends within a field");
}

TEST(Message, PackedFloatsOfOddLength) {
  EXPECT_EQ(error_of([] {
              Message m = message("\x0a\x03xyz");
              m.next();
              m.fixed<float>([](float) {});
            }),
            "at byte 5: a packed list of 3 bytes, expected a multiple of 4");
}

TEST(Message, TextIsUtf8) {
  EXPECT_EQ(reading_text("\x0a\x02\xc3\xa9"), "no error");          // U+00E9
  EXPECT_EQ(reading_text("\x0a\x04\xf0\x9f\x98\x80"), "no error");  // U+1F600
  for (const std::string bytes :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf", "a\x80"}) {
    std::string file = "\x0a";
    file += char(bytes.size());
    EXPECT_EQ(reading_text(file + bytes),
              fmt::format("at byte {}: a name that is not UTF-8 text", file.size() + bytes.size()));
  }
  EXPECT_EQ(reading_text(std::string("\x0a\x03"
                                     "a\0b",
                                     5)),
            "at byte 5: a name that is not UTF-8 text");
}

}  // namespace
}  // namespace strata::formats::onnx
