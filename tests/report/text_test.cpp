#include "strata/report/text.hpp"

#include <gtest/gtest.h>

#include "strata/base/random.hpp"

namespace strata::report {
namespace {

TEST(text, printable_disarms_names) {
  EXPECT_EQ(printable("conv1/Relu:0"), "conv1/Relu:0");
  EXPECT_EQ(printable("größe 深度"), "größe 深度");
  EXPECT_EQ(printable("a\x1b[31mb"), "a\uFFFD[31mb");
  EXPECT_EQ(printable("a\r\nb\tc"), "a  b c");
  EXPECT_EQ(printable("a\u202Eb"), "a\uFFFDb") << "right-to-left override";
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\uFFFDb");
}

TEST(text, printable_repairs_malformed_utf8) {
  EXPECT_EQ(printable("\xFF"), "\uFFFD");
  EXPECT_EQ(printable("\xC3"), "\uFFFD") << "truncated";
  EXPECT_EQ(printable("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(printable("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "surrogate";
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "above U+10FFFF";
}

TEST(text, printable_is_idempotent_on_random_bytes) {
  const std::uint64_t seed = 9;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random.below(24), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    const std::string once = printable(bytes);
    EXPECT_EQ(printable(once), once);
    EXPECT_EQ(html_escape(bytes).find_first_of("<>\"'\x1b"), std::string::npos);
    EXPECT_LE(display_width(shortened(once, 7)), 7u);
  }
}

TEST(text, width_counts_columns) {
  EXPECT_EQ(display_width("µs"), 2u);
  EXPECT_EQ(display_width("深度"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u) << "a combining accent takes no column";
}

TEST(text, shortened_keeps_both_ends) {
  EXPECT_EQ(shortened("model/block_3/conv2d", 9), "mode…nv2d");
  EXPECT_EQ(shortened("short", 5), "short");
  EXPECT_EQ(shortened("深度学习模型", 6), "深…型") << "never half a wide character";
  EXPECT_EQ(shortened("abc", 1), "…");
  EXPECT_EQ(shortened("abc", 0), "");
}

TEST(text, html_escape) {
  EXPECT_EQ(html_escape("<a href=\"x\" b='y'>&"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
}

TEST(text, wraps_at_blanks) {
  EXPECT_EQ(wrapped("one two three", 20, 0), "one two three");
  EXPECT_EQ(wrapped("one two three", 8, 0), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 10, 4), "one\n    two\n    three");
  EXPECT_EQ(wrapped("one unbreakable two", 8, 2), "one\n  unbreakable\n  two");
  EXPECT_EQ(wrapped("µs µs µs", 5, 0), "µs µs\nµs");
  EXPECT_EQ(wrapped("", 5, 3), "");
}

}  // namespace
}  // namespace strata::report
